"""Areas and the normalised gap, by hand."""

from dataclasses import replace

import pytest
import torch
from measure_toys import Counter, explained

from study.measure import perturb, score
from study.measure.engine import curves_of
from study.measure.faithfulness_gap import LEAST_CHANGE, faithfulness_gap
from study.measure.insertion_deletion import deletion, insertion
from study.records import Curves

CURVES = Curves(
    deletion_morf=torch.tensor([[0.9, 0.3, 0.1], [0.9, 0.3, 0.1], [0.5, 0.1, 0.46], [0.1, 0.3, 0.9]]).double(),
    deletion_lerf=torch.tensor([[0.9, 0.7, 0.1], [0.9, 0.1, 0.1], [0.5, 0.9, 0.46], [0.1, 0.2, 0.9]]).double(),
    fractions=torch.tensor([0.0, 0.5, 1.0]).double(),
    baseline="zero",
)


def batch_with_curves():
    return replace(explained(torch.rand(4, 2, 2)), curves=(CURVES,))


def test_the_four_areas_come_from_two_curves() -> None:
    values = {
        name: score(name, batch_with_curves(), {"steps": 2}).values[0].item()
        for name in ("deletion", "deletion_lerf", "insertion", "insertion_lerf")
    }
    assert values == pytest.approx({"deletion": 0.4, "deletion_lerf": 0.6, "insertion": 0.6, "insertion_lerf": 0.4})


def test_the_gap_is_the_area_between_the_curves_on_the_scale_of_the_model() -> None:
    gaps = faithfulness_gap(batch_with_curves(), steps=2)
    # (0.7 - 0.3) / (0.9 - 0.1) over half of the axis; the same inverted; no change; a film that the model gets wrong.
    assert gaps[:2].tolist() == pytest.approx([0.25, -0.125])
    assert gaps[2:4].isnan().all()


def test_an_image_that_scores_like_the_blank_one_has_no_gap() -> None:
    scores = score("faithfulness_gap", batch_with_curves(), {"steps": 2})
    assert LEAST_CHANGE == 0.1
    assert scores.reasons[2] == "the map is constant, or the film does not raise the target above the blank image"
    assert scores.reasons[:2] == ("", "")


def test_the_gap_does_not_change_when_the_model_tolerates_occlusion_twice_as_well() -> None:
    tolerant = replace(
        CURVES,
        deletion_morf=CURVES.deletion_morf / 2 + 0.5,
        deletion_lerf=CURVES.deletion_lerf / 2 + 0.5,
    )
    batch = batch_with_curves()
    plain = faithfulness_gap(batch, steps=2)
    shifted = faithfulness_gap(replace(batch, curves=(tolerant,)), steps=2)
    torch.testing.assert_close(shifted[:2], plain[:2])
    assert (deletion(replace(batch, curves=(tolerant,)), steps=2) > deletion(batch, steps=2))[:3].all()


def test_curves_of_another_grid_or_baseline_are_not_mistaken_for_those_asked_for() -> None:
    batch = batch_with_curves()
    assert curves_of(batch, baseline="zero", steps=2) is CURVES
    assert curves_of(batch, baseline="zero", steps=4).deletion_morf.shape == (4, 5)
    assert curves_of(batch, baseline="mean", steps=2).baseline == "mean"
    assert curves_of(batch, baseline="zero", steps=2, tile=2).tile == 2
    assert curves_of(batch, baseline="road", steps=2).baseline == "road"


def test_insertion_of_a_white_image_is_the_area_of_a_straight_line() -> None:
    counter = Counter()
    batch = explained(torch.rand(2, 8, 8), predict=counter)
    assert insertion(batch).tolist() == pytest.approx([0.5, 0.5])
    assert len(counter.images) == 2 * 2 * 16


def test_uneven_steps_are_scored_exactly_where_the_batch_brings_curves() -> None:
    maps = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(0))
    batch = explained(maps)
    ready = replace(batch, curves=(perturb(batch, baseline="zero", steps=4),))
    torch.testing.assert_close(insertion(ready, steps=4), insertion(batch, steps=4))
    # A white image: 0, 6, 12, 19 and 25 of 25 pixels are in.
    assert insertion(ready, steps=4).tolist() == pytest.approx([(6 + 12 + 19 + 12.5) / 25 / 4] * 2)
