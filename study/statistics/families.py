"""Families of contrasts: adjusted p, intervals that hold for all of a family at once, the gate before secondary ones.

Reference: Holm 1979; Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001; Westfall and Young 1993.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.records import Design
from study.statistics.comparison import Draft
from study.statistics.multiplicity import adjust
from study.statistics.sentences import note
from study.statistics.simultaneous import MaxT, max_t


def settle(design: Design, drafts: Sequence[Draft]) -> None:
    """Fill what depends on the other contrasts of a family: m, adjusted p, simultaneous limits, the gate.

    m counts every declared contrast, those without a p too. The adjusted p belongs to the primary p, and to the p of
    the trained models where one run per arm leaves only that.
    """
    families: dict[str, list[Draft]] = {}
    for made in drafts:
        families.setdefault(_family(made), []).append(made)
    for name, members in families.items():
        _adjust(design, members, name)
    if design.rules.gate:
        _gate(design, drafts)


def _family(made: Draft) -> str:
    """Primary contrasts are one family; secondary ones one family per question."""
    contrast = made.contrast
    return f"secondary {contrast.question}" if contrast.family == "secondary" else contrast.family


def _adjust(design: Design, members: Sequence[Draft], family: str) -> None:
    if family == "exploratory":
        for made in members:
            made.fields |= {"m": 0}
        return
    method = "holm" if family == "primary" else design.rules.adjust_secondary
    adjusted = adjust([_tested(made) for made in members], method)
    for made, p in zip(members, adjusted, strict=True):
        made.fields |= {"m": len(members), "p_adjusted": p, "adjustment": method}
    if design.rules.simultaneous:
        _at_once(design, members, replace_p=family == "primary")


def _tested(made: Draft) -> float | None:
    """The p that a family adjusts: of the recipe, or of these models where there is one run per arm."""
    name = "p_models" if made.status == "insufficient_runs" else "p_value"
    p: float | None = made.fields.get(name)
    return p


def _at_once(design: Design, members: Sequence[Draft], *, replace_p: bool) -> None:
    """Simultaneous limits, and for the primary family the p that cannot contradict them."""
    usable = [made for made in members if made.replicates is not None and _tested(made) is not None]
    if replace_p and any(made not in usable and _tested(made) is not None for made in members):
        for made in members:  # some tests cannot be resampled: one method for the whole family, so Holm stays
            made.notes.append(note("simultaneous_impossible"))
        return
    if not usable:
        return
    found = max_t(usable, m=len(members), alpha=design.alpha)
    for made, limits in zip(usable, found, strict=True):
        _fill(made, limits, replace_p=replace_p)


def _fill(made: Draft, limits: MaxT, *, replace_p: bool) -> None:
    made.fields |= {
        "ci_simultaneous_low": limits.low,
        "ci_simultaneous_high": limits.high,
        "simultaneous_critical": limits.critical,
        "simultaneous_error": limits.error,
    }
    if replace_p:
        made.fields |= {"p_adjusted": limits.p_adjusted, "adjustment": "max_t"}


def _gate(design: Design, drafts: Sequence[Draft]) -> None:
    """Say of each secondary contrast whether all primary ones of its question and model were told apart."""
    for made in drafts:
        if made.contrast.family != "secondary":
            continue
        before = [p for p in drafts if p.contrast.family == "primary" and _same_question(made, p)]
        is_open = bool(before) and all(_below(p.fields.get("p_adjusted"), design.alpha) for p in before)
        made.fields["confirmatory"] = is_open
        if not is_open:
            made.notes.append(note("gate_closed"))


def _same_question(made: Draft, other: Draft) -> bool:
    return (made.contrast.question, made.contrast.model) == (other.contrast.question, other.contrast.model)


def _below(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha
