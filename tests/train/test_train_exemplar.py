import json
import math

import pytest
import torch

from study.train.exemplar import Distortions, _gradient_energy, distorted, draw_centres, draw_distortions
from study.train.films import Films

SETTINGS = {"patch": 0.5, "translation": 0.2, "scale": (0.7, 1.4), "rotation": 20.0, "contrast": 0.3}
STILL = {"patch": 0.5, "translation": 0.0, "scale": (1.0, 1.0), "rotation": 0.0, "contrast": 0.0}


def test_a_view_without_distortion_is_the_patch_itself_enlarged() -> None:
    # 8 px film, patch of 4 px around the centre of the upper left quarter: each pixel twice as large.
    images = torch.rand(1, 1, 8, 8)
    views = draw_distortions(torch.tensor([[-0.5, -0.5]]), STILL, torch.Generator().manual_seed(0))
    seen = distorted(images, views)
    expected = torch.nn.functional.interpolate(
        torch.nn.functional.pad(images[:, :, :5, :5], (1, 0, 1, 0), mode="replicate"), scale_factor=2, mode="bilinear"
    )
    torch.testing.assert_close(seen, expected[:, :, 2:10, 2:10])


def test_a_turn_of_ninety_degrees_is_lossless() -> None:
    images = torch.rand(2, 1, 6, 6)
    angle = math.pi / 2
    turn = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
    views = Distortions(turn.expand(2, 2, 3), torch.ones(2), torch.zeros(2))
    torch.testing.assert_close(distorted(images, views), images.rot90(1, dims=(2, 3)), atol=1e-5, rtol=0)


def test_distortions_stay_in_their_ranges_and_fill_them() -> None:
    centres = torch.zeros(4000, 2)
    views = draw_distortions(centres, SETTINGS, torch.Generator().manual_seed(0))
    extent = views.affine[:, :, 0].norm(dim=1)
    zoom, angle = 0.5 / extent, torch.atan2(views.affine[:, 1, 0], views.affine[:, 0, 0]).rad2deg()
    for values, low, high in (
        (zoom, 0.7, 1.4),
        (angle, -20.0, 20.0),
        (views.affine[:, 0, 2], -0.2, 0.2),  # 0.2 of a patch of half the film: 0.1 films, 0.2 in [-1, 1]
        (views.affine[:, 1, 2], -0.2, 0.2),
        (views.contrast, 0.7, 1.3),
        (views.shift, -0.3, 0.3),
    ):
        assert low - 1e-5 <= float(values.min()) < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < float(values.max()) <= high + 1e-5
    assert abs(float(zoom.log().mean()) - math.log(0.7 * 1.4) / 2) < 0.02


def test_patches_are_drawn_where_grey_levels_change(films) -> None:
    dataset = films(unlabelled=200, size=16)
    dataset.images[:] = 100
    dataset.images[:, 11:13, 11:13] = 200  # only there
    everything = Films(dataset, dataset.rows("unlabelled"), 1, torch.device("cpu"))
    centres = draw_centres(everything, 0.5, torch.Generator().manual_seed(0))
    assert centres.shape == (200, 2)
    assert float(centres.min()) > -0.25  # patches that touch the square
    assert float(centres.max()) <= 0.5
    dataset.images[:] = 100
    centres = draw_centres(everything, 0.5, torch.Generator().manual_seed(0))
    assert len({tuple(centre) for centre in centres.tolist()}) > 40  # of 49, all equally likely


def test_gradient_energy_is_the_mean_over_the_patch() -> None:
    images = torch.zeros(1, 1, 8, 8)
    images[0, 0, 0, 0] = 2.0  # one step to the right, one down: 4 + 4
    energy = _gradient_energy(images, 0.5)[0]
    assert energy[0] == pytest.approx(8 / 16)
    assert float(energy[1:].abs().max()) in (0.0, pytest.approx(8 / 16))  # places round to the same window or none


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_exemplars_are_told_apart_beside_the_chance_level(model: str, films, trained) -> None:
    dataset = films(unlabelled=20, size=32)
    out = trained(
        "exemplar",
        model,
        dataset,
        epochs=30,
        batch_size=10,
        exemplars=10,
        lr=3e-3,
        scale=(0.9, 1.1),
        rotation=5.0,
        translation=0.1,
    )
    facts = json.loads((out / "facts.json").read_text())
    assert (facts["n_films"], facts["n_exemplars"], facts["chance"]) == (20, 10, 0.1)
    assert facts["accuracy"] > 0.3
    assert facts["failed"] is False


def test_there_are_at_most_as_many_exemplars_as_films(films, trained) -> None:
    facts = json.loads((trained("exemplar", "vit_phantom", films(unlabelled=6), epochs=1) / "facts.json").read_text())
    assert (facts["n_exemplars"], facts["chance"]) == (6, 1 / 6)
