"""What the rankings of attribution methods say, for tables, figures and sentences.

A ranking holds for one arm, model and metric; rank 1 is best under the metric's direction. Methods whose
average ranks differ by less than the critical difference are not told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.report import names
from study.report.terms import Text

Row = Mapping[str, Any]
Results = Mapping[str, Any]
FEWEST_METHODS = 3
"""With fewer methods beside several arms the controls of section 7 say it already."""
FEWEST_DRAWN = 4
"""Maps, controls included, from which a diagram shows more than the table."""
MOST_SELECTED = 3
_GROUPS = ("agreement", "faithfulness", "masking", "sanity")


def rankings(results: Results) -> Sequence[Row]:
    """All rankings; those of the reference arm first, else in the order of the records."""
    reference = next((arm["arm"] for arm in results["arms"] if arm["reference"]), None)
    return sorted(results.get("rankings", ()), key=lambda row: row["arm"] != reference)


def find(results: Results, model: str, arm: str, metric: str) -> Row | None:
    """The ranking of this place, or None."""
    return next(
        (row for row in rankings(results) if (row["model"], row["arm"], row["metric"]) == (model, arm, metric)), None
    )


def close_to_best(results: Results, model: str, arm: str, metric: str) -> set[str]:
    """The best map and all that are not told apart from it; empty without a critical difference."""
    row = find(results, model, arm, metric)
    return set(row["best"]) if row else set()


def told(results: Results, row: Row) -> bool:
    """Whether the order is more than chance: Friedman's test is passed and there is a critical difference."""
    return row["critical_difference"] is not None and row["p_value"] is not None and row["p_value"] < results["alpha"]


def ranks(row: Row) -> dict[str, float]:
    """Average rank of every map, best first."""
    pairs = zip(row["attributions"], row["average_ranks"], strict=True)
    return dict(sorted(pairs, key=lambda pair: pair[1]))


def methods(results: Results, row: Row) -> list[str]:
    """The ranked maps that are no controls, best first."""
    return [label for label in ranks(row) if not results["attributions"][label]["control"]]


def shown(results: Results) -> bool:
    """Whether the report compares methods: where one arm is all there is, or where there are three methods."""
    found = rankings(results)
    if len(results["arms"]) == 1:
        return bool(found)
    return any(len(methods(results, row)) >= FEWEST_METHODS for row in found)


def metrics(results: Results) -> list[str]:
    """Ranked metrics: the selected ones, then the others in the protocol's order."""
    found = {row["metric"] for row in rankings(results)}
    return list(dict.fromkeys((*selected(results), *(label for label in results["metrics"] if label in found))))


def selected(results: Results) -> list[str]:
    """At most three metrics that answer for all: the primary ones, then one per group."""
    ranked = {row["metric"] for row in rankings(results)}
    found = [label for label in results["metrics"] if label in ranked]
    primary = [row["metric"] for row in results["contrasts"] if row["family"] == "primary"]
    named = ((results["settings"].get("analysis") or {}).get("primary") or {}).get("metric")
    chosen = [label for label in dict.fromkeys((*primary, named)) if label in found]
    for group in _GROUPS:
        own = [label for label in found if names.group(label) == group]
        if own and not any(names.group(label) == group for label in chosen):
            chosen.append(own[0])
    return chosen[:MOST_SELECTED]


def above(results: Results, model: str, arm: str, label: str, control: str) -> int:
    """On how many metrics this map outranks a control by the critical difference or more."""
    place = (model, arm, label, control)
    keys = ("model", "arm", "attribution", "control")
    return next((row["k"] for row in results["outranked"] if tuple(row[key] for key in keys) == place), 0)


def yardsticks(results: Results, model: str, arm: str) -> list[str]:
    """The centre prior and the random map, as far as they were ranked here."""
    found = {
        label
        for row in rankings(results)
        if (row["model"], row["arm"]) == (model, arm)
        for label in row["attributions"]
        if results["attributions"][label]["control"]
    }
    order = ("control_center", "control_random")
    return sorted((label for label in found if names.base(label) in order), key=lambda x: order.index(names.base(x)))


def remarks(rows: Sequence[Row]) -> list[Text]:
    """What must be read with these rankings, each sentence once."""
    pairs = [
        Text(english, korean)
        for row in rows
        for english, korean in zip(row.get("sentences_en", ()), row.get("sentences_ko", ()), strict=True)
    ]
    return list(dict.fromkeys(pairs))
