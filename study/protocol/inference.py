"""Choices of the analysis beside its contrasts, with their defaults, and what must hold of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from study.protocol.designs import DoseSettings, Factors
from study.records import MetricFacts, Rules, UndefinedRule
from study.registry import RUN_METRICS, unknown

Label = Annotated[str, MinLen(1)]
AUC_ONLY: tuple[str, ...] = ("auc",)


class InferenceSettings(BaseModel):
    """How contrasts are tested; what is not written keeps its default and stays out of a protocol's plain form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    simultaneous: bool = False
    """Intervals that hold for a whole family at once, in place of the plain ones."""
    gate: bool = False
    """Secondary contrasts are confirmatory only where the primary contrasts of their question are told apart."""
    adjust_secondary: Literal["bh", "by"] = "bh"
    """Benjamini-Hochberg, or Benjamini-Yekutieli, which holds for any dependence between tests."""
    pool_run_variance: bool = False
    """One run variance for all arms, for few runs of many arms; not with paired seeds."""
    strata: Literal["none", "class"] = "none"
    """`class` draws resampled images within the classes of the target."""
    images: Literal["same", "common"] = "same"
    """`common` compares runs on the images that all of them list; `same` refuses other lists."""
    undefined: dict[str, UndefinedRule] = Field(default_factory=dict)
    """Metric -> `worst`: an undefined value counts as the metric's worst; `drop` leaves it out."""
    noninferiority: tuple[Label, ...] = ()
    """Metrics of which it is asked whether the treatment is worse by less than the margin."""
    classification: tuple[Label, ...] = AUC_ONLY
    """Metrics of the predictions with secondary contrasts: auc, accuracy, ece, brier, auc[class=NAME]."""
    factors: Factors = Field(default_factory=dict)
    """Two factors of two levels: factor -> level -> arms; every combination is exactly one arm."""
    dose: DoseSettings | None = None
    """Arms that differ in the amount of one thing."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Equal protocols stay equal when a choice is added: a choice not made is not written."""
        written: dict[str, Any] = handler(self)
        untouched = [
            name
            for name, field in InferenceSettings.model_fields.items()
            if getattr(self, name) == field.get_default(call_default_factory=True)
        ]
        return {name: value for name, value in written.items() if name not in untouched}

    @property
    def rules(self) -> Rules:
        """The part that the statistics read."""
        return Rules(
            strata=self.strata,
            simultaneous=self.simultaneous,
            gate=self.gate,
            adjust_secondary=self.adjust_secondary,
            pool_run_variance=self.pool_run_variance,
            images=self.images,
            undefined=dict(self.undefined),
        )


Problem = tuple[tuple[str | int, ...], str]
"""Where, and what is wrong."""


def problems(
    analysis: InferenceSettings,
    margins: Collection[str],
    metrics: Mapping[str, MetricFacts],
    *,
    seeding: str,
    n_arms: int,
    classes: Sequence[str] | None,
    exclusive: bool = True,
) -> Iterator[Problem]:
    """What cannot go together, with its place below `analysis`.

    Args:
        analysis: the settings.
        margins: metrics with a margin.
        metrics: label -> facts of what is measured, the metrics of predictions not among them.
        seeding: of the protocol.
        n_arms: how many arms there are.
        classes: of the target; None where the file does not name them.
        exclusive: whether a film has exactly one of them.
    """
    yield from _pooling(analysis, seeding, n_arms)
    yield from _undefined(analysis, metrics)
    yield from _noninferiority(analysis, margins, metrics)
    yield from _classification(analysis, classes, exclusive=exclusive)


def _pooling(analysis: InferenceSettings, seeding: str, n_arms: int) -> Iterator[Problem]:
    if not analysis.pool_run_variance:
        return
    if seeding == "paired":
        yield (
            ("pool_run_variance",),
            "found true with `seeding: paired`; pairs of seeds have no run variance of one arm to pool; "
            "set one of them back",
        )
    elif n_arms < 3:
        yield ("pool_run_variance",), f"found true with {n_arms} arms; pooling needs three or more"


def _undefined(analysis: InferenceSettings, metrics: Mapping[str, MetricFacts]) -> Iterator[Problem]:
    for name, rule in analysis.undefined.items():
        place = ("undefined", name)
        if name not in metrics:
            yield place, unknown("metric under `measure`", name, dict(metrics))
        elif rule == "worst" and worst_value(metrics[name]) is None:
            yield place, f"'{name}' has no worst value, so `worst` has no meaning; use drop"


def _noninferiority(
    analysis: InferenceSettings, margins: Collection[str], metrics: Mapping[str, MetricFacts]
) -> Iterator[Problem]:
    known = dict(metrics) | dict(RUN_METRICS)
    for i, name in enumerate(analysis.noninferiority):
        place = ("noninferiority", i)
        if name not in known:
            yield place, unknown("metric under `measure`", name, known)
        elif known[name].higher_is_better is None:
            yield place, f"'{name}' has no better direction; non-inferiority has no meaning for it"
        elif name not in margins:
            yield place, f"'{name}' has no margin; declare one, such as margins: {{{name}: 0.03}}"


def _classification(
    analysis: InferenceSettings, classes: Sequence[str] | None, *, exclusive: bool
) -> Iterator[Problem]:
    for i, name in enumerate(analysis.classification):
        place = ("classification", i)
        base, _, rest = name.partition("[class=")
        if analysis.classification.count(name) > 1 and analysis.classification.index(name) < i:
            yield place, f"'{name}' is listed twice"
        elif not rest and name not in RUN_METRICS:
            yield place, unknown("metric of the predictions", name, dict(RUN_METRICS))
        elif rest and (base != "auc" or not rest.endswith("]") or len(rest) < 2):
            yield place, f"'{name}' is not a metric of one class; write it as \"auc[class=NAME]\""
        elif rest and classes is not None and len(classes) < 3 and exclusive:
            yield place, f"'{name}': with two classes `auc` says it all; use auc"
        elif rest and classes is not None and rest[:-1] not in classes:
            yield place, unknown("class of the target", rest[:-1], list(classes))


def worst_value(facts: MetricFacts) -> float | None:
    """The limit of a metric on its worse side; None without a direction or a limit there."""
    return None if facts.higher_is_better is None else facts.bounds[0 if facts.higher_is_better else 1]


def labelled(analysis: InferenceSettings, labels: Callable[[str], Sequence[str]]) -> dict[str, Any]:
    """`undefined` and `noninferiority` under the labels of the tables, as an update of the settings.

    Args:
        analysis: as written.
        labels: name of a metric -> the labels it stands for; empty for one that is no metric of maps.
    """
    undefined = {label: rule for name, rule in analysis.undefined.items() for label in labels(name) or (name,)}
    asked = dict.fromkeys(label for name in analysis.noninferiority for label in labels(name) or (name,))
    return {"undefined": undefined, "noninferiority": tuple(asked)}
