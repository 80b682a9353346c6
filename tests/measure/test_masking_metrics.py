"""Average drop and increase, coherency, complexity and ADCC, by hand."""

import math
from dataclasses import replace

import pytest
import torch
from measure_toys import Counter, brightness, explained

from study.errors import UnsupportedError
from study.measure import mask, scaled, score
from study.measure.adcc import adcc, coherency, complexity, correlation, harmonic_mean
from study.measure.confidence import average_drop, average_increase
from study.records import Masked

MAPS = torch.tensor([[[2.0, 1.0], [0.0, 0.0]]])


def with_masked(p_original: float, p_masked: float, maps: torch.Tensor = MAPS):
    told = Masked(torch.tensor([p_original]).double(), torch.tensor([p_masked]).double(), maps)
    return replace(explained(MAPS), masked=told)


def test_scaling_cuts_the_negative_part_and_stretches_the_rest() -> None:
    maps = torch.tensor([[[-8.0, 0.0], [1.0, 4.0]], [[2.0, 3.0], [4.0, 4.0]], [[3.0, 3.0], [3.0, 3.0]]])
    assert scaled(maps).tolist() == [[[0, 0], [0.25, 1]], [[0, 0.5], [1, 1]], [[0, 0], [0, 0]]]
    assert maps[0, 0, 0] == -8.0


def test_a_map_that_is_not_finite_scales_to_nan_everywhere() -> None:
    assert scaled(torch.tensor([[[math.inf, 0.0]], [[math.nan, 0.0]]])).isnan().all()


def test_the_masked_image_is_the_image_times_the_scaled_map() -> None:
    counter = Counter()
    masked = mask(explained(MAPS, predict=counter))
    assert counter.images[1].tolist() == [[[1.0, 0.5], [0.0, 0.0]]]
    assert masked.p_original.tolist() == [1.0]
    assert masked.p_masked.tolist() == [0.375]
    assert masked.attributions.tolist() == [[[1.0, 0.5], [0.0, 0.0]]]
    assert average_drop(explained(MAPS)).tolist() == [0.625]


def test_the_images_of_a_map_that_is_not_finite_are_never_nan() -> None:
    counter = Counter()
    maps = torch.cat((MAPS, torch.full_like(MAPS, math.nan)))
    masked = mask(explained(maps, predict=counter))
    assert counter.images.isfinite().all()
    assert masked.p_masked.isnan().tolist() == [False, True]
    assert masked.attributions.isnan().all(dim=(1, 2)).tolist() == [False, True]


@pytest.mark.parametrize(
    ("p_original", "p_masked", "drop", "increase"),
    [(0.8, 0.6, 0.25, 0), (0.8, 0.8, 0.0, 0), (0.8, 0.9, 0.0, 1), (0.8, 0.0, 1.0, 0)],
)
def test_drop_and_increase(p_original: float, p_masked: float, drop: float, increase: int) -> None:
    batch = with_masked(p_original, p_masked)
    assert average_drop(batch).item() == pytest.approx(drop)
    assert average_increase(batch).item() == increase


def test_a_class_without_any_probability_has_no_drop() -> None:
    scores = score("average_drop", with_masked(0.0, 0.0))
    assert scores.values.isnan().all()
    assert scores.reasons == ("the target's probability is zero",)


def test_coherency_is_one_for_a_map_on_another_scale_and_zero_for_its_opposite() -> None:
    assert coherency(with_masked(1, 1, 3 * MAPS + 1)).item() == pytest.approx(1.0)
    assert coherency(with_masked(1, 1, -MAPS)).item() == pytest.approx(0.0)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_coherency_with_a_constant_map_is_undefined_and_so_is_adcc(value: float) -> None:
    batch = with_masked(0.9, 0.9, torch.full((1, 2, 2), value))
    assert coherency(batch).isnan().all()
    assert score("adcc", batch).reasons == ("coherency is undefined",)


def test_a_correlation_of_large_constant_maps_is_undefined_in_spite_of_rounding() -> None:
    flat = torch.full((1, 100, 100), 0.1)
    assert correlation(flat, torch.rand(1, 100, 100)).isnan().all()


def test_complexity_is_the_mean_of_the_scaled_map() -> None:
    assert complexity(explained(MAPS)).tolist() == [0.375]
    assert complexity(explained(torch.zeros(1, 2, 2))).tolist() == [0.0]


def test_adcc_is_the_harmonic_mean_of_its_three_terms() -> None:
    # Coherency 1, complexity 0.375, drop 0.25.
    assert adcc(with_masked(0.8, 0.6)).item() == pytest.approx(3 / (1 + 1 / 0.625 + 1 / 0.75))


@pytest.mark.parametrize("batch", [with_masked(0.8, 0.0), with_masked(0.8, 0.8, -MAPS)])
def test_adcc_is_zero_where_one_term_is(batch: object) -> None:
    assert adcc(batch).item() == pytest.approx(0.0, abs=1e-7)


def test_harmonic_means_of_zeros_are_zero() -> None:
    zero, one = torch.zeros(1).double(), torch.ones(1).double()
    assert harmonic_mean(zero, zero, one).item() == 0.0
    assert harmonic_mean(one, one).item() == 1.0


def test_an_unknown_metric_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnsupportedError, match="'energypg' is not a known metric; did you mean 'energy_pg'"):
        score("energypg", explained(MAPS))


def test_an_unknown_parameter_is_answered_with_the_known_ones() -> None:
    message = "'step' is not a known parameter of insertion; did you mean 'steps'"
    with pytest.raises(UnsupportedError, match=message):
        score("insertion", explained(MAPS), {"step": 4})


def test_images_are_scored_for_their_own_target() -> None:
    batch = replace(explained(torch.cat((MAPS, MAPS)), predict=brightness), targets=torch.tensor([0, 1]))
    assert mask(batch).p_masked.tolist() == [0.375, 0.625]
