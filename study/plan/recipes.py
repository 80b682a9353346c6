"""The recipe of every kind of stage: exactly what can change its numbers, and nothing else.

Left out by name: names of studies, arms and datasets, folders, workers, device, dates. What
stands here is what `pipeline` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.protocol.data import DataSettings
from study.protocol.schema import ChainStage, Chosen, ConceptSettings
from study.registry import ATTRIBUTIONS, FORMATS, METRICS, STEP_VERSIONS, TRAININGS

Recipe = dict[str, Any]
Parents = Mapping[str, str]

SCHEMA = 2
CURVE_SETTINGS = ("baseline", "steps", "tile")


def data(settings: DataSettings, *, image_size: int, digest: str) -> Recipe:
    """Decoded and resized films; where the files lie is not part of it, what is in them is."""
    plain = settings.model_dump(mode="json", exclude=set(settings.paths))
    version = FORMATS[plain["format"]].version
    return _recipe("data", version, settings=plain, image_size=image_size, data=digest)


def train(
    stage: ChainStage,
    *,
    model: str,
    seed: int,
    classes: list[str] | None,
    parents: Parents,
    content: str | None = None,
) -> Recipe:
    """A stage of a chain.

    Args:
        classes: the declared ones (None: those of the films); for stages that read labels.
        content: `sha256:...` of the file of a `weights` stage, in place of its path.
    """
    entry = TRAININGS[stage.kind]
    settings = stage.settings.model_dump(mode="json", exclude={"data", *stage.settings.paths, *stage.settings.spent})
    extra: dict[str, Any] = {"classes": classes} if entry.supervised or entry.labelled else {}
    extra |= {"content": content} if entry.given else {}
    return _recipe(stage.kind, entry.version, settings=settings, model=model, seed=seed, parents=parents, **extra)


def predict(parents: Parents) -> Recipe:
    """Probabilities of the target's films."""
    return _recipe("predict", STEP_VERSIONS["predict"], parents=parents)


def explain(attribution: Chosen, *, seed: int, target_class: str, parents: Parents) -> Recipe:
    """One method's maps of one classifier."""
    return _recipe(
        "explain",
        ATTRIBUTIONS[attribution.name].version,
        attribution=attribution.name,
        settings=attribution.settings,
        seed=seed,
        target_class=target_class,
        parents=parents,
    )


def perturb(attribution: Chosen, metric: Chosen, *, seed: int, target_class: str, parents: Parents) -> Recipe:
    """The perturbation curves that `metric` and its like read."""
    asked = {name: metric.settings[name] for name in CURVE_SETTINGS if name in metric.settings}
    settings = {**METRICS[metric.name].curve, **asked}
    maps = _maps(attribution, seed, target_class)
    return _recipe("perturb", STEP_VERSIONS["perturb"], settings=settings, parents=parents, **maps)


def mask(attribution: Chosen, *, seed: int, target_class: str, parents: Parents) -> Recipe:
    """What the classifier says of the films masked by their maps."""
    return _recipe("mask", STEP_VERSIONS["mask"], parents=parents, **_maps(attribution, seed, target_class))


def cascade(attribution: Chosen, *, seed: int, target_class: str, parents: Parents) -> Recipe:
    """How alike one method's maps stay while the classifier's weights are redrawn."""
    return _recipe("cascade", STEP_VERSIONS["cascade"], parents=parents, **_maps(attribution, seed, target_class))


def dissect(settings: ConceptSettings, parents: Parents) -> Recipe:
    """Which units of the classifier answer to which parts of the films."""
    return _recipe("dissect", STEP_VERSIONS["dissect"], settings=settings.model_dump(mode="json"), parents=parents)


def measure(attribution: Chosen, metric: Chosen, *, seed: int, target_class: str, parents: Parents) -> Recipe:
    """One metric's scores of one method's maps."""
    return _recipe(
        "measure",
        METRICS[metric.name].version,
        metric=metric.name,
        settings=metric.settings,
        parents=parents,
        **_maps(attribution, seed, target_class),
    )


def _recipe(kind: str, version: int, *, parents: Parents | None = None, **members: Any) -> Recipe:
    recipe: Recipe = {"schema": SCHEMA, "kind": kind, "version": version, **members}
    return recipe | ({"parents": dict(parents)} if parents is not None else {})


def _maps(attribution: Chosen, seed: int, target_class: str) -> Recipe:
    """What pipeline needs to make the same maps of other images."""
    return {
        "attribution": attribution.name,
        "attribution_settings": attribution.settings,
        "attribution_version": ATTRIBUTIONS[attribution.name].version,
        "seed": seed,
        "target_class": target_class,
    }
