"""Cascading randomisation on maps whose fate is known."""

import math
from dataclasses import replace

import pytest
import torch
from measure_toys import explained
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.cascade import (
    cascade,
    cascade_of,
    randomisation_hog,
    randomisation_spearman,
    randomisation_ssim,
)
from study.records import Cascade, ExplainedBatch

METRICS = (randomisation_spearman, randomisation_ssim, randomisation_hog)


def batch(count: int = 3) -> ExplainedBatch:
    """Raw maps of 4 x 3 of images of 24 x 20: kept by the first step, turned round by the second, lost in the third."""
    low = torch.randn(count, 4, 3, generator=torch.Generator().manual_seed(0))
    steps = {
        "head": lambda images, targets: low.clone(),
        "trunk": lambda images, targets: -low,
        "stem": lambda images, targets: torch.zeros_like(low),
    }
    return replace(explained(torch.ones(count, 24, 20)), signed=low, randomised=steps)


def test_every_step_is_compared_with_the_map_of_the_whole_model() -> None:
    found = cascade(batch())
    nan = math.nan
    assert found.steps == ("head", "trunk", "stem")
    for values, row in (
        (found.spearman, [1, -1, nan]),
        (found.spearman_abs, [1, 1, nan]),
        (found.ssim, [1, 1, nan]),
        (found.hog, [1, 1, nan]),
    ):
        expected = torch.tensor([row] * 3, dtype=torch.float64)
        torch.testing.assert_close(values, expected, equal_nan=True, atol=1e-9, rtol=0)


@pytest.mark.parametrize("metric", METRICS)
def test_a_step_that_is_not_defined_is_left_out_of_the_mean(metric) -> None:
    torch.testing.assert_close(metric(batch()), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("metric", METRICS)
def test_where_no_step_is_defined_there_is_no_value(metric) -> None:
    lost = replace(batch(), randomised={"stem": batch().randomised["stem"]})
    assert metric(lost).isnan().all()
    constant = replace(batch(), signed=torch.ones(3, 4, 3))
    assert metric(constant).isnan().all()


def test_each_metric_is_the_mean_over_the_steps_of_its_own_likeness() -> None:
    rows = torch.rand(4, 2, 5, dtype=torch.float64)
    known = Cascade(("a", "b", "c", "d", "e"), *rows)
    brought = replace(batch(2), cascade=known, randomised={})
    assert cascade_of(brought) is known
    for metric, values in zip(METRICS, rows[1:], strict=True):
        torch.testing.assert_close(metric(brought), values.mean(dim=1))


def test_the_targets_of_the_batch_are_explained_again() -> None:
    asked: list[Tensor] = []

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        asked.append(targets)
        return images.mean(dim=1)

    targets = torch.tensor([2, 0, 1])
    cascade(replace(batch(), targets=targets, randomised={"head": explain}, signed=None))
    assert [told.tolist() for told in asked] == [targets.tolist()]


def test_many_maps_are_compared_like_one() -> None:
    whole = randomisation_ssim(batch(19))
    last = batch(19)
    first_step = {"head": lambda images, targets: -last.signed[18:]}
    one = replace(batch(1), signed=last.signed[18:], randomised=first_step)
    assert len(whole) == 19
    torch.testing.assert_close(randomisation_ssim(one), whole[18:])


def test_a_batch_without_other_models_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="the batch brings no maps of a model with redrawn weights"):
        randomisation_spearman(replace(batch(), randomised={}))
