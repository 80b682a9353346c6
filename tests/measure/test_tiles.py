"""Selectivity, region perturbation and degradation, by hand."""

from dataclasses import replace

import pytest
import torch
from measure_toys import Counter, explained

from study.errors import UnsupportedError
from study.measure import score
from study.measure.faithfulness_gap import LEAST_CHANGE, faithfulness_gap
from study.measure.tiles import degradation, region_perturbation, selectivity
from study.records import Curves, ExplainedBatch

CURVES = Curves(
    deletion_morf=torch.tensor([[0.9, 0.3, 0.1], [0.5, 0.1, 0.46], [0.1, 0.3, 0.9]]).double(),
    deletion_lerf=torch.tensor([[0.9, 0.7, 0.1], [0.5, 0.9, 0.46], [0.1, 0.2, 0.9]]).double(),
    fractions=torch.tensor([0.0, 0.5, 1.0]).double(),
    baseline="zero",
    tile=4,
)


def batch_with_curves() -> ExplainedBatch:
    return replace(explained(torch.rand(3, 8, 8), predict=None), curves=(CURVES,))


def test_selectivity_is_the_area_under_the_morf_curve() -> None:
    assert selectivity(batch_with_curves(), steps=2, tile=4).tolist() == pytest.approx([0.4, 0.29, 0.4])


def test_region_perturbation_is_the_mean_drop_over_the_steps_without_the_image_itself() -> None:
    values = region_perturbation(batch_with_curves(), steps=2, tile=4)
    assert values.tolist() == pytest.approx([(0.6 + 0.8) / 2, (0.4 + 0.04) / 2, (-0.2 - 0.8) / 2])


def test_degradation_is_the_area_between_the_curves_on_the_scale_of_the_model() -> None:
    scores = score("degradation", batch_with_curves(), {"steps": 2, "tile": 4})
    assert scores.values[0].item() == pytest.approx((0.7 - 0.3) / 2 / 0.8)
    # 0.5 is not 0.1 above 0.46; the last film scores below the blank one.
    assert scores.values[1:].isnan().all()
    assert set(scores.reasons[1:]) == {
        "the map is constant, or the film does not raise the target above the blank image"
    }


def test_degradation_of_single_pixels_is_the_faithfulness_gap() -> None:
    batch = explained(torch.rand(2, 6, 6, generator=torch.Generator().manual_seed(0)))
    assert degradation(batch, tile=1).tolist() == faithfulness_gap(batch).tolist()
    assert LEAST_CHANGE == 0.1


def test_the_brightest_tile_of_a_sum_of_pixels_falls_first() -> None:
    """Four tiles of 2 x 2 with the sums 4, 3, 2 and 1; the map is the image, so curves are partial sums of 10."""
    sums = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    images = (sums / 4).repeat_interleave(2, 0).repeat_interleave(2, 1)[None, None]
    batch = explained(images[:, 0], images=images)
    whole = images.mean().item()
    tenths = [1.0, 0.6, 0.3, 0.1, 0.0]
    assert selectivity(batch, tile=2).item() == pytest.approx(whole * (sum(tenths) - 0.5) / 4)
    assert region_perturbation(batch, tile=2).item() == pytest.approx(whole * sum(1 - t for t in tenths[1:]) / 4)
    # LeRF 1, 0.9, 0.7, 0.4, 0: half of both ends cancels.
    assert degradation(batch, tile=2).item() == pytest.approx(((0.9 + 0.7 + 0.4) - (0.6 + 0.3 + 0.1)) / 4)


def test_one_tile_per_step_unless_a_number_of_steps_is_given() -> None:
    counter = Counter()
    maps = torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(0))
    batch = explained(maps, predict=counter)
    for steps, images in ((None, 2 * 9), (3, 2 * 3), (99, 2 * 9)):
        counter.batches.clear()
        selectivity(batch, steps=steps, tile=4)
        assert len(counter.images) == images


@pytest.mark.parametrize("metric", [selectivity, region_perturbation, degradation])
def test_tiles_of_equal_heat_have_no_score(metric: object) -> None:
    counter = Counter()
    maps = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).repeat(1, 4, 4)
    assert metric(explained(maps, predict=counter), tile=2).isnan().all()
    assert metric(explained(maps, predict=counter), tile=8).isnan().all(), "nor has a single tile"
    assert not counter.batches


@pytest.mark.parametrize("metric", [selectivity, region_perturbation, degradation])
def test_a_baseline_without_a_blank_image_is_refused(metric: object) -> None:
    batch = explained(torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(UnsupportedError, match="baseline 'road' has no blank image"):
        metric(batch, baseline="road", tile=2)


def test_tiles_that_carry_equal_heat_are_the_reason() -> None:
    maps = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).repeat(1, 4, 4)
    scores = score("selectivity", explained(maps), {"tile": 2})
    assert scores.reasons == ("all tiles carry equal heat, so they have no order",)
