"""Scores across models: which models are asked, what is averaged, and what cancels."""

from dataclasses import replace

import pytest
import torch
from measure_toys import Counter, brightness, explained
from torch import Tensor

from study.errors import UnsupportedError
from study.measure import perturb, score
from study.measure.cross import cross_deletion, cross_gap, cross_insertion
from study.measure.faithfulness_gap import faithfulness_gap
from study.measure.insertion_deletion import deletion, insertion
from study.records import Curves, ExplainedBatch

SCORES = {"cross_insertion": insertion, "cross_deletion": deletion, "cross_gap": faithfulness_gap}


def tolerant(images: Tensor) -> Tensor:
    """Reads the same evidence, and keeps half of its certainty whatever is hidden."""
    p = 0.5 + brightness(images)[:, :1] / 2
    return torch.cat((p, 1 - p), dim=1)


def corner(images: Tensor) -> Tensor:
    p = images.double()[:, 0, :2, :2].mean(dim=(1, 2))
    return torch.stack((p, 1 - p), dim=1)


def batch() -> ExplainedBatch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, 1, 8, 8, generator=generator)
    own = explained(torch.rand(3, 8, 8, generator=generator), images=images, predict=None)
    return replace(own, evaluators={"b": corner, "a": brightness})


def refuse(_: Tensor) -> Tensor:
    raise AssertionError("the model was asked")


@pytest.mark.parametrize("name", SCORES)
def test_the_cross_score_is_the_mean_of_the_score_on_every_evaluator_and_not_on_the_own_model(name: str) -> None:
    expected = [SCORES[name](replace(batch(), predict=predict)) for predict in (brightness, corner)]
    own = replace(batch(), predict=refuse)
    torch.testing.assert_close(score(name, own).values, torch.stack(expected).mean(dim=0))


@pytest.mark.parametrize("name", SCORES)
def test_curves_that_the_batch_brings_are_not_computed_again(name: str) -> None:
    curves = {arm: perturb(replace(batch(), predict=ask), baseline="zero") for arm, ask in batch().evaluators.items()}
    ready = replace(batch(), cross=curves, evaluators={"a": refuse, "b": refuse}, predict=refuse)
    assert score(name, ready).values.tolist() == score(name, batch()).values.tolist()
    counter = Counter()
    other = replace(ready, evaluators={"a": counter})
    score(name, other, {"steps": 4})
    assert len(counter.images) == 3 * 2 * 4, "curves of other steps are not those asked for"


def test_where_one_evaluator_has_no_curves_of_these_settings_all_are_asked() -> None:
    """A mean over the others would be one of fewer judges."""
    asked = {arm: replace(batch(), predict=ask) for arm, ask in batch().evaluators.items()}
    curves = {"a": perturb(asked["a"], baseline="zero"), "b": perturb(asked["b"], baseline="zero", steps=4)}
    half = replace(batch(), cross=curves)
    assert cross_deletion(half).tolist() == cross_deletion(batch()).tolist()


def test_by_hand() -> None:
    kind = {"fractions": torch.tensor([0.0, 0.5, 1.0]).double(), "baseline": "zero"}
    morf = [torch.tensor([[0.9, 0.3, 0.1], [0.5, 0.1, 0.1]]), torch.tensor([[0.8, 0.4, 0.6], [0.5, 0.1, 0.45]])]
    lerf = [torch.tensor([[0.9, 0.7, 0.1], [0.5, 0.4, 0.1]]), torch.tensor([[0.8, 0.5, 0.6], [0.5, 0.2, 0.45]])]
    curves = {n: Curves(m.double(), e.double(), **kind) for n, m, e in zip("ab", morf, lerf, strict=True)}
    own = replace(explained(torch.rand(2, 2, 2), predict=None), cross=curves)
    assert cross_deletion(own, steps=2).tolist() == pytest.approx([(0.4 + 0.55) / 2, (0.2 + 0.2875) / 2])
    assert cross_insertion(own, steps=2).tolist() == pytest.approx([(0.6 + 0.6) / 2, (0.35 + 0.3375) / 2])
    gap = cross_gap(own, steps=2)
    assert gap[0].item() == pytest.approx((0.4 / 2 / 0.8 + 0.1 / 2 / 0.2) / 2)
    assert gap[1].isnan(), "evaluator b sees no evidence in the second image, and no judge is left out silently"


def test_the_gap_does_not_depend_on_how_well_an_evaluator_tolerates_occlusion() -> None:
    plain = replace(batch(), evaluators={"a": brightness})
    robust = replace(batch(), evaluators={"a": tolerant})
    torch.testing.assert_close(cross_gap(plain), cross_gap(robust))
    assert (cross_deletion(robust) > cross_deletion(plain)).all()


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("evaluators", ["others", "all", ["a"]])
def test_who_judges_was_decided_when_the_batch_was_made(name: str, evaluators: object) -> None:
    assert score(name, batch(), {"evaluators": evaluators}).values.tolist() == score(name, batch()).values.tolist()


@pytest.mark.parametrize("name", SCORES)
def test_a_batch_without_other_models_is_refused(name: str) -> None:
    alone = replace(batch(), evaluators={})
    with pytest.raises(UnsupportedError, match=r"curves on other models \(baseline 'zero', 16 steps\).*brings neither"):
        score(name, alone)
    other = {"a": perturb(replace(alone, predict=brightness), baseline="mean")}
    with pytest.raises(UnsupportedError, match="brings neither"):
        score(name, replace(alone, cross=other))


def test_constant_maps_have_no_score_and_no_evaluator_is_asked() -> None:
    flat = replace(batch(), attributions=torch.ones(3, 8, 8), evaluators={"a": refuse})
    scores = score("cross_gap", flat)
    assert scores.values.isnan().all()
    assert set(scores.reasons) == {"the map is constant"}
