"""Infidelity, max-sensitivity and class sensitivity for models one can calculate with."""

import math
from dataclasses import replace

import pytest
import torch
from measure_toys import Counter, brightness, explained
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.class_sensitivity import class_sensitivity, contrast_class
from study.measure.infidelity import infidelity, squared_error
from study.measure.max_sensitivity import max_sensitivity, relative_change
from study.records import ExplainedBatch


def batch(maps: Tensor, *, in_chans: int = 1, **parts) -> ExplainedBatch:
    """Maps on films of noise between 0 and 1, with seeds."""
    images = torch.rand(len(maps), in_chans, *maps.shape[1:], generator=torch.Generator().manual_seed(1))
    images[:, :, 0, 0], images[:, :, 0, 1] = 0.0, 1.0
    return replace(explained(maps, images=images), seeds=tuple(range(len(maps))), **parts)


# ------------------------------------------------------------------------------------- infidelity


def test_the_error_of_two_samples_by_hand() -> None:
    noise = torch.tensor([[[1.0, 0.0], [1.0, 2.0]]])  # I · map = 3 and 5
    maps, change = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 3.0]])
    assert squared_error(noise, maps, change, normalize=False).tolist() == [((3 - 1) ** 2 + (5 - 3) ** 2) / 2]
    beta = (3 * 1 + 5 * 3) / (3**2 + 5**2)
    expected = ((3 * beta - 1) ** 2 + (5 * beta - 3) ** 2) / 2
    assert squared_error(noise, maps, change, normalize=True).item() == pytest.approx(expected)


def test_channels_of_noise_and_map_are_summed() -> None:
    generator = torch.Generator().manual_seed(0)
    noise, maps = torch.rand(2, 4, 3, 5, 6, generator=generator), torch.rand(2, 3, 5, 6, generator=generator)
    predicted = (noise.double() * maps.double()[:, None]).sum(dim=(2, 3, 4))
    error = squared_error(noise, maps, torch.zeros(2, 4), normalize=False)
    torch.testing.assert_close(error, predicted.square().mean(dim=1))


@pytest.mark.parametrize("in_chans", [1, 3])
def test_the_gradient_of_a_linear_model_has_none(in_chans: int) -> None:
    gradient = torch.full((2, 6, 4), 1 / 24)  # of the mean brightness, channels summed
    for normalize in (True, False):
        assert infidelity(batch(gradient, in_chans=in_chans), normalize=normalize).tolist() == pytest.approx([0, 0])
    assert (infidelity(batch(2 * gradient), normalize=False) > 1e-6).all()
    assert infidelity(batch(2 * gradient)).tolist() == pytest.approx([0, 0])


def test_the_target_of_each_film_is_followed() -> None:
    gradient = torch.full((2, 6, 4), 1 / 24)
    gradient[1] *= -1  # brightness speaks against class 1
    films = replace(batch(gradient), targets=torch.tensor([0, 1]))
    assert infidelity(films, normalize=False, samples=40).tolist() == pytest.approx([0, 0])


def test_a_map_that_predicts_nothing_leaves_the_change_unexplained() -> None:
    """The upper half decides; the best factor for a map of the lower half is near 0, so the error is E[df²]."""

    def upper(images: Tensor) -> Tensor:
        return brightness(images[:, :, :4])

    wrong, right = torch.zeros(1, 8, 4), torch.zeros(1, 8, 4)
    right[:, :4], wrong[:, 4:] = 1, 1
    found = infidelity(batch(torch.cat((right, wrong)), predict=upper), samples=400, noise=0.1)
    # Per pixel the SD is 0.1 * (1 - 0); the mean of 16 pixels has a quarter of it.
    assert found[0].item() == pytest.approx(0, abs=1e-12)
    assert found[1].item() == pytest.approx((0.1 / 4) ** 2, rel=0.25)


def test_noise_is_grey_and_its_size_a_share_of_the_range_of_the_film() -> None:
    counter = Counter()
    films = batch(torch.rand(2, 32, 32), in_chans=3, predict=counter)
    bright = replace(films, images=films.images * torch.tensor([1.0, 7.0]).view(2, 1, 1, 1) + 3)
    infidelity(bright, samples=40, noise=0.2)
    added = [bright.images[row] - seen for row, seen in zip([0] * 40 + [1] * 40, _noisy(counter, 40), strict=True)]
    for noise in added:
        torch.testing.assert_close(noise[0], noise[2], atol=1e-5, rtol=0)
    first, second = torch.stack(added[:40]), torch.stack(added[40:])
    assert first.std().item() == pytest.approx(0.2, rel=0.03)
    assert second.std().item() == pytest.approx(1.4, rel=0.03)
    assert abs(first.mean().item()) < 0.01


def _noisy(counter: Counter, samples: int) -> list[Tensor]:
    """All images that were asked about but the originals, which come alone."""
    return [image for images in counter.batches if len(images) == samples for image in images]


@pytest.mark.parametrize("samples", [1, 3, 64, 150])
def test_no_image_is_scored_twice_and_never_too_many_at_a_time(samples: int) -> None:
    counter = Counter()
    infidelity(batch(torch.rand(5, 8, 8), predict=counter), samples=samples)
    assert len(counter.images) == 5 * (samples + 1)
    assert max(len(images) for images in counter.batches) <= 64


def test_maps_and_films_that_cannot_be_judged_have_no_infidelity() -> None:
    maps = torch.rand(4, 4, 4)
    maps[1], maps[2, 0, 0] = 0, math.nan
    films = batch(maps)
    films.images[3] = 0.5
    assert infidelity(films).isnan().tolist() == [False, True, True, True]
    assert infidelity(films, normalize=False).isnan().tolist() == [False, True, True, True]


# -------------------------------------------------------------------------------- max-sensitivity


def test_relative_change_by_hand() -> None:
    before = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]])
    after = torch.tensor([[[3.0, 1.0]], [[0.0, 1.0]]])
    change = relative_change(before, after).tolist()
    assert change[0] == pytest.approx(3 / 5)
    assert math.isnan(change[1])


def test_the_largest_of_all_draws_counts_and_draws_stay_within_the_radius() -> None:
    asked: list[Tensor] = []

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        asked.append(images)
        return images.mean(dim=1)

    films = batch(torch.rand(3, 6, 5), in_chans=3)
    films = replace(films, attributions=films.images.mean(dim=1), explain=explain)
    value = max_sensitivity(films, samples=7, radius=0.1)
    moves = torch.stack(asked) - films.images
    assert moves.shape == (7, 3, 3, 6, 5)
    assert 0.08 < moves.abs().max().item() <= 0.1 + 1e-6
    assert moves.min().item() < -0.08
    torch.testing.assert_close(moves[:, :, 0], moves[:, :, 2])
    sizes = moves[:, :, 0].double().flatten(2).norm(dim=2) / films.attributions.double().flatten(1).norm(dim=1)
    torch.testing.assert_close(value, sizes.amax(dim=0), rtol=1e-5, atol=0)


def test_a_map_that_ignores_the_film_is_not_sensitive() -> None:
    maps = torch.rand(2, 6, 5)
    assert max_sensitivity(batch(maps, explain=lambda images, targets: maps)).tolist() == [0, 0]


def test_the_raw_maps_are_compared_where_the_batch_brings_them() -> None:
    raw = torch.tensor([[[1.0, -1.0]]])
    films = batch(
        torch.rand(1, 6, 5), signed=raw, explain_signed=lambda images, targets: raw * torch.tensor([1.0, 0.0])
    )
    assert max_sensitivity(films).item() == pytest.approx(math.sqrt(0.5))
    assert class_sensitivity(films).item() == pytest.approx(0)


def test_a_map_of_zeros_and_one_that_is_lost_on_the_way_have_no_sensitivity() -> None:
    maps = torch.rand(2, 6, 5)
    lost = torch.stack((maps[0], torch.full((6, 5), math.nan)))
    assert max_sensitivity(batch(maps, explain=lambda *_: lost)).isnan().tolist() == [False, True]
    assert max_sensitivity(batch(torch.zeros(2, 6, 5))).isnan().all()


# ------------------------------------------------------------------------------ class sensitivity


def test_the_contrast_is_the_least_probable_class_that_is_not_the_target() -> None:
    probabilities = torch.tensor([[0.1, 0.6, 0.3]] * 3 + [[0.4, 0.2, 0.2]] * 2 + [[0.0, 0.0, 1.0]])
    assert contrast_class(probabilities, torch.tensor([0, 1, 2, 0, 1, 0])).tolist() == [2, 0, 0, 1, 2, 1]


def test_maps_of_two_classes_are_correlated() -> None:
    base = torch.randn(1, 6, 5, generator=torch.Generator().manual_seed(0))
    unrelated = torch.zeros(1, 6, 5)
    unrelated[0, 0, 0], unrelated[0, 0, 1] = base[0, 0, 1] - base.mean(), -(base[0, 0, 0] - base.mean())
    others = torch.cat((3 * base + 1, -base, unrelated, torch.ones(1, 6, 5), base))
    others[4, 0, 0] = math.inf

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        assert targets.tolist() == [1] * 5
        return others

    value = class_sensitivity(batch(base.expand(5, -1, -1), explain=explain))
    expected = torch.tensor([0, 2, 1, math.nan, math.nan], dtype=torch.float64)
    torch.testing.assert_close(value, expected, equal_nan=True, atol=1e-6, rtol=0)


def test_a_model_of_one_class_has_nothing_to_compare() -> None:
    with pytest.raises(UnsupportedError, match="this model knows one only"):
        class_sensitivity(batch(torch.rand(1, 4, 4), predict=lambda images: torch.ones(len(images), 1)))


# ------------------------------------------------------------------------------------- randomness


@pytest.mark.parametrize("metric", [infidelity, max_sensitivity])
def test_metrics_that_draw_ask_for_a_seed_for_every_image(metric) -> None:
    films = batch(torch.rand(3, 4, 4))
    with pytest.raises(UnsupportedError, match=r"needs one seed per image: 3 images, 2 seeds"):
        metric(replace(films, seeds=(1, 2)))
