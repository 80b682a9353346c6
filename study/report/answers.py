"""The answers of page 1: one per primary contrast, or, where one arm is all there is, one per selected metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from study.report import labels, names, numbers, ranks
from study.report.cells import alone, map_title, metric_head
from study.report.contrast_tables import of_family
from study.report.rank_tables import counted
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import Voice, headline, pair, result, voice

Row = Mapping[str, Any]
Results = Mapping[str, Any]
MOST_NAMED = 3
"""Methods that a headline names beside the first one."""
MOST_RANKED = 4
"""Average ranks that the line of numbers gives."""


@dataclass(frozen=True)
class Answer:
    """One question over its models.

    Attributes:
        label: name of the question, or the metric that answers; empty where it stands above.
        question: in the protocol's words.
        headline: the verdict.
        lines: numbers, one line per model; the first to go where page 1 is full.
        pair: what is compared, where the headline does not say it.
        beside: what the headline must be read with; stays where the numbers go.
    """

    label: str
    question: str
    headline: Text
    lines: tuple[Text, ...]
    pair: Text = field(default=same(""))
    beside: Text = field(default=same(""))


def answers(results: Results) -> list[Answer]:
    """The answers in the protocol's order; empty where nothing was compared."""
    return list(_of_ranks(results)) if alone(results) else list(_of_contrasts(results))


def _of_contrasts(results: Results) -> Iterator[Answer]:
    """One answer per question, pair, attribution and metric."""
    rows, speaker = of_family(results, "primary"), voice(results)
    grouped: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row[part] for part in ("question", "treatment", "control", "attribution", "metric"))
        grouped.setdefault(key, []).append(row)
    asked = {q["question"]: q["id"] for q in results["questions"]}
    several = {question: sum(key[0] == question for key in grouped) > 1 for question in asked}
    whats = {key[3:] for key in grouped}
    said: set[str] = set()
    for key, members in grouped.items():
        words = headline(members)
        if several[key[0]]:
            title = pair(members[0], speaker)
            title = join([title, _what(results, members[0], several=len(whats) > 1)])
            words = fill("headline.pair", pair=title, headline=words)
        first = key[0] not in said
        said.add(key[0])
        yield Answer(
            asked[key[0]] if first else "",
            _question(results, members[0], speaker) if first else "",
            words,
            tuple(result(row, speaker) for row in members),
            same("") if several[key[0]] or labels.by_default(members[0]) else pair(members[0], speaker),
        )


def _what(results: Results, row: Row, *, several: bool) -> Text:
    if not several:
        return same("")
    attribution = f", {names.attribution_title(row['attribution'])}" if row["attribution"] else ""
    return same(f"({results['metrics'][row['metric']]['title']}{attribution})")


def _question(results: Results, row: Row, speaker: Voice) -> str:
    return labels.question(results, row) or pair(row, speaker).en


def _of_ranks(results: Results) -> Iterator[Answer]:
    """One answer per selected metric; the study's question stands beside the first."""
    arm = results["arms"][0]["arm"]
    for place, metric in enumerate(ranks.selected(results)):
        rows = [row for model in results["models"] if (row := ranks.find(results, model, arm, metric))]
        if rows:
            yield Answer(
                label=metric_head(results, metric).en,
                question=results["question"] if not place else "",
                headline=join([_first(results, row) for row in rows]),
                lines=tuple(_numbers(results, row) for row in rows),
                beside=join([counted(results, row, short=len(rows) == 1) for row in rows]),
            )


def _title(results: Results, label: str, key: str = "ranks.control") -> Text:
    """The map's title; a control says that it is one, in the words of `key`."""
    title = map_title(results, label)
    return fill(key, name=title) if results["attributions"][label]["control"] else title


def _first(results: Results, row: Row) -> Text:
    """Which map ranks first on one model, and which are not told apart from it, controls before all others."""
    ordered = list(ranks.ranks(row))
    if not ranks.told(results, row):
        return fill("ranks.open", model=row["model"], n=len(ordered))
    words = {"model": row["model"], "first": _title(results, ordered[0], "ranks.first.control")}
    others = [label for label in row["best"] if label != ordered[0]]
    others.sort(key=lambda label: not results["attributions"][label]["control"])
    if not others:
        return fill("ranks.first", **words)
    titles = join([_title(results, label) for label in others[:MOST_NAMED]], ", ")
    if len(others) > MOST_NAMED:
        titles = fill("notes.names", names=titles, n=len(others) - MOST_NAMED)
    return fill("ranks.first.with", **words, others=titles)


def _numbers(results: Results, row: Row) -> Text:
    """Ranks and means of the first maps, and the test behind them."""
    unit = results["metrics"][row["metric"]]["unit"]
    means = dict(zip(row["attributions"], row["means"], strict=True))
    shown = [
        fill(
            "ranks.one",
            name=_title(results, label),
            rank=numbers.fixed(rank, 2),
            mean=numbers.level(means[label], unit),
        )
        for label, rank in list(ranks.ranks(row).items())[:MOST_RANKED]
    ]
    said = fill("ranks.line", model=row["model"], list=join(shown, ", "), n=len(means), blocks=row["n_blocks"])
    if row["critical_difference"] is not None:
        cd, p = numbers.fixed(row["critical_difference"], 2), numbers.p_relation(row["p_value"], alpha=results["alpha"])
        runs = TERMS["runs.one"] if row["n_runs"] == 1 else fill("runs.count", n=row["n_runs"])
        said = join([said, fill("ranks.line.test", cd=cd, p=p, runs=runs)])
    return said
