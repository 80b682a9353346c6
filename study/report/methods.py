"""The methods paragraph, ready to paste, and the glossary of what occurs in this report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from study.report import numbers
from study.report.contrast_tables import of_family
from study.report.names import base
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import adjustment

Results = Mapping[str, Any]
_ALWAYS_FIRST = ("arm", "run", "attribution")


class Entry(NamedTuple):
    """A word and what it means here."""

    name: Text
    definition: Text


def methods(results: Results) -> Text:
    """One paragraph from the protocol and the findings: nothing in it is typed by hand."""
    return join(list(_sentences(results)))


def _sentences(results: Results) -> Iterator[Text]:
    counts = results["counts"]
    arms = ", ".join(arm["name"] for arm in results["arms"])
    yield fill("m.arms", n=counts["arms"], arms=arms, models=", ".join(results["models"]))
    runs = {"seeds": counts["seeds"], "done": counts["runs_finished"], "planned": counts["runs_planned"]}
    yield fill("m.runs", **runs)
    if counts["runs_per_arm_highest"] == 1:
        yield TERMS["m.one_run"]
    real = [facts["title"] for facts in results["attributions"].values() if not facts["control"]]
    settings = results["settings"]
    target = TERMS["m.target.predicted" if settings.get("target_class") == "predicted" else "m.target.label"]
    yield fill(
        "m.images",
        images=numbers.count(counts["images_used"]),
        name=settings.get("target") or results["study"],
        attributions=", ".join(real) or numbers.MISSING,
        target=target,
    )
    yield from _primary(results)
    yield from _tests(results)
    if results["protocol"]["locked"]:
        n = len(results["protocol"]["deviations"])
        yield fill("m.locked", date=results["protocol"]["locked"][:10], n=n)


def _primary(results: Results) -> Iterator[Text]:
    rows = of_family(results, "primary")
    if not rows:
        return
    chosen = list(dict.fromkeys(row["metric"] for row in rows))
    maps = list(dict.fromkeys(row["attribution"] for row in rows if row["attribution"]))
    titles = [results["attributions"][label]["title"] for label in maps]
    others = [facts["title"] for label, facts in results["metrics"].items() if label not in chosen]
    values = {
        "metric": ", ".join(results["metrics"][label]["title"] for label in chosen),
        "attribution": fill("m.on", attribution=", ".join(titles)) if titles else same(""),
    }
    yield fill("m.primary", **values, others=", ".join(others)) if others else fill("m.primary_only", **values)


def _tests(results: Results) -> Iterator[Text]:
    rows = of_family(results, "primary")
    seeding = TERMS["m.paired" if results["seeding"] == "paired" else "m.nested"]
    yield fill("m.estimate", seeding=seeding, alpha=numbers.plain(results["alpha"]))
    if any(row["verdict"]["models_only"] for row in rows):
        yield TERMS["m.models_only"]
    if rows:
        adjusted = next((row["adjustment"] for row in rows if row["adjustment"]), None)
        m = rows[0]["m"]
        family = fill("m.family", m=m, adjustment=adjustment(adjusted, "adjusted"))
        yield family if m > 1 else TERMS["m.family_one"]
    yield from _margins(results)
    if of_family(results, "secondary"):
        yield TERMS["m.secondary"]
    yield TERMS["m.undefined"]


def _margins(results: Results) -> Iterator[Text]:
    margins = {row["metric"]: row["margin"] for row in of_family(results, "primary") if row["margin"] is not None}
    if not margins:
        yield TERMS["m.no_margin"]
        return
    later = any(row["margin_set_later"] for row in of_family(results, "primary"))
    parts = []
    for label, margin in margins.items():
        facts = results["metrics"][label]
        parts.append(fill("m.margin.one", metric=facts["title"], margin=numbers.margin(margin, facts["unit"])))
    yield fill("m.margin", margins=join(parts, ", "), later=TERMS["m.margin.later"] if later else same(""))


def glossary(results: Results) -> list[Entry]:
    """The words that occur: nouns of the design, metrics and controls of the protocol, statistics."""
    metrics = [base(label) for label in results["metrics"]]
    controls = [base(label) for label, facts in results["attributions"].items() if facts["control"]]
    verdicts = {row["verdict"]["kind"] for row in of_family(results, "primary")}
    margin = any(row["margin"] is not None for row in of_family(results, "primary"))
    words = [*_ALWAYS_FIRST, *metrics, *controls, "delta", "p_adj"]
    words += ["sd"] if results["counts"]["runs_per_arm_highest"] > 1 else []
    words += ["equivalent"] if margin else []
    words += ["inconclusive"] if "inconclusive" in verdicts else []
    known = [word for word in dict.fromkeys(words) if f"def.{word}" in TERMS]
    return [Entry(TERMS[f"name.{word}"], TERMS[f"def.{word}"]) for word in known]
