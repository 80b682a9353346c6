"""ROAD: imputation against a sparse solver, the numbers of pixels removed, and the score by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from measure_toys import Counter, explained
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from torch import Tensor
from torch.nn import functional as F

from study.measure import imputation, perturb, score
from study.measure.imputation import impute, impute_directly
from study.measure.multigrid import bordered, neighbours
from study.measure.orders import road_counts
from study.measure.road import road, road_lerf, road_morf
from study.records import Curves

SIZE = (40, 29)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def masks() -> dict[str, Tensor]:
    """Missing pixels as maps leave them, and those a solver may stumble over: True is missing."""
    rows, columns = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing="ij")
    noise = torch.rand(SIZE, generator=generator(1))
    smooth = F.interpolate(torch.rand(1, 1, 5, 4, generator=generator(2)), size=SIZE, mode="bicubic")[0, 0]
    found = {"nothing": noise > 2, "one": (rows == 7) & (columns == 3), "all but one": (rows != 0) | (columns != 0)}
    found |= {f"noise {q}": noise < q for q in (0.1, 0.5, 0.9, 0.99)}
    found |= {f"smooth {q}": smooth < smooth.quantile(q) for q in (0.1, 0.5, 0.9)}
    found["two corners known"] = (rows + columns > 0) & (rows + columns < sum(SIZE) - 2)
    found["left edge known"] = columns > 0
    found["stripes"] = columns % 4 > 0
    found["every other pixel"] = (rows + columns) % 2 > 0
    found["rings"] = (rows - 20).abs().maximum((columns - 14).abs()) % 5 > 0
    found["maze"] = (rows % 4 > 0) | ((columns == 0) & (rows % 8 == 0)) | ((columns == SIZE[1] - 1) & (rows % 8 == 4))
    return found


MASKS = masks()


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # pytorch-grad-cam with NumPy 2
@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mask_is_filled_as_by_the_sparse_solver_of_the_field(name: str, channels: int) -> None:
    images = torch.randn(1, channels, *SIZE, generator=generator(0)) + 3
    reference = NoisyLinearImputer(noise=0)(images[0], (~MASKS[name]).float()) if MASKS[name].any() else images[0]
    filled = impute(images, MASKS[name][None])[0]
    torch.testing.assert_close(filled, reference, atol=3e-5, rtol=0)
    assert torch.equal(filled[:, ~MASKS[name]], images[0][:, ~MASKS[name]])
    directly = impute_directly(images, MASKS[name][None])[0]
    torch.testing.assert_close(directly.float(), reference, atol=3e-6, rtol=0)


def test_a_pixel_is_the_weighted_mean_of_its_neighbours_by_hand() -> None:
    image = torch.tensor([[[[6.0, 12.0, 0.0], [0.0, -99.0, 0.0], [0.0, 0.0, 24.0]]]])
    missing = image[0] == -99.0
    # A sixth of the direct neighbour 12, a twelfth of the diagonal ones 6 and 24.
    assert impute(image, missing)[0, 0, 1, 1].item() == pytest.approx(12 / 6 + (6 + 24) / 12, abs=1e-5)
    corner = torch.zeros_like(missing)
    corner[0, 0, 0] = True
    image[0, 0, 1, 1] = 3.0
    # Direct neighbours 12 and 0, diagonal 3: weights 2, 2 and 1 of 5.
    assert impute(image, corner)[0, 0, 0, 0].item() == pytest.approx((2 * 12 + 3) / 5, abs=1e-5)


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (2, 2), (3, 50), (17, 16), (9, 8), (64, 33)])
def test_images_of_every_shape_are_filled(size: tuple[int, int]) -> None:
    images = torch.randn(4, 2, *size, generator=generator(0))
    missing = torch.rand(4, *size, generator=generator(1)) < 0.6
    missing[:, -1, -1] = False
    torch.testing.assert_close(impute(images, missing), impute_directly(images, missing).float(), atol=3e-5, rtol=0)


def test_a_smooth_ramp_comes_back_from_its_edges() -> None:
    """A plane is the mean of its neighbours: what is exact has to be found, across a hole of most of the image."""
    rows, columns = torch.meshgrid(torch.arange(150.0), torch.arange(90.0), indexing="ij")
    image = (0.01 * rows - 0.02 * columns)[None, None]
    missing = torch.zeros(1, 150, 90, dtype=torch.bool)
    missing[:, 1:-1, 1:-1] = True
    assert (impute(image, missing) - image).abs().max() < 1e-4 * image.abs().max()


def test_a_flat_image_stays_what_it_is_from_a_single_known_pixel() -> None:
    missing = torch.ones(2, 120, 100, dtype=torch.bool)
    missing[0, 0, 0] = missing[1, 60, 40] = False
    flat = torch.full((2, 3, 120, 100), 0.7)
    assert (impute(flat, missing) - 0.7).abs().max() < 1e-6


def test_scale_and_offset_of_the_grey_values_do_not_matter() -> None:
    images = torch.randn(1, 1, *SIZE, generator=generator(0))
    plain = impute(images, MASKS["smooth 0.9"][None])
    for scale, offset in ((1e-12, 0.0), (1e9, 0.0), (1.0, 200.0)):
        moved = (impute(images * scale + offset, MASKS["smooth 0.9"][None]) - offset) / scale
        torch.testing.assert_close(moved, plain, atol=2e-4 if offset else 3e-5, rtol=0)


def test_an_image_without_a_known_pixel_is_undefined_and_spoils_no_other() -> None:
    images = torch.randn(3, 1, *SIZE, generator=generator(0))
    missing = torch.stack((MASKS["noise 0.5"], torch.ones(SIZE, dtype=torch.bool), MASKS["smooth 0.5"]))
    filled = impute(images, missing)
    assert filled.isnan().flatten(1).all(dim=1).tolist() == [False, True, False]
    assert torch.equal(filled[[0, 2]], impute(images[[0, 2]], missing[[0, 2]]))


def test_what_is_filled_in_does_not_depend_on_the_batch_or_on_the_memory() -> None:
    images = torch.randn(len(MASKS), 2, *SIZE, generator=generator(0))
    missing = torch.stack(tuple(MASKS.values()))
    whole = impute(images, missing)
    for max_bytes in (1, 400_000):
        assert torch.equal(impute(images, missing, max_bytes=max_bytes), whole)
    assert torch.equal(
        torch.cat([impute(image[None], hole[None]) for image, hole in zip(images, missing, strict=True)]), whole
    )


def test_channels_that_are_equal_are_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fields: list[int] = []
    started = imputation._started
    monkeypatch.setattr(
        imputation, "_started", lambda images, hole: fields.append(images.shape[1]) or started(images, hole)
    )
    grey = torch.randn(1, 1, *SIZE, generator=generator(0))
    missing = MASKS["smooth 0.5"][None]
    assert torch.equal(impute(grey.expand(-1, 3, -1, -1), missing), impute(grey, missing).expand(-1, 3, -1, -1))
    assert fields == [1, 1]


def test_what_does_not_converge_is_factorised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imputation, "MAX_ROUNDS", 1)
    images = torch.randn(2, 1, *SIZE, generator=generator(0))
    missing = torch.stack((MASKS["smooth 0.9"], MASKS["nothing"]))
    filled = impute(images, missing)
    torch.testing.assert_close(filled, impute_directly(images, missing).float(), atol=1e-6, rtol=0)


def test_steps_needed_do_not_grow_with_the_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imputation, "MAX_ROUNDS", 4)  # at most sixteen steps, and no way out
    monkeypatch.setattr(imputation, "impute_directly", lambda *_: pytest.fail("did not converge"))
    for side in (32, 128, 300):
        missing = torch.ones(1, side, side, dtype=torch.bool)
        missing[0, 0, 0] = missing[0, -1, side // 2] = False
        filled = impute(torch.randn(1, 1, side, side, generator=generator(0)), missing)[0, 0]
        # Missing pixels are the mean of their neighbours, the known ones lie below and above all.
        degree = neighbours(bordered(torch.ones(side, side)))
        off = (neighbours(bordered(filled)) / degree - filled)[missing[0]]
        assert off.abs().max() < 1e-4


def test_rounding_of_single_precision_sums_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two known pixels in opposite corners: a residual of nothing but rounding stands for an error of 1e-4."""
    missing = torch.ones(1, 120, 120, dtype=torch.bool)
    missing[0, 0, 0] = missing[0, -1, 60] = False
    images = torch.randn(1, 1, 120, 120, generator=generator(0))
    exact = impute_directly(images, missing).float()
    for steps in (4, 40):
        monkeypatch.setattr(imputation, "FRESH", steps)
        torch.testing.assert_close(impute(images, missing), exact, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pixels", [7, 64, 1000, 4096, 50176])
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_as_many_pixels_go_as_lie_at_or_above_the_percentile(pixels: int, steps: int) -> None:
    steps = min(steps, pixels)
    values = np.random.default_rng(0).permutation(pixels).astype(np.float64)
    at_or_above = [int((values >= np.percentile(values, 100 - 100 * k / steps)).sum()) for k in range(1, steps)]
    assert road_counts(pixels, steps=steps).tolist() == [0, *at_or_above]


def test_there_are_never_more_steps_than_pixels_and_one_pixel_is_always_known() -> None:
    for pixels in range(1, 30):
        for steps in (1, 2, 5, 10, 99):
            counts = road_counts(pixels, steps=steps)
            assert counts[0] == 0
            assert counts[-1] < pixels
            assert (counts.diff() > 0).all()
            assert len(counts) == min(steps, pixels)


def test_road_scores_the_image_once_and_every_order_at_nine_fractions() -> None:
    counter = Counter()
    maps = torch.rand(3, 8, 8, generator=generator(0))
    images = torch.rand(3, 2, 8, 8, generator=generator(1))
    curves = perturb(explained(maps, images=images, predict=counter), baseline="road")
    assert len(counter.images) == 3 * (1 + 9 + 9)
    assert len(counter.images.flatten(1).unique(dim=0)) == 3 * 19
    assert curves.fractions.tolist() == (road_counts(64, steps=10) / 64).tolist()
    assert curves.deletion_morf.shape == curves.deletion_lerf.shape == (3, 10)
    assert torch.equal(curves.deletion_morf[:, 0], curves.deletion_lerf[:, 0])


def test_what_the_model_sees_is_the_image_with_the_first_pixels_of_the_order_imputed() -> None:
    counter = Counter()
    maps = torch.rand(2, 6, 5, generator=generator(0))
    images = torch.rand(2, 1, 6, 5, generator=generator(1))
    perturb(explained(maps, images=images, predict=counter), baseline="road", steps=3)
    expected = []
    for image, heat in zip(images, maps, strict=True):
        expected.append(image)
        for descending in (True, False):
            order = heat.flatten().argsort(descending=descending)
            for count in road_counts(30, steps=3)[1:]:
                missing = torch.zeros(30, dtype=torch.bool)
                missing[order[:count]] = True
                expected.append(impute_directly(image[None], missing.view(1, 6, 5))[0].float())
    torch.testing.assert_close(counter.images, torch.stack(expected), atol=1e-5, rtol=0)


def test_the_scores_are_mean_changes_and_half_of_their_difference() -> None:
    curves = Curves(
        deletion_morf=torch.tensor([[0.8, 0.5, 0.2], [0.6, 0.6, 0.6]], dtype=torch.float64),
        deletion_lerf=torch.tensor([[0.8, 0.9, 0.7], [0.6, 0.2, 0.4]], dtype=torch.float64),
        fractions=torch.tensor([0.0, 0.5, 0.75]).double(),
        baseline="road",
    )
    batch = replace(explained(torch.rand(2, 2, 2), predict=None), curves=(curves,))
    assert road_counts(4, steps=3).tolist() == [0, 2, 3]
    assert road_morf(batch, steps=3).tolist() == pytest.approx([-0.45, 0.0])
    assert road_lerf(batch, steps=3).tolist() == pytest.approx([0.0, -0.3])
    assert road(batch, steps=3).tolist() == pytest.approx([0.225, -0.15])


def test_maps_without_an_order_have_no_score_and_cost_nothing() -> None:
    counter = Counter()
    maps = torch.ones(2, 4, 4)
    maps[1, 0, 0] = math.nan
    scores = score("road", explained(maps, predict=counter))
    assert scores.values.isnan().all()
    assert scores.reasons == ("the map is constant", "the map is not finite")
    assert not counter.batches
