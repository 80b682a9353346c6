"""Rules that every metric of the registry obeys."""

import importlib
import inspect
import math
import pkgutil
import typing
from dataclasses import replace
from functools import partial

import pytest
import torch
from law_toys import Evidence, films, network, rows
from torch import Tensor

import study.measure
from study.errors import UnsupportedError
from study.explain import attribute, to_input_size
from study.measure import mask, perturb, score
from study.measure.cascade import cascade
from study.records import Classifier, ExplainedBatch
from study.registry import METRICS

SIZE = (24, 16)
BOX = (4, 6, 12, 16)
NEEDS_BOXES = [name for name in METRICS if "boxes" in METRICS[name].needs]
ASKS_ABOUT_ITS_OWN_FILMS = ("infidelity", "max_sensitivity", "class_sensitivity")
"""Metrics that ask the model what no other metric asks, so that nothing can be computed before."""

COMPARES_A_METHOD_WITH_ITSELF = ("max_sensitivity", *(name for name in METRICS if "cascade" in METRICS[name].needs))
"""Metrics that say how much a method depends on the film and on the weights, not whether its map is true."""

NEEDS_CURVES = [name for name in METRICS if "curves" in METRICS[name].needs]

every_metric = pytest.mark.parametrize("name", METRICS)


@pytest.fixture
def evidence() -> Evidence:
    return Evidence(SIZE, BOX)


@pytest.fixture
def batch(evidence: Evidence) -> ExplainedBatch:
    """Maps as they come: ordinary, signed, sparse, tiny, huge, and those on which metrics are undefined."""
    noise = torch.randn(11, *SIZE, generator=torch.Generator().manual_seed(1))
    noise[1].abs_()
    noise[2].clamp_(min=1.5)
    noise[3] *= 1e-6
    noise[4] *= 1e6
    noise[5] = 0.0
    noise[6] = -3.0
    noise[7, 0, 0] = float("nan")
    noise[8, 0, 0] = float("inf")
    noise[9] = evidence.inside
    noise[10] = 0.0
    noise[10, 10, 8] = 1.0
    return evidence.batch(noise)


@every_metric
def test_a_batch_is_scored_like_its_images_one_by_one_in_any_order(name: str, batch: ExplainedBatch) -> None:
    whole = score(name, batch)
    order = [3, 10, 0, 7, 2, 5, 9, 1, 8, 4, 6]
    shuffled = score(name, rows(batch, order))
    single = [score(name, rows(batch, [row])) for row in range(11)]
    close = {"equal_nan": True, "atol": 1e-9, "rtol": 1e-9}
    torch.testing.assert_close(shuffled.values, whole.values[order], **close)
    torch.testing.assert_close(torch.cat([one.values for one in single]), whole.values, **close)
    assert tuple(reason for one in single for reason in one.reasons) == whole.reasons


@every_metric
def test_values_are_float64_within_bounds_with_a_reason_for_every_hole(name: str, batch: ExplainedBatch) -> None:
    values, reasons = score(name, batch)
    assert values.shape == (11,)
    assert values.dtype == torch.float64
    low, high = METRICS[name].bounds
    defined = values[~values.isnan()]
    assert len(defined) >= 5
    assert defined.min() >= (-math.inf if low is None else low)
    assert defined.max() <= (math.inf if high is None else high)
    assert [bool(reason) for reason in reasons] == values.isnan().tolist()


@every_metric
def test_a_map_that_is_not_finite_has_no_score(name: str, batch: ExplainedBatch) -> None:
    values, reasons = score(name, rows(batch, [7, 8]))
    assert values.isnan().all()
    assert set(reasons) == {"the map is not finite"}


@every_metric
def test_nothing_that_comes_in_is_changed(name: str, batch: ExplainedBatch) -> None:
    kept = [tensor.clone() for tensor in (batch.images, batch.targets, batch.attributions, *batch.boxes)]
    score(name, batch)
    for tensor, before in zip((batch.images, batch.targets, batch.attributions, *batch.boxes), kept, strict=True):
        torch.testing.assert_close(tensor, before, equal_nan=True, atol=0, rtol=0)


@every_metric
def test_what_was_computed_before_gives_the_same_scores(name: str, batch: ExplainedBatch) -> None:
    kinds = (METRICS["deletion"].parameters, METRICS["degradation"].parameters, {"baseline": "road"})
    ready = replace(batch, curves=tuple(perturb(batch, **kind) for kind in kinds), masked=mask(batch))
    others = {arm: perturb(replace(batch, predict=ask), **kinds[0]) for arm, ask in batch.evaluators.items()}
    ready = replace(ready, cross=others, evaluators={}, cascade=cascade(batch), randomised={})
    silent = ready if name in ASKS_ABOUT_ITS_OWN_FILMS else replace(ready, predict=_refuse, explain=_refuse)
    torch.testing.assert_close(score(name, silent).values, score(name, batch).values, equal_nan=True)


@every_metric
def test_a_batch_without_images_has_no_scores(name: str, batch: ExplainedBatch) -> None:
    values, reasons = score(name, rows(batch, []))
    assert values.shape == (0,)
    assert reasons == ()


@every_metric
def test_the_map_that_tells_the_truth_beats_a_random_and_an_inverted_one(name: str, evidence: Evidence) -> None:
    if METRICS[name].higher_is_better is None or name in COMPARES_A_METHOD_WITH_ITSELF:
        pytest.skip(f"{name} does not say which map is true")
    jitter = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(2))
    truth = evidence.inside + 0.1 * jitter[0] * evidence.inside
    outside = (1 - evidence.inside) * (1 + 0.1 * jitter[1])
    values = score(name, evidence.batch(torch.stack((truth, jitter[2], outside)))).values
    signed = values if METRICS[name].higher_is_better else -values
    true, random, inverted = signed.nan_to_num(nan=-math.inf).tolist()
    # Pixels removed at random can be imputed from their neighbours, so no map beats a random one there.
    assert true >= random or METRICS[name].curve.get("baseline") == "road"
    assert true > inverted


@every_metric
@pytest.mark.parametrize("in_chans", [1, 3])
def test_real_networks_with_films_that_are_not_square_are_scored(name: str, in_chans: int) -> None:
    size = (48, 32)
    classifier = network("resnet", in_chans=in_chans, size=size)
    images, targets = films(2, in_chans=in_chans, size=size), torch.tensor([0, 2])

    redrawn = network("resnet", in_chans=in_chans, size=size)
    torch.nn.init.normal_(redrawn.module.fc.weight, generator=torch.Generator().manual_seed(4))

    def explain_signed(images: Tensor, targets: Tensor, model: Classifier = classifier) -> Tensor:
        return attribute("gradcam", model, images, targets, settings={"layer": 2})

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        return to_input_size("gradcam", explain_signed(images, targets), size)

    def predict(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return classifier.module(images).softmax(dim=1)

    # With random weights a blank film may score like the film itself.
    maps, boxes = explain(images, targets), (torch.tensor([[3, 40, 20, 48]]),) * 2
    batch = ExplainedBatch(
        images=images,
        targets=targets,
        attributions=maps,
        boxes=boxes,
        predict=predict,
        explain=explain,
        signed=explain_signed(images, targets),
        explain_signed=explain_signed,
        seeds=(1, 2),
        evaluators={"other": predict},
        randomised={"fc": partial(explain_signed, model=redrawn)},
    )
    values, reasons = score(name, batch)
    assert values.isfinite().all() or set(reasons) <= {"", METRICS["faithfulness_gap"].undefined}


@pytest.mark.parametrize("name", NEEDS_BOXES)
@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([], "the image has no box"),
        ([[3, 3, 3, 9]], "no box covers a pixel of the image"),
        ([[9, 9, 3, 3]], "no box covers a pixel of the image"),
        ([[100, 100, 120, 120]], "no box covers a pixel of the image"),
        ([[-9, -9, -3, -3]], "no box covers a pixel of the image"),
    ],
)
def test_images_without_a_marked_pixel_have_no_agreement(
    name: str, boxes: list[list[int]], reason: str, batch: ExplainedBatch
) -> None:
    one = replace(rows(batch, [1]), boxes=(torch.tensor(boxes, dtype=torch.int64).reshape(-1, 4),))
    values, reasons = score(name, one)
    assert values.isnan().all()
    assert reasons == (reason,)


@pytest.mark.parametrize("name", NEEDS_BOXES)
def test_boxes_that_leave_the_image_or_overlap_mark_what_lies_inside_once(name: str, batch: ExplainedBatch) -> None:
    plain = replace(rows(batch, [1]), boxes=(torch.tensor([[0, 0, 5, 24]]),))
    untidy = replace(plain, boxes=(torch.tensor([[-7, -2, 5, 99], [0, 0, 5, 4], [2, 2, 2, 9]]),))
    assert score(name, untidy).values.tolist() == score(name, plain).values.tolist()


@pytest.mark.parametrize("name", NEEDS_BOXES)
@pytest.mark.parametrize("box", [(0, 0, 16, 24), (0, 0, 1, 1), (15, 23, 16, 24)])
def test_boxes_as_large_and_as_small_as_can_be_are_scored(
    name: str, box: tuple[int, ...], batch: ExplainedBatch
) -> None:
    value = score(name, replace(rows(batch, [1]), boxes=(torch.tensor([box]),))).values.item()
    low, high = METRICS[name].bounds
    assert low <= value <= high
    if box == (0, 0, 16, 24) and name in ("ehr_count", "energy_pg"):
        assert value == pytest.approx(1.0)


@pytest.mark.parametrize("name", NEEDS_CURVES)
def test_constant_maps_have_no_order_and_are_not_scored_by_the_model(name: str, batch: ExplainedBatch) -> None:
    values, reasons = score(name, replace(rows(batch, [5, 6, 7]), predict=_refuse))
    assert values.isnan().all()
    assert reasons == ("the map is constant", "the map is constant", "the map is not finite")


@pytest.mark.parametrize("name", METRICS)
def test_metrics_that_draw_random_numbers_ask_for_seeds_and_keep_to_them(name: str, batch: ExplainedBatch) -> None:
    seedless = replace(batch, seeds=())
    if not METRICS[name].random:
        torch.testing.assert_close(score(name, seedless).values, score(name, batch).values, equal_nan=True)
        return
    with pytest.raises(
        UnsupportedError, match=f"{name} draws random numbers and needs one seed per image: 11 images, 0"
    ):
        score(name, seedless)
    first, again = score(name, batch).values, score(name, batch).values
    other = score(name, replace(batch, seeds=tuple(seed + 1 for seed in batch.seeds))).values
    torch.testing.assert_close(again, first, equal_nan=True, atol=0, rtol=0)
    assert (other != first).sum() > first.isnan().sum()


@every_metric
def test_defaults_of_the_registry_are_parameters_of_the_function(name: str) -> None:
    parameters = inspect.signature(METRICS.load(name)).parameters.values()
    own = {parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    assert own == dict(METRICS[name].parameters)
    for key, choices in METRICS[name].choices.items():
        assert METRICS[name].parameters[key] in choices


def test_every_metric_has_its_line_and_every_line_its_function() -> None:
    found = {
        f"{function.__module__}:{name}"
        for module in pkgutil.iter_modules(study.measure.__path__)
        for name, function in vars(importlib.import_module(f"study.measure.{module.name}")).items()
        if inspect.isfunction(function) and function.__module__ == f"study.measure.{module.name}"
        if _is_a_metric(function)
    }
    assert found == {entry.path for entry in METRICS.values()}


def _is_a_metric(function: typing.Any) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    hints = typing.get_type_hints(function)
    scored = hints.get("return") is Tensor and hints.get("batch") is ExplainedBatch
    public = not function.__name__.startswith("_") and function.__name__ != "inside"  # a mask, not a score
    return positional == ["batch"] and scored and public


def _refuse(*_: Tensor) -> Tensor:
    raise AssertionError("the model was asked although there was nothing to ask")
