"""Tables of two factors (interaction first) and of dose-response (lack of fit beside every slope)."""

from __future__ import annotations

from collections.abc import Sequence

from study.report import designs, names, numbers
from study.report.colours import style
from study.report.designs import Results, Row
from study.report.table import Cell, Group, Head, Line, Mark, Table, number, word_head
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import interval

PRINT_LINES = 12
FACTORIAL_FILE, DOSE_FILE = "factorial.csv", "dose_response.csv"


def factor_tables(results: Results) -> list[Table]:
    """The seven effects on the primary attribution and metric, then three of them on every other."""
    if not results["factorial"]:
        return []
    every = list(designs.cells(results["factorial"]).values())
    more = [row for rows in every[1:] for row in rows]
    return [_factors(results, every[0]), *([_factors_more(results, more)] if more else [])]


def _unit(results: Results, row: Row) -> numbers.Unit:
    unit: numbers.Unit = results["metrics"][row["metric"]]["unit"]
    return unit


def _p(results: Results, row: Row) -> Cell:
    """Adjusted p with its m; raw where nothing is adjusted."""
    if row["p_adjusted"] is None:
        return number(numbers.MISSING)
    p = numbers.p_value(row["p_adjusted"], alpha=results["alpha"])
    return number(fill("value.p_m", p=p, m=row["m"]), row["p_adjusted"])


def _ci(results: Results, row: Row, *details: tuple[str, str, str]) -> Cell:
    """The recipe's interval, and under it those of other questions; the models' alone where there is one run."""
    unit = _unit(results, row)
    if row["ci_low"] is None and row["ci_models_low"] is not None:
        low, high = row["ci_models_low"], row["ci_models_high"]
        return Cell(interval(low, high, unit, row["margin"]), value=low, detail=TERMS["value.models_only"])
    small = [
        fill(f"value.{key}", interval=interval(row[low], row[high], unit, row["margin"]))
        for key, low, high in details
        if row[low] is not None
    ]
    text = interval(row["ci_low"], row["ci_high"], unit, row["margin"])
    return Cell(text, value=row["ci_low"], detail=join(small, "; "))


def _factors(results: Results, rows: Sequence[Row]) -> Table:
    design = results["factors"]
    first, second = (designs.spoken(name) for name in design["factors"])
    groups = [
        Group(
            same(model) if len(results["models"]) > 1 else None,
            tuple(_effect_line(results, row) for row in designs.in_order(own)),
        )
        for model, own in designs.by_model(results, rows).items()
    ]
    low, high = (designs.spoken(level) for level in design["levels"][1])
    return Table(
        key="factors",
        caption=fill("tab.factors", first=first, second=second, on=designs.what(results, rows)),
        heads=(
            word_head(TERMS["col.effect"]),
            *(Head(TERMS[f"col.{column}"]) for column in ("delta", "ci", "ninety", "p_and_m")),
        ),
        groups=tuple(groups),
        notes=(
            fill("note.factors", first=first, second=second, low=low, high=high),
            *designs.remarks([row for row in rows if row["effect"] == "interaction"]),
        ),
        rest=FACTORIAL_FILE,
    )


def _effect_line(results: Results, row: Row) -> Line:
    unit = _unit(results, row)
    estimate = numbers.difference(row["estimate"], unit)
    strong = row["headline"] or row["effect"] == "interaction"
    return Line(
        designs.effect_name(results, row),
        (
            Cell(same("" if strong else estimate), strong=estimate if strong else "", value=row["estimate"]),
            _ci(results, row, ("models", "ci_models_low", "ci_models_high")),
            number(interval(row["ci90_low"], row["ci90_high"], unit, row["margin"]), row["ci90_low"]),
            _p(results, row),
        ),
    )


def _factors_more(results: Results, rows: Sequence[Row]) -> Table:
    """Interaction and main effects of every other attribution and metric, one line each."""
    first, second = (designs.spoken(name) for name in results["factors"]["factors"])
    groups = []
    for model, own in designs.by_model(results, rows).items():
        lines = [
            Line(_cell_name(results, effects[0]), tuple(_more_cell(results, row) for row in effects[:3]))
            for effects in designs.cells(own).values()
        ]
        groups.append(Group(same(model) if len(results["models"]) > 1 else None, tuple(lines)))
    return Table(
        key="factors-more",
        caption=fill("tab.factors.more", size=designs.size(rows)),
        heads=(
            word_head(TERMS["col.metric"]),
            Head(TERMS["col.interaction"]),
            Head(fill("col.averaged", factor=first, other=second)),
            Head(fill("col.averaged", factor=second, other=first)),
        ),
        groups=tuple(groups),
        notes=(TERMS["note.undefined"],),
        print_lines=PRINT_LINES,
        rest=FACTORIAL_FILE,
    )


def _cell_name(results: Results, row: Row) -> Text:
    facts = results["metrics"][row["metric"]]
    title = f"{facts['title']}{names.arrow(facts['higher_is_better'])}"
    return same(f"{title}, {results['attributions'][row['attribution']]['title']}" if row["attribution"] else title)


def _more_cell(results: Results, row: Row) -> Cell:
    """`+0.012` with its interval and adjusted p below."""
    unit = _unit(results, row)
    if row["estimate"] is None:
        return number(numbers.MISSING)
    small = interval(*designs.limits(row), unit, row["margin"])
    small = small if row["ci_low"] is not None else fill("value.models", interval=small)
    p = numbers.p_relation(row["p_adjusted"], alpha=results["alpha"])
    detail = join(
        [small, fill("value.p_m", p=f"p {p}", m=row["m"])] if row["p_adjusted"] is not None else [small], "; "
    )
    return Cell(same(numbers.difference(row["estimate"], unit)), value=row["estimate"], detail=detail)


# ------------------------------------------------------------------------------ dose-response


def dose_tables(results: Results) -> list[Table]:
    """The line of every metric with its lack of fit, primary first, then the primary one dose by dose."""
    if not results["doses"]:
        return []
    levels = [_levels(results, row) for row in designs.primary_rows(results["doses"])]
    return [_lines(results), *(table for table in levels if table.groups)]


def _lines(results: Results) -> Table:
    rows = results["doses"]
    first = rows[0]
    groups = [
        Group(same(model) if len(results["models"]) > 1 else None, tuple(_dose_line(results, row) for row in own))
        for model, own in designs.by_model(results, rows).items()
    ]
    low, high = (designs.dose_text(first, first["doses"][end]) for end in (0, -1))
    patients = any(0 < row["page_blocks"] < row["n_images"] for row in rows)
    blocks = (
        fill("note.dose.blocks", n=numbers.count(max(row["page_blocks"] for row in rows))) if patients else same("")
    )
    return Table(
        key="dose",
        caption=fill("tab.dose", name=first["name"], low=low, high=high, size=designs.size(rows)),
        heads=(
            word_head(TERMS["col.metric"]),
            Head(fill("col.change", low=low, high=high)),
            *(Head(TERMS[f"col.{column}"]) for column in ("ci", "p_and_m", "lack", "order")),
        ),
        groups=tuple(groups),
        notes=(fill("note.dose", blocks=blocks), *designs.remarks(designs.primary_rows(rows))),
        print_lines=PRINT_LINES,
        rest=DOSE_FILE,
    )


def _dose_line(results: Results, row: Row) -> Line:
    unit = _unit(results, row)
    change = {**row, **row["change"]}
    details = (("models", "ci_models_low", "ci_models_high"), ("images", "ci_images_low", "ci_images_high"))
    return Line(
        _cell_name(results, row),
        (
            number(numbers.difference(change["estimate"], unit), change["estimate"]),
            _ci(results, change, *details),
            _p(results, row),
            _lack(results, row),
            _order(results, row),
        ),
    )


def _lack(results: Results, row: Row) -> Cell:
    if row["lack_of_fit_p"] is None:
        return number(numbers.MISSING)
    f = numbers.fixed(row["lack_of_fit_f"], 2)
    text = fill("value.lack", df1=row["lack_of_fit_df1"], df2=row["lack_of_fit_df2"], f=f)
    p = numbers.p_relation(row["lack_of_fit_p"], alpha=results["alpha"])
    return Cell(text, value=row["lack_of_fit_f"], detail=fill("value.p", p=p))


def _order(results: Results, row: Row) -> Cell:
    if row["page_z"] is None:
        return number(numbers.MISSING)
    text = fill("value.rises" if row["page_z"] > 0 else "value.falls", z=numbers.fixed(row["page_z"], 2))
    p = numbers.p_relation(row["page_p"], alpha=results["alpha"])
    return Cell(text, value=row["page_z"], detail=fill("value.p", p=p))


def _levels(results: Results, row: Row) -> Table:
    scope = "models" if row["best_models_only"] else "recipe"
    lines = tuple(_level_line(results, row, level) for level in designs.levels(results, row))
    on = designs.what(results, [row]) + same(f", {row['model']}" if len(results["models"]) > 1 else "")
    return Table(
        key=f"levels-{results['models'].index(row['model']) + 1}",
        caption=fill("tab.levels", on=on, m=row["m_best"], scope=TERMS[f"tab.levels.{scope}"]),
        heads=(
            word_head(designs.capital(fill("col.dose", name=row["name"]))),
            *(Head(TERMS[f"col.{column}"]) for column in ("runs", "mean", "from_best", "ci", "p_and_m")),
        ),
        groups=(Group(None, lines),) if lines and row["best"] is not None else (),
        notes=(TERMS["note.levels"],),
        rest="dose_levels.csv",
    )


def _level_line(results: Results, row: Row, level: Row) -> Line:
    unit = _unit(results, row)
    arm = next(arm for arm in results["arms"] if arm["arm"] == level["arm"])
    look = style(arm["index"])
    mean = numbers.level(level["mean"], unit)
    bold = level["arm"] in row["not_told_apart"] and not row["best_models_only"]
    small = same("")
    if level["mean_low"] is not None:
        bounds = (numbers.level(level[f"mean_{end}"], unit) for end in ("low", "high"))
        small = fill("value.ci", interval=fill("interval", **dict(zip(("low", "high"), bounds, strict=True))))
    best = level["is_best"]
    return Line(
        same(designs.dose_text(row, level["dose"])),
        (
            number(str(level["n_runs"]), float(level["n_runs"])),
            Cell(same("" if bold else mean), strong=mean if bold else "", value=level["mean"], detail=small),
            number(TERMS["value.best"])
            if best
            else number(numbers.difference(level["estimate"], unit), level["estimate"]),
            number(interval(level["ci_low"], level["ci_high"], unit), level["ci_low"]),
            number(numbers.MISSING) if best else _p(results, level),
        ),
        Mark(look.mark_text, look.colour),
    )
