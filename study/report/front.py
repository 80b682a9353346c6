"""Page 1: the counts, the answers, and three short lists.

Everything that is left out to keep the page one page is left out by `Fit`, in a fixed order,
and the page says where the rest is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from study.report import designs, holes, names, numbers, ranks
from study.report.answers import Answer, answers
from study.report.cells import alone
from study.report.changes import changed
from study.report.contrast_tables import of_family
from study.report.notes import Notes
from study.report.outside import planned, spoken
from study.report.terms import TERMS, Text, fill, join, same

Row = Mapping[str, Any]
Results = Mapping[str, Any]
FEW_RUNS = 4


@dataclass(frozen=True)
class Fit:
    """How much of page 1 is shown; None is everything.

    Attributes:
        items: entries of each list.
        details: whether the line of numbers stands under each headline.
        answers: how many primary contrasts are answered in words.
        forest: how many rows the forest plot has.
        second: whether headlines stand in the second language too.
    """

    items: int | None = None
    details: bool = True
    answers: int | None = None
    forest: int | None = None
    second: bool = True


FITS = (
    Fit(),
    Fit(items=4),
    Fit(items=3),
    Fit(items=3, forest=12),
    Fit(items=2, forest=10),
    Fit(items=2, forest=8, second=False),
    Fit(items=2, answers=4, forest=8, second=False),
    Fit(items=5, details=False, second=False),
    Fit(items=3, details=False, forest=12, second=False),
    Fit(items=2, details=False, answers=10, forest=10, second=False),
    Fit(items=2, details=False, answers=8, forest=8, second=False),
    Fit(items=2, details=False, answers=6, forest=8, second=False),
    Fit(items=2, details=False, answers=5, forest=6, second=False),
    Fit(items=1, details=False, answers=5, forest=6, second=False),
    Fit(items=1, details=False, answers=3, forest=3, second=False),
)
"""Tried in this order until page 1 is one page."""


@dataclass(frozen=True)
class Count:
    """A number of the strip under the title, with its words."""

    value: str
    words: Text


@dataclass(frozen=True)
class Front:
    """What page 1 shows."""

    counts: tuple[Count, ...]
    answers: tuple[Answer, ...]
    more: Text
    quote: tuple[Text, ...]
    changed: tuple[Text, ...]
    decide: tuple[Text, ...]


def front(results: Results, notes: Notes, previous: Results | None, fit: Fit) -> Front:
    """Page 1 as far as `fit` allows."""
    every = answers(results)
    shown = every[: fit.answers]
    more = []
    if len(shown) < len(every):
        more.append(fill("more.questions", n=len(every) - len(shown)))
    if not fit.details:
        shown = [replace(a, lines=(), pair=same("")) for a in shown]
        more.append(TERMS["more.ranks" if alone(results) else "more.details"])
    return Front(
        counts=tuple(_counts(results)),
        answers=tuple(shown),
        more=join(more),
        quote=_cut(list(_quote(results)), fit.items),
        changed=_cut(changed(results, previous), fit.items),
        decide=_cut(notes.decisions, fit.items),
    )


def _cut(texts: Sequence[Text], items: int | None) -> tuple[Text, ...]:
    """The texts, or the first of them; section 9 then has the whole list."""
    if items is None or len(texts) <= items + 1:
        return tuple(texts)
    return (*texts[:items], fill("more.list", n=len(texts) - items))


def _counts(results: Results) -> Iterator[Count]:
    counts = results["counts"]
    low, high = counts["runs_per_arm_lowest"], counts["runs_per_arm_highest"]
    runs = f"{counts['runs_finished']} / {counts['runs_planned']}" if planned(results) else str(counts["runs_finished"])
    yield Count(runs, spoken(results, "count.runs"))
    yield Count(f"{counts['arms']} × {counts['models']}", TERMS["count.arms"])
    yield Count(str(low) if low == high else f"{low}–{high}", TERMS["count.seeds"])
    used, listed = counts["images_used"], counts["images_listed"]
    images = numbers.count(used) if used == listed else f"{numbers.count(used)} / {numbers.count(listed)}"
    yield Count(images, TERMS["count.images"])
    if alone(results):
        yield Count(f"{counts['attributions']} + {counts['controls']}", TERMS["count.maps"])
        yield Count(str(counts["metrics"]), TERMS["count.metrics"])
        return
    yield Count(str(counts["questions"]), TERMS["count.question" if counts["questions"] == 1 else "count.questions"])
    margins = list(_margins(results))
    if not margins:
        yield Count(numbers.MISSING, TERMS["count.no_margin"])
    else:
        metric, margin = margins[0]
        title = results["metrics"][metric]["title"]
        yield Count(f"±{margin}", fill("count.margin", metric=title))


def _margins(results: Results) -> Iterator[tuple[str, str]]:
    """Metric and margin of the primary contrasts, each once."""
    seen = set()
    for row in of_family(results, "primary"):
        if row["margin"] is not None and row["metric"] not in seen:
            seen.add(row["metric"])
            yield row["metric"], numbers.margin(row["margin"], results["metrics"][row["metric"]]["unit"])


def _quote(results: Results) -> Iterator[Text]:
    """What a reader must know before quoting a number, the gravest first."""
    counts, rows = results["counts"], of_family(results, "primary")
    yield from holes.quotes(results)
    untested = sum(row["verdict"]["kind"] == "not_tested" for row in rows)
    if untested:
        yield fill("quote.untested", n=untested, total=len(rows))
    if alone(results):
        yield from _ranks(results)
    yield from designs.quotes(results)
    if any(row["verdict"]["models_only"] and row["verdict"]["kind"] != "not_tested" for row in rows):
        yield TERMS["quote.one_run"]
    elif 1 < counts["runs_per_arm_highest"] < FEW_RUNS and rows:
        yield fill("quote.few_runs", n=counts["runs_per_arm_highest"])
    if any(row["verdict"]["kind"] == "inconclusive" for row in rows):
        yield TERMS["quote.inconclusive"]
    yield from _centre(results, rows)
    if rows and all(row["margin"] is None for row in rows):
        yield TERMS["quote.no_margin"]
    if any(row["margin_set_later"] for row in rows):
        yield TERMS["quote.later"]
    if any("conditional_on_pretraining" in row["notes"] for row in rows):
        yield TERMS["quote.conditional"]
    if results["protocol"]["deviations"]:
        yield fill("quote.deviations", n=len(results["protocol"]["deviations"]))
    yield from _meaning(results, [row["metric"] for row in rows] or ranks.selected(results))
    target = str(results["settings"].get("target") or results["study"])
    yield fill("quote.population", name=target, images=numbers.count(counts["images_used"]))


def _ranks(results: Results) -> Iterator[Text]:
    """What an order of methods is not."""
    if ranks.shown(results):
        yield TERMS["quote.ranks"]
        first = ranks.selected(results)[0]
        yield from ranks.remarks([row for row in ranks.rankings(results) if row["metric"] == first])


def _centre(results: Results, rows: Sequence[Row]) -> Iterator[Text]:
    """How far the baseline lies from a map that knows nothing, for the primary agreement metric."""
    primary = {(row["attribution"], row["metric"]) for row in rows}
    arms = {arm["arm"]: arm["name"] for arm in results["arms"]}
    for row in results["above_centre"]:
        metric = results["metrics"][row["metric"]]
        if (row["attribution"], row["metric"]) in primary and names.group(row["metric"]) == "agreement":
            yield fill(
                "quote.centre",
                model=row["model"],
                metric=metric["title"],
                centre=numbers.level(row["centre"], metric["unit"]),
                arm=arms[row["arm"]],
                difference=numbers.difference(row["difference"], metric["unit"]),
            )


def _meaning(results: Results, metrics: Sequence[str]) -> Iterator[Text]:
    for metric in dict.fromkeys(metrics):
        if not results["metrics"][metric]["per_run"] and names.group(metric) != "sanity":
            kind = "agreement" if names.group(metric) == "agreement" else "faithfulness"
            yield fill(f"quote.{kind}", metric=results["metrics"][metric]["title"])
