"""Agreement with human boxes, by hand."""

import math

import pytest
import torch
from measure_toys import explained

from study.measure.ehr import effective_heat_ratio, ehr, ehr_count
from study.measure.energy_pg import energy_pg, energy_pg_excess
from study.measure.regions import box_masks


def test_overlapping_boxes_count_a_pixel_once() -> None:
    masks = box_masks([torch.tensor([[0, 0, 1, 1], [0, 0, 1, 2]])], (2, 2))
    assert masks.tolist() == [[[True, False], [True, False]]]
    assert energy_pg(explained(torch.ones(1, 2, 2), [[[0, 0, 1, 1], [0, 0, 1, 2]]])).tolist() == [0.5]


def test_x_is_the_column_and_y_the_row_of_a_box() -> None:
    assert box_masks([torch.tensor([[1, 0, 3, 1]])], (2, 4))[0].tolist() == [
        [False, True, True, False],
        [False, False, False, False],
    ]


def test_energy_is_the_positive_part_only() -> None:
    maps = torch.tensor([[[3.0, 1.0], [-5.0, 0.0]]])
    assert energy_pg(explained(maps, [[[0, 0, 1, 2]]])).tolist() == [0.75]
    assert energy_pg_excess(explained(maps, [[[0, 0, 1, 2]]])).tolist() == [0.25]


def test_energy_does_not_depend_on_the_scale_of_the_map() -> None:
    maps = torch.rand(1, 4, 4)
    boxes = [[[0, 0, 2, 2]]]
    torch.testing.assert_close(energy_pg(explained(maps * 1e-6, boxes)), energy_pg(explained(maps, boxes)))


@pytest.mark.parametrize("value", [0.0, -2.0, 1e-15])
def test_a_map_without_energy_has_no_share(value: float) -> None:
    assert energy_pg(explained(torch.full((1, 4, 4), value), [[[0, 0, 2, 2]]])).isnan().all()


def test_chance_level_of_the_excess_is_zero() -> None:
    assert energy_pg_excess(explained(torch.ones(1, 4, 4), [[[0, 0, 3, 1]]])).item() == pytest.approx(0.0)


def test_ehr_of_two_levels_by_hand() -> None:
    """Heat 1 in the box and 0.5 beside it, zeros elsewhere: thresholds 0.5 up to q = 0.5, then 0.5 + ..., cap 0.99."""
    maps = torch.zeros(1, 4, 4)
    maps[0, 0, 0], maps[0, 0, 1] = 1.0, 0.5
    batch = explained(maps, [[[0, 0, 1, 1]]])
    # v = {0.5, 1}: t_q = 0.5 + 0.5 q, so only q = 0 keeps both pixels; trapezoid of 1/2, 1, ..., 1.
    assert ehr_count(batch).item() == pytest.approx(0.1 * (0.5 / 2 + 9 + 1 / 2), abs=1e-9)
    assert ehr(batch).item() == pytest.approx(0.1 * (0.5 / 2 + 9 + 1 / 2), abs=1e-9)


def test_ehr_scales_the_map_first_and_does_not_count_faint_heat() -> None:
    maps = torch.zeros(1, 4, 4)
    maps[0, 0, 0], maps[0, 3, 3] = 200.0, 19.0  # the second is below a tenth of the first
    assert ehr_count(explained(maps, [[[0, 0, 1, 1]]])).item() == pytest.approx(1.0)
    assert ehr_count(explained(maps, [[[3, 3, 4, 4]]])).item() == 0.0


def test_a_box_around_everything_scores_one_by_count_and_less_by_heat() -> None:
    maps = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    batch = explained(maps, [[[0, 0, 8, 8]]])
    assert ehr_count(batch).item() == pytest.approx(1.0)
    assert 0.1 < ehr(batch).item() < 0.9


def test_a_constant_map_above_the_threshold_scores_the_share_of_the_area_by_count() -> None:
    region = box_masks([torch.tensor([[0, 0, 2, 1]])], (4, 4))
    value = effective_heat_ratio(torch.full((1, 4, 4), 0.5), region, base_threshold=0.1, count=True)
    assert value.item() == pytest.approx(2 / 16)


def test_heat_that_reaches_no_threshold_has_no_ratio() -> None:
    region = box_masks([torch.tensor([[0, 0, 2, 1]])], (4, 4))
    assert effective_heat_ratio(torch.full((1, 4, 4), 0.05), region, base_threshold=0.1, count=False).isnan().all()
    assert math.isnan(ehr(explained(torch.full((1, 4, 4), -1.0), [[[0, 0, 2, 1]]])).item())
