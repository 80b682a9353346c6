"""What page 1 says of runs that were planned and are not there: how many of each arm, why, and whether they gather."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from study.report.outside import spoken
from study.report.terms import Text, fill, join, same

Results = Mapping[str, Any]
Row = Mapping[str, Any]
LONGEST = 90
CELLS = 4
FEW = 2
"""From so many failed runs on, that all are of one arm is worth a sentence."""


def quotes(results: Results) -> Iterator[Text]:
    """Sentences about missing runs; none where every planned run finished."""
    counts = results["counts"]
    if counts["runs_finished"] >= counts["runs_planned"]:
        return
    cells = list(_cells(results))
    if len(cells) > CELLS:
        cells = [*cells[:CELLS], fill("missing.more", n=len(cells) - CELLS)]
    arms = join(cells, "; ")
    yield spoken(results, "quote.missing", k=counts["runs_finished"], n=counts["runs_planned"], arms=arms)
    failed = [run for run in results["runs"] if run["state"] in ("failed", "blocked")]
    gathered = {run["arm"] for run in failed}
    if len(failed) >= FEW and len(gathered) == 1 and counts["arms"] > 1:
        [arm] = [arm for arm in results["arms"] if arm["arm"] in gathered]
        yield fill("quote.gathered", arm=arm["name"], n=len(failed))


def _cells(results: Results) -> Iterator[Text]:
    """`mae_random 1 of 3 (seed 1: failed: ValueError …)` of every arm and model with a hole."""
    several = results["counts"]["models"] > 1
    for arm in results["arms"]:
        for model, planned in arm["runs_planned"].items():
            holes = [
                run
                for run in results["runs"]
                if (run["arm"], run["model"]) == (arm["arm"], model) and run["state"] != "done"
            ]
            if holes:
                name = f"{arm['name']} ({model})" if several else arm["name"]
                yield fill("missing.arm", arm=name, k=planned - len(holes), n=planned, why=_why(results, holes))


def _why(results: Results, holes: list[Row]) -> Text:
    """The reasons, each once with its seeds; the first in words, of the others how many."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run in holes:
        groups.setdefault((run["state"], run["reason"]), []).append(str(run["seed"]))
    (state, reason), seeds = next(iter(groups.items()))
    short = reason if len(reason) <= LONGEST else f"{reason[:LONGEST]} …"
    words = [spoken(results, f"state.{state}"), same(short)]
    first = fill("missing.why", seeds=", ".join(seeds), why=join(words, ": "))
    others = sum(map(len, groups.values())) - len(seeds)
    return join([first, fill("missing.others", n=others)], "; ") if others else first
