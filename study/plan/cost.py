"""How long stages take: a guess good enough to order them, and better once some were timed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import NamedTuple

from study.records import Plan, Stage
from study.registry import ATTRIBUTIONS, MODELS, TRAININGS

_FILMS = 1000
"""Films of a dataset whose count the protocol does not say."""
_TIMM = 200.0
"""How much more one film costs in a usual model at 224 pixels than in ours at 64."""
_PER_FILM_S: Mapping[str, float] = {
    "data": 0.002,
    "predict": 0.001,
    "explain": 0.01,
    "perturb": 0.03,
    "mask": 0.01,
    "cascade": 0.1,
    "dissect": 0.01,
    "measure": 0.0002,
    "mae": 0.0011,
    "rotation": 0.0025,
    "jigsaw": 0.002,
    "exemplar": 0.01,
    "supervised": 0.0025,
    "finetune": 0.0028,
    "linear_probe": 0.002,
}
"""Seconds per film (training: per film and epoch) of our small models on one core."""
_CONTROL_S = 0.0003
"""Seconds per film of a map that asks no model."""
_START_S = 0.5
"""Of a dataset or a training; everything else has little to set up."""
_LOOK_S = 0.05


def guess_s(stage: Stage, stages: Mapping[str, Stage]) -> float:
    """Seconds that the stage may take on one core, within a factor of a few."""
    films = _films(stage, stages)
    is_given = stage.kind in TRAININGS and TRAININGS[stage.kind].given
    epochs = float(stage.recipe.get("settings", {}).get("epochs", 0 if is_given else 1))
    if stage.kind == "explain" and _asks_no_model(str(stage.recipe["attribution"])):
        return _LOOK_S + films * _CONTROL_S
    start = _START_S if stage.kind == "data" or stage.kind in TRAININGS else _LOOK_S
    factor = 1.0 if stage.kind in ("data", "measure") or _model(stage, stages) in MODELS else _TIMM
    return start + films * epochs * _PER_FILM_S.get(stage.kind, 0.0025) * factor


def _asks_no_model(attribution: str) -> bool:
    return ATTRIBUTIONS[attribution].control and ATTRIBUTIONS[attribution].class_free


class Expected(NamedTuple):
    """Key -> seconds that a stage may take on one core, and whether all of them rest on timed stages."""

    seconds: Mapping[str, float]
    is_timed: bool

    @property
    def work(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())

    def wall(self, plan: Plan, workers: int) -> float:
        """Seconds from now to the end with so many at a time: the work shared out, or the longest chain of jobs."""
        until: dict[str, float] = {}
        for job in plan.jobs:  # parents first
            own = sum(self.seconds.get(key, 0.0) for key in job.stages)
            until[job.job_id] = own + max((until[other] for other in job.after), default=0.0)
        return max(self.work / workers, max(until.values(), default=0.0))


def expected(plan: Plan, todo: Iterable[str], seconds: Callable[[Stage], float | None]) -> Expected:
    """What stages may take that are to be done.

    A stage like a timed one (same kind, settings and model) takes the median of those; another
    one takes the guess, scaled by how wrong the guess was for its kind.

    Args:
        todo: keys of the stages to do.
        seconds: what a finished stage took, None for others.
    """
    timed: dict[str, list[float]] = defaultdict(list)
    ratios: dict[str, list[float]] = defaultdict(list)
    for stage in plan.stages.values():
        if (took := seconds(stage)) is not None:
            timed[_likeness(stage, plan.stages)].append(took)
            ratios[stage.kind].append(took / guess_s(stage, plan.stages))
    found: dict[str, float] = {}
    is_timed = True
    for key in todo:
        stage = plan.stages[key]
        if like := timed.get(_likeness(stage, plan.stages)):
            found[key] = median(like)
        else:
            found[key] = guess_s(stage, plan.stages) * (median(ratios[stage.kind]) if stage.kind in ratios else 1.0)
            is_timed = False
    return Expected(found, is_timed)


def _likeness(stage: Stage, stages: Mapping[str, Stage]) -> str:
    recipe = stage.recipe
    named = [recipe.get(name) for name in ("settings", "attribution", "attribution_settings", "metric")]
    return repr((stage.kind, _model(stage, stages), stage.parents.get("data"), named))


def _model(stage: Stage, stages: Mapping[str, Stage]) -> str | None:
    if "classifier" in stage.parents:
        stage = stages[stage.parents["classifier"]]
    return stage.recipe.get("model")


def _films(stage: Stage, stages: Mapping[str, Stage]) -> float:
    data = stages[stage.parents["data"]] if "data" in stage.parents else stage
    settings = data.recipe["settings"]
    if "images" not in settings or "train" not in settings:
        return _FILMS
    if stage.kind == "data":
        names = ["images", "train", "val", "test"]
    elif stage.kind in TRAININGS:
        entry = TRAININGS[stage.kind]
        names = ["train"] if entry.supervised or entry.labelled else ["images", "train"]
    else:
        names = ["val", "test"] if stage.kind == "predict" else ["test"]
    return float(sum(settings[name] for name in names))
