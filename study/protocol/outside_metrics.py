"""Metrics of an analysis file: those of this package by name, any other with its facts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge
from pydantic import model_validator

from study.protocol.problems import Ledger, shown
from study.protocol.schema import Frozen, Text
from study.protocol.yamltree import Location
from study.records import MetricFacts
from study.registry import METRICS, RUN_METRICS, unknown


class DeclaredMetric(Frozen):
    """What must be known of a metric that this package does not compute."""

    higher_is_better: bool
    title: Text | None = None
    bounds: tuple[float | None, float | None] = (None, None)
    """Lowest and highest possible value; null where there is none."""
    unit: Literal["fraction", "percent"] = "fraction"
    """`percent`: a fraction that is printed times 100."""
    true_zero: bool = False
    """Whether 0 means that there is nothing, so that a percentage of a value has a meaning."""
    undefined: str = ""
    """What an empty value means, in one sentence."""
    version: Annotated[int, Ge(1)] = 1
    """Raise it when the metric's definition changes; values of two versions are not compared."""

    @model_validator(mode="after")
    def _ordered(self) -> DeclaredMetric:
        low, high = self.bounds
        if low is not None and high is not None and low >= high:
            raise ValueError(f"found the bounds {low:g} and {high:g}; the first must be below the second")
        return self


def registered(label: str) -> MetricFacts | None:
    """Facts of a metric of this package, parameters in brackets allowed."""
    name = label.partition("[")[0]
    return METRICS[name].facts(label) if name in METRICS else None


def declared_metrics(value: Any, ledger: Ledger) -> tuple[dict[str, MetricFacts], tuple[str, ...]]:
    """Facts by name from a list of names and `{name: {facts}}`, or from a mapping of the same."""
    if value is None:
        return {}, ()
    entries: list[tuple[Location, Any, Any]] = []
    if isinstance(value, dict):
        entries = [(("metrics", name), name, facts) for name, facts in value.items()]
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            pairs = entry.items() if isinstance(entry, dict) else [(entry, None)]
            entries += [(("metrics", i), name, facts) for name, facts in pairs]
    else:
        ledger.add(("metrics",), f"found {shown(value)}; must be a list of metrics, or a mapping of metrics to facts")
    found: dict[str, MetricFacts] = {}
    listed: list[str] = []
    for place, name, facts in entries:
        if not isinstance(name, str) or not name:
            ledger.add(place, f"found {shown(name)}; must be the name of a metric")
        elif name in listed:
            ledger.add(place, f"'{name}' is listed twice")
        else:
            listed.append(name)
            if made := _metric(name, facts, place, ledger):
                found[name] = made
    return found, tuple(listed)


def undeclared(name: str) -> str:
    """What is wrong with a metric whose direction nobody knows."""
    if name in RUN_METRICS:
        return f"the table has the metric '{name}', which is made from predictions; give these with --predictions"
    near = unknown("metric", name, METRICS).partition("\n")[0]
    return f"{near}\na metric of your own needs its direction: {name}: {{higher_is_better: true}}"


def _metric(name: str, facts: Any, place: Location, ledger: Ledger) -> MetricFacts | None:
    known = registered(name)
    if name in RUN_METRICS or name.startswith("auc["):
        ledger.add(place, f"'{name}' is made from predictions and need not be listed; give them with --predictions")
        return None
    if known is not None:
        if facts:
            ledger.add(
                place, f"'{name}' is a metric of this package and has its facts from it; call another one differently"
            )
        return known
    if not facts:
        ledger.add(place, undeclared(name))
        return None
    place = place if place[-1] == name else (*place, name)
    declared = ledger.check(DeclaredMetric, facts, place)
    if declared is None:
        return None
    return MetricFacts(
        name=name,
        title=declared.title or name,
        higher_is_better=declared.higher_is_better,
        bounds=declared.bounds,
        version=declared.version,
        unit=declared.unit,
        true_zero=declared.true_zero,
        undefined=declared.undefined,
    )
