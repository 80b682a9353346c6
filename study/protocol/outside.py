"""From an analysis file, which asks something of scores made elsewhere, to a checked `OutsideStudy`.

The file speaks the words of a protocol as far as they concern the analysis; arms, models and seeds come from the
table. `read_analysis` checks what stands in the file alone, `AnalysisFile.checked` how it fits the table.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from annotated_types import Ge, Le, MinLen

from study.protocol.designs import check_designs
from study.protocol.inference import labelled, problems
from study.protocol.lock import NO_ANALYSIS, Declared, leaves
from study.protocol.outside_metrics import declared_metrics, registered, undeclared
from study.protocol.problems import Ledger
from study.protocol.schema import AnalysisSettings, Comparison, Frozen, Name, Primary, ReportSettings, Text
from study.protocol.yamltree import Location, parse
from study.records import Contrast, MetricFacts, Seeding
from study.registry import ATTRIBUTIONS, RUN_METRICS, unknown

MODEL = "model"
"""What the model is called where neither the file nor the table names one."""

Seed = Annotated[int, Ge(0)]


class PlannedRuns(Frozen):
    """The runs that were meant to be, so that missing ones are named."""

    seeds: Annotated[int, Ge(1), Le(1000)] | Annotated[tuple[Seed, ...], MinLen(1)]
    """How many seeds each arm and model has, or which."""


class OutsideFields(Frozen):
    """The keys of an analysis file, except `metrics`."""

    study: Name
    title: Text | None = None
    question: Text
    reference: Text
    seeding: Seeding = "nested"
    arms: Annotated[tuple[Text, ...], MinLen(1)] | None = None
    """Default: as the table has them, in the order of appearance."""
    model: Text = MODEL
    """The model's name where the table has no column `model`."""
    controls: tuple[Text, ...] = ()
    """Attributions that are yardsticks, beside those that this package knows as such."""
    planned: PlannedRuns | None = None
    analysis: AnalysisSettings = AnalysisSettings()
    report: ReportSettings = ReportSettings()


@dataclass(frozen=True)
class TableFacts:
    """What a score table holds, in the order of first appearance.

    Attributes:
        classes: classes of the predictions; 0 without predictions.
    """

    arms: tuple[str, ...]
    models: tuple[str, ...]
    seeds: tuple[int, ...]
    attributions: tuple[str, ...]
    metrics: tuple[str, ...]
    classes: int = 0


class OutsideStudy(Comparison):
    """An analysis of scores made elsewhere, checked against their table."""

    title: Text
    arms: tuple[str, ...]
    attributions: tuple[str, ...]
    controls: tuple[str, ...]
    metrics: dict[str, MetricFacts]
    has_predictions: bool
    planned: PlannedRuns | None
    source: Path
    root: Path

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The arms in the order of the file, or else of the table."""
        return self.arms

    @property
    def attribution_labels(self) -> tuple[str, ...]:
        """Labels of all attributions, controls included."""
        return (*self.attributions, *self.controls)

    @property
    def control_labels(self) -> tuple[str, ...]:
        """Labels of the attributions that are yardsticks."""
        return self.controls

    @property
    def metric_labels(self) -> tuple[str, ...]:
        """Labels of everything that has a value per image."""
        return tuple(self.metrics)

    @property
    def metric_facts(self) -> dict[str, MetricFacts]:
        """Label -> direction, bounds and title; those of whole runs only with predictions."""
        return self.metrics | (dict(RUN_METRICS) if self.has_predictions else {})

    def contrasts(self, margins_set_later: Collection[str] = ()) -> tuple[Contrast, ...]:
        """As of every comparison, but of the AUC only with predictions."""
        every = super().contrasts(margins_set_later)
        return tuple(contrast for contrast in every if contrast.metric in self.metric_facts)

    def plain(self) -> dict[str, Any]:
        """The settings as plain data, in the words of the file, defaults written out."""
        written = ("study", "title", "question", "reference", "seeding", "arms", "controls", "planned")
        settings = self.model_dump(mode="json", include={*written, "analysis", "report"})
        metrics = {
            name: {"higher_is_better": facts.higher_is_better, "bounds": list(facts.bounds), "version": facts.version}
            for name, facts in self.metrics.items()
        }
        return settings | {"metrics": metrics}

    def declared(self) -> Declared:
        """Everything that could change a number, for the lock."""
        return leaves({key: value for key, value in self.plain().items() if key not in NO_ANALYSIS})


@dataclass
class AnalysisFile:
    """An analysis file as far as it could be read, and what is wrong with it.

    Attributes:
        parsed: fields of `OutsideFields` by name; what had a problem is absent.
        metrics: facts of every listed metric that could be read.
        listed: every name under `metrics`.
        ledger: collects problems; nothing is raised before `checked`.
    """

    path: Path
    parsed: dict[str, Any]
    metrics: dict[str, MetricFacts]
    listed: tuple[str, ...]
    ledger: Ledger

    @property
    def model(self) -> str:
        """The model's name where the table has none."""
        return str(self.parsed.get("model", MODEL))

    def facts_of(self, metric: str) -> MetricFacts | None:
        """What is known of a metric of the table: declared here, or registered."""
        return self.metrics.get(metric) or registered(metric)

    def checked(self, table: TableFacts) -> OutsideStudy | None:
        """The study, or None with problems in the ledger."""
        _check(self, table)
        if self.ledger.problems:
            return None
        parsed = dict(self.parsed)
        del parsed["model"]
        given = parsed.pop("controls")
        labels = table.attributions
        controls = tuple(label for label in labels if label in given or _is_control(label))
        order = [*self.metrics, *(name for name in table.metrics if name not in self.metrics)]
        metrics = {name: facts for name in order if (facts := self.facts_of(name)) is not None}
        parsed["title"] = parsed["title"] or parsed["study"].replace("_", " ")
        parsed["arms"] = parsed["arms"] or table.arms
        planned = planned_seeds(parsed["planned"], table.seeds) if parsed["planned"] else ()
        parsed["analysis"] = _labelled(parsed["analysis"], labels, tuple(metrics))
        return OutsideStudy(
            **parsed,
            models=table.models,
            seeds=tuple(sorted({*table.seeds, *planned})),
            attributions=tuple(label for label in labels if label not in controls),
            controls=controls,
            metrics=metrics,
            has_predictions=table.classes > 0,
            source=self.path,
            root=self.path.absolute().parent,
        )


def read_analysis(path: Path, languages: Sequence[str] | None = None) -> AnalysisFile:
    """The analysis file; what is wrong with it stands in its ledger.

    Args:
        path: the YAML file; `report.notes` is relative to its folder.
        languages: of the report, instead of the file's.

    Raises:
        ProtocolError: the file is missing, or no YAML.
    """
    tree = parse(path)
    origins: dict[Location, str] = {}
    if languages is not None:
        report = tree.data.get("report")
        tree.data["report"] = {**(report if isinstance(report, dict) else {}), "languages": list(languages)}
        origins["report", "languages"] = "--lang"
    ledger = Ledger(str(path), tree, origins)
    known = [*OutsideFields.model_fields, "metrics"]
    parsed: dict[str, Any] = {}
    for key in tree.data:
        if key not in known:
            ledger.add((key,), unknown("key", key, known))
    for key, field in OutsideFields.model_fields.items():
        if key in tree.data:
            kind = operator.getitem(cast(Any, Annotated), (field.annotation, field))
            value = ledger.check(kind, tree.data[key], (key,), salvage=True)
            if value is not None or tree.data[key] is None:
                parsed[key] = value
        elif field.is_required():
            ledger.add((key,), "is required and not given")
        else:
            parsed[key] = field.get_default()
    metrics, listed = declared_metrics(tree.data.get("metrics"), ledger)
    return AnalysisFile(path, parsed, metrics, listed, ledger)


def _is_control(label: str) -> bool:
    name = label.partition("[")[0]
    return name in ATTRIBUTIONS and ATTRIBUTIONS[name].control


# --------------------------------------------------------------------- against the table


def _check(file: AnalysisFile, table: TableFacts) -> None:
    """Note everything in the file that the table cannot answer."""
    parsed, ledger = file.parsed, file.ledger
    arms = parsed.get("arms") or table.arms
    for arm in parsed.get("arms") or ():
        if arm not in table.arms:
            ledger.add(("arms",), unknown("arm of the table", arm, table.arms))
    if "reference" in parsed and parsed["reference"] not in arms:
        ledger.add(("reference",), unknown("arm of the table", parsed["reference"], arms))
    for label in parsed.get("controls", ()):
        if label not in table.attributions:
            ledger.add(("controls",), unknown("attribution of the table", label, table.attributions))
    for name in file.listed:
        if name in file.metrics and name not in table.metrics:
            ledger.add(("metrics", name), unknown("metric of the table", name, table.metrics))
    for name in table.metrics:
        if name not in file.listed and file.facts_of(name) is None:
            ledger.add(("metrics",), undeclared(name))
    if isinstance(parsed.get("planned"), PlannedRuns):
        planned_seeds(parsed["planned"], table.seeds, ledger)
    if "analysis" in parsed:
        _check_analysis(file, table, arms)


def _check_analysis(file: AnalysisFile, table: TableFacts, arms: Sequence[str]) -> None:
    analysis: AnalysisSettings = file.parsed["analysis"]
    ledger, place = file.ledger, ("analysis", "primary")
    if analysis.primary is not None:
        _one_label(analysis.primary.attribution, table.attributions, (*place, "attribution"), "attribution", ledger)
        if analysis.primary.attribution in file.parsed.get("controls", ()) or _is_control(analysis.primary.attribution):
            ledger.add((*place, "attribution"), "is a control and explains nothing; choose another attribution")
        label = _one_label(analysis.primary.metric, table.metrics, (*place, "metric"), "metric", ledger)
        facts = file.facts_of(label) if label else None
        if facts is not None and facts.higher_is_better is None:
            ledger.add((*place, "metric"), f"'{label}' has no better direction and cannot be primary")
    elif len(arms) > 1 and not ledger.has_below(place):
        ledger.add(place, "is required and not given; which attribution and metric decide?")
    if len(arms) < 2 and len(table.attributions) < 2:
        ledger.add(("arms",), "the table has one arm and one attribution; there is nothing to compare")
    for name in analysis.margins:
        if not (name == "auc" and table.classes):
            _one_label(name, table.metrics, ("analysis", "margins", name), "metric", ledger)
    _check_contrasts(analysis, arms, ledger)
    check_designs({"analysis": analysis, "arms": arms}, ledger)
    _check_inference(file, table, len(arms))


def _check_inference(file: AnalysisFile, table: TableFacts, n_arms: int) -> None:
    """The choices of the analysis fit each other and the table; metrics may be meant without their parameters."""
    analysis: AnalysisSettings = file.parsed["analysis"]
    facts = {label: known for label in table.metrics if (known := file.facts_of(label)) is not None}
    named = {name: one for label, one in facts.items() for name in (label.partition("[")[0], label)}
    margins = {label for name in analysis.margins for label in (name, *_labels_of(name, table.metrics))}
    classes = [str(k) for k in range(table.classes)] or None
    seeding = str(file.parsed.get("seeding", "nested"))
    for place, text in problems(analysis, margins, named, seeding=seeding, n_arms=n_arms, classes=classes):
        file.ledger.add(("analysis", *place), text)
    for i, name in enumerate(analysis.classification if "classification" in analysis.model_fields_set else ()):
        if not table.classes:
            file.ledger.add(("analysis", "classification", i), f"'{name}' needs predictions; give --predictions")


def _check_contrasts(analysis: AnalysisSettings, arms: Sequence[str], ledger: Ledger) -> None:
    seen: list[frozenset[str]] = []
    for i, contrast in enumerate(analysis.contrasts):
        place = ("analysis", "contrasts", i)
        for side in ("treatment", "control"):
            if getattr(contrast, side) not in arms:
                ledger.add((*place, side), unknown("arm", getattr(contrast, side), list(arms)))
        pair = frozenset((contrast.treatment, contrast.control))
        if len(pair) < 2:
            ledger.add(place, f"compares '{contrast.control}' with itself")
        elif pair in seen:
            ledger.add(place, f"'{contrast.treatment}' and '{contrast.control}' are compared already")
        seen.append(pair)


def _one_label(name: str, labels: Sequence[str], place: Location, noun: str, ledger: Ledger) -> str | None:
    """The one label that `name` means, or None with a problem noted."""
    found = _labels_of(name, labels)
    if not found:
        ledger.add(place, unknown(f"{noun} of the table", name, list(labels)))
    if len(found) > 1:
        ledger.add(place, f"'{name}' could be any of: {', '.join(found)}; write one of these in quotes")
    return found[0] if len(found) == 1 else None


def _labels_of(name: str, labels: Sequence[str]) -> list[str]:
    exact = [label for label in labels if label == name]
    return exact or [label for label in labels if label.partition("[")[0] == name]


def _labelled(analysis: AnalysisSettings, attributions: Sequence[str], metrics: Sequence[str]) -> AnalysisSettings:
    """The analysis with its attribution and metrics under the labels of the table."""
    primary = analysis.primary and Primary(
        attribution=_labels_of(analysis.primary.attribution, attributions)[0],
        metric=_labels_of(analysis.primary.metric, metrics)[0],
    )
    margins: Mapping[str, float] = {
        label: margin for name, margin in analysis.margins.items() for label in _labels_of(name, metrics) or (name,)
    }
    update = {"primary": primary, "margins": dict(margins)}
    return analysis.model_copy(update=update | labelled(analysis, lambda name: _labels_of(name, metrics)))


def planned_seeds(planned: PlannedRuns, found: Collection[int], ledger: Ledger | None = None) -> tuple[int, ...]:
    """The seeds that were planned; a count means 0, 1, ... or, where the table has no seed 0, 1, 2, ..."""
    if not isinstance(planned.seeds, int):
        strangers = sorted(set(found) - set(planned.seeds))
        if strangers and ledger is not None:
            text = f"the table has the seeds {', '.join(map(str, strangers))}, which are not planned"
            ledger.add(("planned", "seeds"), text)
        return tuple(planned.seeds)
    for first in (0,) if 0 in found else (1, 0):
        seeds = range(first, first + planned.seeds)
        if set(found) <= set(seeds):
            return tuple(seeds)
    if ledger is not None:
        text = ", ".join(map(str, sorted(found)))
        ledger.add(("planned", "seeds"), f"the table has the seeds {text}; list the {planned.seeds} planned ones")
    return tuple(sorted(found))
