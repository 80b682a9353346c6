"""Tables of effect sizes, of equivalence and non-inferiority, and of contrasts whose arms lack values unequally."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from study.report import extent, numbers
from study.report.contrast_tables import name, of_family
from study.report.table import Cell, Group, Head, Line, Table, number, word_head
from study.report.terms import TERMS, Text, fill, same
from study.report.wording import interval, voice

Row = Mapping[str, Any]
Results = Mapping[str, Any]
RECIPE = ("d_run", "d_total", "p_improve_runs", "p_improve_joint", "percent")
MODELS = ("gz", "d_av", "d_rm", "rank_biserial", "p_improve_images")
BAR = "75%"
"""Share of run pairs that benchmark work often asks for; shown, never judged by."""
DIGITS = 2
MOST_ROWS = 12
"""Contrasts of a table in print."""


def effect_tables(results: Results) -> list[Table]:
    """Effect sizes of the primary contrasts: for the recipe first, then for these models; those without a value not."""
    rows = of_family(results, "primary")
    tables = [_effects(results, rows, key, names) for key, names in (("recipe", RECIPE), ("models", MODELS))]
    return [table for table in tables if table is not None]


def equivalence_table(results: Results) -> Table | None:
    """90% CI, equivalence and the smallest margin; non-inferiority where the protocol asks it."""
    rows = [row for row in of_family(results, "primary") if row["ci90_low"] is not None]
    rows += [row for row in results["contrasts"] if row.get("noninferiority") and row not in rows]
    if not rows:
        return None
    asked = any(row.get("noninferiority") for row in rows)
    names = ["margin", "effects.ci90", "p_tost", "smallest_margin", *(["noninferiority"] if asked else [])]
    lines = tuple(_equivalence_line(results, row, asked=asked) for row in rows)
    return Table(
        key="equivalence",
        caption=fill(
            "tab.equivalence",
            more=TERMS["tab.equivalence.more"] if asked else same(""),
            question=extent.question(rows),
            extent=extent.of_contrasts(rows),
            m=len(rows),
        ),
        heads=(word_head(TERMS["col.contrast"]), *(Head(TERMS[f"col.{each}"]) for each in names)),
        groups=(Group(None, lines),),
        notes=(TERMS["note.equivalence"], *([TERMS["note.noninferiority"]] if asked else [])),
        print_lines=MOST_ROWS,
    )


def undefined_table(results: Results) -> Table | None:
    """Three readings of contrasts whose arms lack values unequally."""
    rows = [row for row in results["contrasts"] if row.get("p_missing_by_arm") is not None]
    if not rows:
        return None
    speaker = voice(results)
    groups = tuple(Group(name(results, row, speaker, model=True), tuple(_readings(results, row))) for row in rows)
    return Table(
        key="undefined",
        caption=fill(
            "tab.undefined", question=extent.question(rows), extent=extent.of_contrasts(rows), m=extent.tests(rows)
        ),
        heads=(
            word_head(TERMS["col.reading"]),
            *(Head(TERMS[f"col.{column}"]) for column in ("delta", "ci", "p_raw", "images")),
        ),
        groups=groups,
        print_lines=MOST_ROWS,
    )


def words(results: Results, *, web: bool = True) -> list[str]:
    """Keys of the glossary for the effect sizes (which print leaves to the page) and settings that occur."""
    rows = of_family(results, "primary") if web else []
    occurring = [each for each in (*RECIPE, *MODELS) if any(row.get(each) is not None for row in rows)]
    asked = any(row.get("noninferiority") for row in results["contrasts"])
    at_once = any(row.get("ci_simultaneous_low") is not None for row in results["contrasts"])
    return [*occurring, *(["noninferiority"] if asked else []), *(["simultaneous"] if at_once else [])]


def settings(results: Results) -> Iterator[Text]:
    """Sentences of the methods paragraph for choices that differ from the default."""
    analysis = results["settings"].get("analysis") or {}
    rows = results["contrasts"]
    if any(row.get("run_variance") == "pooled" for row in rows):
        yield TERMS["m.pooled"]
    if any(row.get("ci_simultaneous_low") is not None for row in rows):
        counts = [row["n_resamples"] for row in rows if row.get("n_resamples")]
        yield fill("m.simultaneous", b=numbers.count(max(counts, default=0)))
    for key, chosen in (
        ("gate", any(row.get("confirmatory") is not None for row in rows)),
        ("by", any(row["adjustment"] == "by" for row in rows)),
        ("strata", analysis.get("strata") == "class"),
        ("common", analysis.get("images") == "common"),
    ):
        if chosen:
            yield TERMS[f"m.{key}"]
    asked = dict.fromkeys(row["metric"] for row in rows if row.get("noninferiority"))
    if asked:
        titles = ", ".join(results["metrics"][label]["title"] for label in asked)
        yield fill("m.noninferiority", metrics=titles, alpha=numbers.plain(results["alpha"]))


def undefined_sentence(results: Results) -> Text:
    """What was done with undefined values, by the protocol's rule."""
    rules = (results["settings"].get("analysis") or {}).get("undefined") or {}
    worst = [results["metrics"][label]["title"] for label, rule in rules.items() if rule == "worst"]
    return fill("m.worst", metrics=", ".join(worst)) if worst else TERMS["m.undefined"]


def _effects(results: Results, rows: Sequence[Row], key: str, names: Sequence[str]) -> Table | None:
    shown = [each for each in names if any(row.get(each) is not None for row in rows)]
    rows = [row for row in rows if any(row.get(each) is not None for each in shown)]
    if not rows or not shown:
        return None
    speaker = voice(results)
    heads = {"p_improve_images": "improved"}
    lines = tuple(
        Line(
            name(results, row, speaker, model=True),
            tuple(_effect(row, each) for each in shown),
            detail=extent.of_contrast(row),
        )
        for row in rows
    )
    return Table(
        key=f"effects-{key}",
        caption=fill(f"tab.effects.{key}", extent=extent.of_contrasts(rows), m=len(rows)),
        heads=(word_head(TERMS["col.contrast"]), *(Head(TERMS[f"col.{heads.get(each, each)}"]) for each in shown)),
        groups=(Group(None, lines),),
        notes=(fill(f"note.effects.{key}", bar=BAR),),
        print_lines=MOST_ROWS,
    )


def _effect(row: Row, which: str) -> Cell:
    """The value, and below it its interval; resampled limits are rounded to their Monte Carlo error."""
    value, low, high = row.get(which), row.get(f"{which}_low"), row.get(f"{which}_high")
    write = _writer(which)
    if value is None:
        return number(numbers.MISSING)
    detail = same("")
    if low is not None and high is not None:
        digits = decimals(row.get(f"{which}_error"))
        detail = fill("interval", low=write(low, digits), high=write(high, digits))
    return Cell(same(write(value, None)), value=value, detail=detail)


def _writer(which: str) -> Callable[[float, int | None], str]:
    """How a value or a limit is written with as many decimals, None for the usual ones."""
    if which.startswith("p_improve"):
        return lambda value, digits: numbers.share(value)  # whole percent: coarser than the Monte Carlo error
    if which == "percent":
        return lambda value, digits: numbers.fixed(value, 1, signed=True) + "%"
    return lambda value, digits: numbers.fixed(value, DIGITS if digits is None else digits, signed=True)


def decimals(error: float | None) -> int | None:
    """Decimals up to the size of a Monte Carlo error, at most two; None without an error."""
    if error is None or error <= 0:
        return None
    return max(0, min(DIGITS, round(-math.log10(error))))


def _equivalence_line(results: Results, row: Row, *, asked: bool) -> Line:
    unit = results["metrics"][row["metric"]]["unit"]
    smallest = row["smallest_margin"]
    cells = [
        number(numbers.margin(row["margin"], unit), row["margin"]),
        number(interval(row["ci90_low"], row["ci90_high"], unit, row["margin"]), row["ci90_low"]),
        number(numbers.p_value(row["p_tost"], alpha=results["alpha"]), row["p_tost"]),
        number(numbers.level(smallest, unit), smallest),
    ]
    if asked:
        cells.append(_noninferiority(results, row, unit))
    return Line(name(results, row, voice(results), model=True), tuple(cells), detail=extent.of_contrast(row))


def _noninferiority(results: Results, row: Row, unit: numbers.Unit) -> Cell:
    limit = row.get("noninferiority_limit")
    if not row.get("noninferiority") or limit is None:
        return number(numbers.MISSING)
    written = numbers.bound(limit, unit, thresholds=numbers.limits(row["margin"]))
    p = numbers.p_relation(row["p_noninferiority"], alpha=results["alpha"])
    return Cell(same(written), value=limit, detail=fill("effects.p", p=p))


def _readings(results: Results, row: Row) -> Iterator[Line]:
    unit = results["metrics"][row["metric"]]["unit"]
    recipe = row["ci_low"] is not None
    own = ("ci_low", "ci_high", "p_value") if recipe else ("ci_models_low", "ci_models_high", "p_models")
    fields = {"as": ("estimate", *own, "n_images")}
    for which in ("worst", "dropped"):
        end = f"undefined_{which}"
        fields[which] = (f"estimate_{end}", f"ci_{end}_low", f"ci_{end}_high", f"p_{end}", f"n_images_{end}")
    for which, members in fields.items():
        estimate, low, high, p, n = (row.get(member) for member in members)
        yield Line(
            TERMS[f"value.reading.{which}"],
            (
                number(numbers.difference(estimate, unit), estimate),
                number(interval(low, high, unit), low),
                number(numbers.p_value(p, alpha=results["alpha"]), p),
                number(numbers.count(n), n),
            ),
        )
