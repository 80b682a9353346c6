"""All arms at once: the table of context, and the ranks of the arms by the primary metric."""

from __future__ import annotations

from collections.abc import Sequence

from study.report import extent, numbers
from study.report.cells import Results, Row, mark, metric_head, primary_attribution
from study.report.contrast_tables import of_family
from study.report.table import Cell, Group, Head, Line, Table, number, word_head
from study.report.terms import TERMS, Text, fill, join, same

PRINT_LINES = 1
MOST_NAMES = 3
"""Rows named behind a sentence."""


def omnibus_table(results: Results) -> Table | None:
    """Every metric on every attribution: arm means, F for retraining, F and ranks of the trained models."""
    rows = ordered(results)
    if not rows:
        return None
    groups = []
    for model, attribution in dict.fromkeys((row["model"], row["attribution"]) for row in rows):
        own = [row for row in rows if (row["model"], row["attribution"]) == (model, attribution)]
        method = results["attributions"][attribution]["title"]
        groups.append(Group(same(f"{model}, {method}"), tuple(_line(results, row) for row in own)))
    heads = (word_head(TERMS["col.metric"]), Head(TERMS["col.arm_means"]), *map(Head, _heads()))
    return Table(
        key="omnibus",
        caption=fill("tab.omnibus", m=len(rows)),
        heads=heads,
        groups=tuple(groups),
        notes=(_note(results, rows), *remarks(rows, [title(results, row) for row in rows])),
        print_lines=PRINT_LINES,
        rest="results.json",
    )


def arm_rank_tables(results: Results) -> list[Table]:
    """Per model: mean, difference, average rank and p of every arm, by the first primary metric."""
    return [
        _ranks(results, row, place)
        for place, row in enumerate(row for row in primary_rows(results) if row["average_ranks"])
    ]


def primary_rows(results: Results) -> list[Row]:
    """The comparison of all arms by the first primary metric and its attribution, one per model."""
    first = next(((row["attribution"], row["metric"]) for row in of_family(results, "primary")), None)
    rows = [row for row in results.get("omnibus", ()) if (row["attribution"], row["metric"]) == first]
    return sorted(rows, key=lambda row: results["models"].index(row["model"]))


def ordered(results: Results) -> list[Row]:
    """Rows with a number, the primary attribution first and its primary metric before the others."""
    attribution = primary_attribution(results)
    primary = [row["metric"] for row in of_family(results, "primary")]
    rows = [row for row in results.get("omnibus", ()) if row["means"]]
    return sorted(rows, key=lambda row: (row["attribution"] != attribution, row["metric"] not in primary))


def blocks(row: Row) -> Text:
    """`60 images`, or `18 patients`."""
    return fill(f"blocks.{row['blocks']}", n=numbers.count(row["n_blocks"]))


def title(results: Results, row: Row) -> str:
    """`EHR, Grad-CAM, vit_small`."""
    attribution = results["attributions"][row["attribution"]]["title"]
    return f"{results['metrics'][row['metric']]['title']}, {attribution}, {row['model']}"


def remarks(rows: Sequence[Row], names: Sequence[str]) -> list[Text]:
    """What must be read with these rows, each sentence once, with the rows it is about unless it is about all."""
    about: dict[Text, list[str]] = {}
    for row, name in zip(rows, names, strict=True):
        for english, korean in zip(row["sentences_en"], row["sentences_ko"], strict=True):
            about.setdefault(Text(english, korean), []).append(name)
    found = {sentence: list(dict.fromkeys(named)) for sentence, named in about.items()}
    every = len(set(names))
    return [s if len(named) == every else s + same(f" ({_listed(named)})") for s, named in found.items()]


def _listed(named: Sequence[str]) -> str:
    return "; ".join(named[:MOST_NAMES]) + (f"; + {len(named) - MOST_NAMES}" if len(named) > MOST_NAMES else "")


def _heads() -> list[Text]:
    return [TERMS[f"col.{name}"] for name in ("f_recipe", "f_models", "ranks_models")]


def _line(results: Results, row: Row) -> Line:
    unit, names = results["metrics"][row["metric"]]["unit"], _names(results)
    pairs = sorted(zip(row["means"], row["arms"], strict=True))
    low, high = pairs[0], pairs[-1]
    means = Cell(
        fill("interval", low=numbers.level(low[0], unit), high=numbers.level(high[0], unit)),
        room=True,
        detail=fill("interval", low=names[low[1]], high=names[high[1]]),
    )
    ranks = Cell(same(numbers.MISSING), room=True)
    if row["kendall_w"] is not None:
        p = numbers.p_relation(row["iman_davenport_p"], alpha=results["alpha"])
        ranks = Cell(
            fill("cell.w", w=numbers.fixed(row["kendall_w"])),
            value=row["kendall_w"],
            room=True,
            detail=fill("cell.p", p=p),
        )
    return Line(
        metric_head(results, row["metric"]), (means, _f(results, row, "recipe"), _f(results, row, "models"), ranks)
    )


def _f(results: Results, row: Row, question: str) -> Cell:
    f = row[f"f_{question}"]
    if f is None:
        return Cell(same(numbers.MISSING), room=True)
    df1, df2 = (_freedom(row[f"{name}_{question}"]) for name in ("df1", "df2"))
    p = numbers.p_relation(row[f"p_{question}"], alpha=results["alpha"])
    return Cell(fill("cell.f", df1=df1, df2=df2, f=numbers.fixed(f, 2)), value=f, room=True, detail=fill("cell.p", p=p))


def _freedom(value: float) -> str:
    """Degrees of freedom: whole where they are, else with one decimal."""
    return numbers.fixed(value, 0 if float(value).is_integer() else 1)


def _note(results: Results, rows: Sequence[Row]) -> Text:
    counts = [n for row in rows for n in row["n_runs"]]
    low, high = min(counts), max(counts)
    n = str(low) if low == high else fill("interval", low=low, high=high)
    seeding = TERMS["m.paired" if rows[0]["seeding"] == "paired" else "m.nested"]
    runs = TERMS["runs.one"] if high == 1 else fill("runs.count", n=n)
    found = dict.fromkeys(blocks(row) for row in rows)
    return fill("note.omnibus", seeding=seeding, runs=runs, blocks=join(list(found), " / "))


def _ranks(results: Results, row: Row, place: int) -> Table:
    names, facts = _names(results), {arm["arm"]: arm for arm in results["arms"]}
    lines = []
    for i, arm in enumerate(row["arms"]):
        cells = (
            number(numbers.level(row["means"][i], results["metrics"][row["metric"]]["unit"]), row["means"][i]),
            _difference(results, row, arm),
            number(numbers.fixed(row["average_ranks"][i], 2), row["average_ranks"][i]),
            _p(results, row["p_holm"][i] if row["p_holm"] else None),
            _p(results, row["p_nemenyi"][i] if row["p_nemenyi"] else None),
        )
        lines.append(Line(same(names[arm]), cells, mark(facts[arm])))
    heads = (Head(metric_head(results, row["metric"])), *map(Head, _rank_heads()))
    k = len(row["arms"])
    return Table(
        key=f"arm-ranks-{place + 1}",
        caption=fill(
            "tab.arm_ranks",
            what=title(results, row),
            runs=extent.runs([{"n_runs": n} for n in row["n_runs"]]),
            blocks=blocks(row),
        ),
        heads=(word_head(TERMS["col.arm"]), *heads),
        groups=(Group(None, tuple(lines)),),
        notes=(fill("note.arm_ranks", reference=names[row["reference"]], m=k - 1, pairs=k * (k - 1) // 2),),
    )


def _rank_heads() -> list[Text]:
    return [TERMS[f"col.{name}"] for name in ("delta_models", "average_rank", "p_holm", "p_nemenyi")]


def _difference(results: Results, row: Row, arm: str) -> Cell:
    """Difference from the reference with its interval for these models, where a contrast has it."""
    if arm == row["reference"]:
        return Cell(TERMS["reference"], room=True)
    place = (row["model"], row["attribution"], row["metric"], arm, row["reference"])
    keys = ("model", "attribution", "metric", "treatment", "control")
    found = next((c for c in results["contrasts"] if tuple(c[key] for key in keys) == place), None)
    if found is None or found["estimate_models"] is None:
        return Cell(same(numbers.MISSING), room=True)
    unit = results["metrics"][row["metric"]]["unit"]
    text = numbers.difference(found["estimate_models"], unit)
    if found["ci_models_low"] is None:
        return Cell(same(text), value=found["estimate_models"], room=True)
    low, high = (numbers.bound(found[f"ci_models_{side}"], unit) for side in ("low", "high"))
    return Cell(same(text), value=found["estimate_models"], room=True, detail=fill("interval", low=low, high=high))


def _p(results: Results, value: float | None) -> Cell:
    return number(numbers.p_value(value, alpha=results["alpha"]), value)


def _names(results: Results) -> dict[str, str]:
    return {arm["arm"]: arm["name"] for arm in results["arms"]}
