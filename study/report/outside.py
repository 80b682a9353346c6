"""What must be said in other words: of scores that were made elsewhere, and of films with several findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from study.report import numbers
from study.report.terms import TERMS, Text, fill, join, same

Results = Mapping[str, Any]
SHORT = 12
"""Digits of a hash in running text; the table of provenance has all."""


def outside(results: Results) -> bool:
    """Whether the scores were read from tables that this package did not make."""
    return bool(results.get("tables"))


def target_facts(results: Results) -> Mapping[str, Any]:
    """What is known of the target's films; nothing where the scores are not ours."""
    facts: Mapping[str, Any] = results["datasets"].get(str(results["settings"].get("target")), {})
    return facts


def several(results: Results) -> bool:
    """Whether a film of the target may have several findings, or none."""
    return bool(target_facts(results).get("several_labels"))


def key(results: Results, name: str) -> str:
    """The key of what is said of these results: `name.outside` or `name.several` where there is such and it applies."""
    if outside(results) and f"{name}.outside" in TERMS:
        return f"{name}.outside"
    return f"{name}.several" if f"{name}.several" in TERMS and several(results) else name


def spoken(results: Results, name: str, /, **values: object) -> Text:
    """The words of `key` with its variables filled in."""
    return fill(key(results, name), **values)


def planned(results: Results) -> bool:
    """Whether it is known which runs were meant to be."""
    return not outside(results) or results["settings"].get("planned") is not None


def sources(results: Results) -> Text:
    """`scores.csv (sha256 0123456789ab)` of every table."""
    return same(", ".join(f"{table['name']} (sha256 {table['sha256'][:SHORT]})" for table in results["tables"]))


def source_rows(results: Results) -> Iterator[tuple[Text, Text]]:
    """Head and value of every table, for tables of facts."""
    for table in results.get("tables", ()):
        values = {"name": table["name"], "n": numbers.count(table["n_rows"])}
        yield TERMS["row.scores"], fill("value.scores", **values, sha256=table["sha256"])


def warnings(results: Results) -> Iterator[Text]:
    """What a reader must know of the tables."""
    if not outside(results):
        return
    if not planned(results):
        yield TERMS["missing.unplanned.outside"]
    for table in results["tables"]:
        if table["scores"] and not table["has_clusters"]:
            yield TERMS["tables.patients"]
        if table["undefined"]:
            reasons = [
                same(f"{reason}: {numbers.count(n)}")
                if reason
                else TERMS["tables.no_reason"] + same(f": {numbers.count(n)}")
                for reason, n in table["undefined"].items()
            ]
            yield fill("tables.undefined", reasons=join(reasons, "; "))
        if table["ignored"]:
            yield fill("tables.ignored", name=table["name"], columns=", ".join(table["ignored"]))
        if table["encoding"] == "cp949":
            yield fill("tables.cp949", name=table["name"])
