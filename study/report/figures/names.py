"""Names as the figures write them: titles for labels, `Q1` for questions, arrows for directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from study.records import MetricFacts
from study.registry import ATTRIBUTIONS, TRAININGS
from study.report.figures.wording import Language
from study.report.stage_words import stage_words
from study.report.terms import TERMS


def arm(names: Mapping[str, str], label: str) -> str:
    """What the protocol calls an arm for people, or its label."""
    return names.get(label, label)


def attribution(label: str, lang: Language = "en") -> str:
    """Title of an attribution, with the parameters that its label carries; controls are named in the language."""
    name, bracket, parameters = label.partition("[")
    title = ATTRIBUTIONS[name].title if name in ATTRIBUTIONS else name
    if lang == "ko" and name in ATTRIBUTIONS and ATTRIBUTIONS[name].control:
        title = TERMS[f"name.{name}"].ko
    return f"{title} {bracket}{parameters}".strip()


def stage(kind: str, lang: Language = "en") -> str:
    """Title of a kind of training stage."""
    if lang == "ko" and f"stage.{kind}" in TERMS:
        return TERMS[f"stage.{kind}"].ko
    return TRAININGS[kind].title if kind in TRAININGS else kind


def stage_text(text: str, lang: Language = "en") -> str:
    """The short text of a stage; `chest, random 75 %, 30 epochs` is `chest, 무작위 75 %, 30 에폭`."""
    return stage_words(text).ko if lang == "ko" else text


def metric(metrics: Mapping[str, MetricFacts], label: str) -> str:
    """Title of a metric, with the parameters that its label carries."""
    name, bracket, parameters = label.partition("[")
    title = metrics[label].title if label in metrics else name
    return title if bracket and title.endswith("]") else f"{title} {bracket}{parameters}".strip()


def cell(metrics: Mapping[str, MetricFacts], attribution_label: str, metric_label: str) -> str:
    """`Grad-CAM, EHR`, or the metric alone where there is no map (AUC)."""
    title = metric(metrics, metric_label)
    return f"{attribution(attribution_label)}, {title}" if attribution_label else title


def arrow(higher_is_better: bool | None) -> str:
    """` ↑` or ` ↓` behind a metric's title, nothing where neither is better."""
    return {True: " ↑", False: " ↓", None: ""}[higher_is_better]


def questions(asked: Iterable[str]) -> dict[str, str]:
    """`Q1`, `Q2`, … in the order of first appearance."""
    return {question: f"Q{n}" for n, question in enumerate(dict.fromkeys(asked), start=1)}
