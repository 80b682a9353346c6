"""Gini index and entropy, by hand."""

import math

import pytest
import torch
from measure_toys import explained
from torch import Tensor

from study.measure.sparseness import entropy, sparseness


def line(*values: float) -> Tensor:
    return torch.tensor([[list(values)]])


def test_the_gini_index_of_four_values() -> None:
    # (-3 * 1 - 1 * 2 + 1 * 3 + 3 * 4) / (4 * 10), in whatever order and with whatever signs they come
    assert sparseness(explained(line(3, -1, 4, 2))).item() == pytest.approx(0.25)


def test_the_entropy_of_three_shares() -> None:
    expected = 0.5 * math.log(2) + 2 * 0.25 * math.log(4)
    assert entropy(explained(line(-2, 1, 0, 1))).item() == pytest.approx(expected)


def test_a_single_pixel_is_as_concentrated_as_can_be_and_a_constant_map_not_at_all() -> None:
    maps = torch.zeros(2, 4, 5)
    maps[0, 3, 1], maps[1] = -1e-6, 0.1
    assert sparseness(explained(maps)).tolist() == pytest.approx([1 - 1 / 20, 0], abs=1e-12)
    assert entropy(explained(maps)).tolist() == pytest.approx([0, math.log(20)], abs=1e-12)


def test_rounding_does_not_make_a_constant_map_less_concentrated_than_nothing() -> None:
    maps = torch.linspace(0.01, 1, 100, dtype=torch.float64)[:, None, None].expand(-1, 4, 5)
    assert (sparseness(explained(maps)) >= 0).all()


@pytest.mark.parametrize("metric", [sparseness, entropy])
def test_neither_depends_on_the_scale_of_the_map(metric) -> None:
    maps = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(metric(explained(maps * 1e-6)), metric(explained(maps)), rtol=1e-6, atol=0)


@pytest.mark.parametrize("metric", [sparseness, entropy])
@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_maps_with_nothing_to_share_out_have_no_value(metric, value: float) -> None:
    assert metric(explained(line(value, value, 0, 0))).isnan().all()
