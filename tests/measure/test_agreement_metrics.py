"""Pointing game, relevance rank accuracy and intersection over union, by hand."""

import math

import pytest
import torch
from measure_toys import explained
from torch import Tensor

from study.measure import score
from study.measure.iou import hot_region, iou
from study.measure.pointing_game import pointing_game
from study.measure.relevance_rank import relevance_rank_accuracy

LEFT_COLUMN = [[0, 0, 1, 3]]


def grid(*rows: list[float]) -> Tensor:
    return torch.tensor([list(rows)])


# ------------------------------------------------------------------------------ pointing game


def test_the_highest_pixel_is_in_the_box_or_not() -> None:
    maps = torch.cat((grid([5, 1], [2, 3]), grid([1, 5], [2, 3]), grid([-1, -5], [-2, -3])))
    assert pointing_game(explained(maps, [[[0, 0, 1, 2]]] * 3)).tolist() == [1, 0, 1]


def test_the_union_of_several_boxes_is_pointed_at() -> None:
    assert pointing_game(explained(grid([0, 0, 9], [0, 0, 0]), [[[0, 0, 1, 1], [2, 0, 3, 1]]])).tolist() == [1]


def test_pixels_that_share_the_maximum_share_the_hit_in_any_order() -> None:
    maps = grid([7, 7, 0], [7, 0, 0], [0, 0, 7])
    batch = explained(torch.cat((maps, maps.flip(2).flip(1))), [LEFT_COLUMN, [[2, 0, 3, 3]]])
    assert pointing_game(batch).tolist() == [0.5, 0.5]


# -------------------------------------------------------------------- relevance rank accuracy


def test_as_many_of_the_highest_pixels_as_the_boxes_hold_are_counted() -> None:
    maps = grid([9, 8, 0], [1, 7, 0], [2, 0, 0])  # the three highest are 9, 8, 7; the box holds 9, 1, 2
    assert relevance_rank_accuracy(explained(maps, [LEFT_COLUMN])).item() == pytest.approx(1 / 3)


def test_negative_relevance_ranks_below_zero() -> None:
    maps = grid([-9, 0, 0], [-8, 0, 0], [-7, 0, 0])
    assert relevance_rank_accuracy(explained(maps, [LEFT_COLUMN])).tolist() == [0]


def test_tied_pixels_share_the_places_that_are_left_in_any_order() -> None:
    maps = grid([9, 0, 0], [0, 0, 0], [0, 0, 0])  # two places for eight zeros, two of which are in the box
    mirrored = [[2, 0, 3, 3]]
    batch = explained(torch.cat((maps, maps.flip(2).flip(1))), [LEFT_COLUMN, mirrored])
    assert relevance_rank_accuracy(batch).tolist() == pytest.approx([(1 + 2 * 2 / 8) / 3] * 2)


def test_the_whole_image_as_a_box_holds_all_of_the_highest_pixels() -> None:
    assert relevance_rank_accuracy(explained(torch.rand(1, 3, 4), [[[0, 0, 4, 3]]])).tolist() == [1]


def test_a_box_of_one_pixel_is_the_pointing_game() -> None:
    maps = grid([0, 5, 5], [0, 0, 0])
    batch = explained(torch.cat((maps, maps)), [[[1, 0, 2, 1]], [[0, 1, 1, 2]]])
    assert relevance_rank_accuracy(batch).tolist() == pointing_game(batch).tolist() == [0.5, 0]


# -------------------------------------------------------------------- intersection over union


def test_the_hot_region_is_what_exceeds_the_mean_by_one_standard_deviation_of_all_pixels() -> None:
    # Mean 0.283; SD 0.410 over six pixels, 0.449 if one were left out: 0.7 is hot by the first only.
    maps = grid([0, 0, 0], [0, 0.7, 1])
    assert hot_region(maps)[0].tolist() == [[False, False, False], [False, True, True]]
    assert iou(explained(maps, [[[0, 1, 2, 2]]])).item() == pytest.approx(1 / 3)


def test_a_pixel_at_the_threshold_is_not_hot() -> None:
    maps = grid([0, 1], [0, 1])  # mean and SD one half
    assert not hot_region(maps).any()
    assert iou(explained(maps, [[[1, 0, 2, 2]]])).tolist() == [0]


def test_a_map_of_the_box_itself_agrees_completely_at_any_scale() -> None:
    maps = torch.zeros(1, 8, 6)
    maps[0, 2:5, 1:4] = 1
    batch = [explained(scale * maps + shift, [[[1, 2, 4, 5]]]) for scale, shift in ((1, 0), (1e-6, 0), (50, -20))]
    assert [iou(one).item() for one in batch] == [1, 1, 1]


# --------------------------------------------------------------------------------- all three


@pytest.mark.parametrize("metric", ["pointing_game", "relevance_rank_accuracy", "iou"])
def test_maps_without_an_order_have_no_agreement_and_say_why(metric: str) -> None:
    maps = torch.zeros(4, 3, 3)
    maps[1], maps[2, 0, 0], maps[3, 0, 0] = -2.0, math.nan, math.inf
    values, reasons = score(metric, explained(maps, [LEFT_COLUMN] * 4))
    assert values.isnan().all()
    assert reasons == ("the map is constant",) * 2 + ("the map is not finite",) * 2


@pytest.mark.parametrize("metric", ["pointing_game", "relevance_rank_accuracy"])
def test_random_maps_agree_as_often_as_the_box_is_large(metric: str) -> None:
    maps = torch.rand(2000, 4, 5, generator=torch.Generator().manual_seed(0))
    values = score(metric, explained(maps, [[[1, 1, 3, 4]]] * 2000)).values
    assert values.mean().item() == pytest.approx(6 / 20, abs=4 * values.std().item() / math.sqrt(2000))
