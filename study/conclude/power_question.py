"""Which of a protocol's questions is planned: its metric, attribution and model, and the family it is tested in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from study.errors import StudyError
from study.protocol import Chosen, Protocol
from study.protocol.checks import labels_of
from study.registry import unknown


@dataclass(frozen=True)
class Asked:
    """One question of a protocol.

    Attributes:
        model, attribution, metric: what is compared; the attribution of a per-run metric is empty.
        per_run: whether the metric is a figure per run, such as AUC.
        family: where it is tested; `exploratory` where the protocol declares no such contrast.
        m: tests of that family, 1 where nothing is adjusted. adjustment: what adjusts them. strictest: the smallest p
            must beat alpha divided by this. margin: declared for the metric, or None.
        remarks: what else the protocol chose and this plan leaves out.
        n_models: of the protocol.
    """

    model: str
    attribution: str
    metric: str
    per_run: bool
    family: Literal["primary", "secondary", "exploratory"]
    m: int
    adjustment: str
    strictest: float
    margin: float | None
    remarks: tuple[str, ...]
    n_models: int


def asked(protocol: Protocol, *, metric: str | None, attribution: str | None, model: str | None) -> Asked:
    """The primary question, or the one of the metric, attribution and model named.

    Raises:
        StudyError: a name is not the protocol's, or it has no primary question and none was named.
    """
    if len(protocol.arms) < 2:
        raise StudyError(f"{protocol.study}: one arm; there is no difference to plan for")
    primary = protocol.analysis.primary
    if metric is None and primary is None:
        raise StudyError(f"{protocol.study}: no primary question; name one with --metric and --attribution")
    label = metric if metric is not None else primary.metric if primary else ""
    label = _label("metric", label, protocol.measure, tuple(protocol.metric_facts))
    per_run = label not in protocol.metric_labels
    where = "" if per_run else _attribution(protocol, attribution)
    which = model or protocol.models[0]
    if which not in protocol.models:
        raise StudyError(f"--model: {unknown('model of this protocol', which, protocol.models)}")
    declared = protocol.contrasts()
    same = [c for c in declared if (c.model, c.attribution, c.metric) == (which, where, label)]
    family = same[0].family if same else "exploratory"
    members = [c for c in declared if c.family == family and (family == "primary" or c.question == same[0].question)]
    m = max(len(members), 1)
    return Asked(
        model=which,
        attribution=where,
        metric=label,
        per_run=per_run,
        family=family,
        m=m,
        **_adjustment(protocol, family, m),
        margin=protocol.analysis.margins.get(label),
        remarks=tuple(_remarks(protocol, family)),
        n_models=len(protocol.models),
    )


class _Adjusted(TypedDict):
    adjustment: str
    strictest: float


def _adjustment(protocol: Protocol, family: str, m: int) -> _Adjusted:
    """The first step of Holm and Benjamini-Hochberg is alpha / m; Benjamini-Yekutieli's alpha / (m (1 + 1/2 + ...))."""
    if family == "secondary" and protocol.analysis.adjust_secondary == "by":
        return {"adjustment": "Benjamini-Yekutieli", "strictest": m * sum(1 / i for i in range(1, m + 1))}
    return {"adjustment": "Holm" if family == "primary" else "Benjamini-Hochberg", "strictest": float(m)}


def _remarks(protocol: Protocol, family: str) -> Iterator[str]:
    if protocol.analysis.pool_run_variance:
        yield "the protocol pools the run variance of its arms, the plan takes each arm's own and is a little cautious"
    if protocol.analysis.simultaneous and family == "primary":
        yield "the protocol's simultaneous p is a little less strict than Holm's first step"


def _attribution(protocol: Protocol, attribution: str | None) -> str:
    primary = protocol.analysis.primary
    if attribution is None and primary is None:
        raise StudyError(f"{protocol.study}: no primary question; name an --attribution too")
    name = attribution if attribution is not None else primary.attribution if primary else ""
    known = tuple(label for label in protocol.attribution_labels if label not in protocol.control_labels)
    return _label("attribution", name, protocol.explain, known)


def _label(noun: str, name: str, chosen: Sequence[Chosen], known: tuple[str, ...]) -> str:
    """The label that a name means: itself, or the only entry of that name."""
    if name in known:
        return name
    labels = [label for label in labels_of(name, chosen) if label in known]
    if len(labels) > 1:
        raise StudyError(f"--{noun}: '{name}' is measured more than once; name one of: {', '.join(labels)}")
    if not labels:
        raise StudyError(f"--{noun}: {unknown(f'{noun} of this protocol', name, known)}")
    return labels[0]
