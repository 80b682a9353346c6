"""Agreement between runs, reliability of the metrics, and variance components: what section 9 shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.report import numbers
from study.report.cells import WIDEST, Results, Row, mark, metric_head, primary_attribution
from study.report.contrast_tables import of_family
from study.report.omnibus_tables import blocks, remarks
from study.report.table import Cell, Group, Head, Line, State, Table, word_head
from study.report.terms import TERMS, Text, fill, same

LEAST = 0.4
"""Below this a metric's agreement is marked."""
RHOS = ("rho_high", "rho_low")
RELIABILITY = ("alpha", "alpha_interval", "dependability", *RHOS)
"""Columns, of which only those with a value anywhere are shown."""
PRINT_LINES = 4
Places = Mapping[tuple[str, str, str, str], Row]


def run_agreement_tables(results: Results) -> list[Table]:
    """Arms against arms, at most five to a table; groups are models and attributions, the primary one first."""
    rows = [row for row in results.get("run_agreement", ()) if row["estimate"] is not None]
    if not rows:
        return []
    places = {(row["model"], row["attribution"], *pair): row for row in rows for pair in _both(row)}
    across = [arm for arm in results["arms"] if any(arm["arm"] in _both(row)[0] for row in rows)]
    parts = [across[start : start + WIDEST] for start in range(0, len(across), WIDEST)]
    return [_run_agreement(results, places, across, part, place) for place, part in enumerate(parts)]


def reliability_table(results: Results) -> Table | None:
    """Metrics on the primary attribution against alpha, dependability, and their closest and farthest namesake."""
    attribution = primary_attribution(results)
    rows = [row for row in results.get("reliability", ()) if row["attribution"] == attribution and _told(row)]
    if not rows:
        return None
    names = [name for name in RELIABILITY if any(_value(row, name) is not None for row in rows)]
    groups = [
        Group(same(model), tuple(_reliability(results, row, names) for row in rows if row["model"] == model))
        for model in results["models"]
        if any(row["model"] == model for row in rows)
    ]
    arm = next(arm["name"] for arm in results["arms"] if arm["reference"])
    ranked = max(rows, key=lambda row: row["n_blocks"])
    return Table(
        key="reliability",
        caption=fill(
            "tab.reliability",
            attribution=results["attributions"][attribution]["title"],
            arm=arm,
            blocks=blocks(ranked),
        ),
        heads=(word_head(TERMS["col.metric"]), *(Head(TERMS[f"col.{name}"]) for name in names)),
        groups=tuple(groups),
        notes=(fill("note.reliability", least=numbers.plain(LEAST)),),
        print_lines=PRINT_LINES,
        rest="results.json",
    )


def components_table(results: Results) -> Table | None:
    """Components of the primary metrics as standard deviations, and below what to buy next."""
    rows = _components(results)
    if not rows:
        return None
    names = ("sd_run", "sd_arm_image", "sd_residual", "sd_image")
    groups = [
        Group(same(model), tuple(_component(results, row) for row in rows if row["model"] == model))
        for model in results["models"]
        if any(row["model"] == model for row in rows)
    ]
    return Table(
        key="components",
        caption=TERMS["tab.components"],
        heads=(word_head(TERMS["col.metric"]), *(Head(TERMS[f"col.{name}"]) for name in names)),
        groups=tuple(groups),
        notes=(TERMS["note.components"],),
    )


def buy_next(results: Results) -> list[Text]:
    """One sentence per model and primary metric: seeds or images."""
    return [_advice(results, row) for row in _components(results)]


def _both(row: Row) -> tuple[tuple[str, str], tuple[str, str]]:
    return (row["arm_a"], row["arm_b"]), (row["arm_b"], row["arm_a"])


def _run_agreement(results: Results, places: Places, arms: Sequence[Row], part: Sequence[Row], place: int) -> Table:
    first = primary_attribution(results)
    keys = sorted(dict.fromkeys(key[:2] for key in places), key=lambda key: key[1] != first)
    groups = [
        Group(same(f"{model}, {results['attributions'][attribution]['title']}"), tuple(lines))
        for model, attribution in keys
        if (lines := _agreement_lines(results, places, (model, attribution), arms, part))
    ]
    used = list(places.values())
    once = list({id(row): row for row in used}.values())
    caption = fill(
        "tab.run_agreement",
        n=numbers.count(max(row["n_images"] for row in used)),
        listed=numbers.count(results["counts"]["images_listed"]),
    )
    return Table(
        key=f"run-agreement-{place + 1}",
        caption=caption,
        spans=(Head(same("")), Head(TERMS["col.against_runs_of"], span=len(part))),
        heads=(word_head(TERMS["col.runs_of"]), *(Head(same(arm["name"])) for arm in part)),
        groups=tuple(groups),
        notes=(TERMS["note.run_agreement"], *remarks(once, [_pair(results, row) for row in once])),
        print_lines=len(arms) * len(results["models"]),
        rest="results.json",
    )


def _pair(results: Results, row: Row) -> str:
    """`Grad-CAM, vit_small`: what a sentence is about, beside the arms that it names."""
    return f"{results['attributions'][row['attribution']]['title']}, {row['model']}"


def _agreement_lines(
    results: Results, places: Places, key: tuple[str, str], arms: Sequence[Row], part: Sequence[Row]
) -> list[Line]:
    lines = []
    for arm in arms:
        cells = [_agreement_cell(places.get((*key, arm["arm"], other["arm"]))) for other in part]
        if any(cell.value is not None for cell in cells):
            lines.append(Line(same(arm["name"]), tuple(cells), mark(arm)))
    return lines


def _agreement_cell(row: Row | None) -> Cell:
    if row is None:
        return Cell(same(numbers.MISSING), room=True)
    detail = same("")
    if row["ci_low"] is not None:
        detail = fill("interval", low=numbers.fixed(row["ci_low"]), high=numbers.fixed(row["ci_high"]))
    elif row["ci_models_low"] is not None:
        interval = fill("interval", low=numbers.fixed(row["ci_models_low"]), high=numbers.fixed(row["ci_models_high"]))
        detail = fill("cell.models", interval=interval)
    return Cell(same(numbers.fixed(row["estimate"])), value=row["estimate"], room=True, detail=detail)


def _told(row: Row) -> bool:
    return any(row[name] is not None for name in ("alpha", "dependability")) or any(r is not None for r in row["rhos"])


def _reliability(results: Results, row: Row, names: Sequence[str]) -> Line:
    cells = [_rho(results, row, name) if name in RHOS else _share(row[name]) for name in names]
    return Line(metric_head(results, row["metric"]), tuple(cells))


def _value(row: Row, name: str) -> Any:
    """A number of the row; for the namesakes a pair (rho, metric), the lower one only where there are two."""
    if name not in RHOS:
        return row[name]
    pairs = [(rho, other) for rho, other in zip(row["rhos"], row["others"], strict=True) if rho is not None]
    if len(pairs) < (1 if name == "rho_high" else 2):
        return None
    return (max if name == "rho_high" else min)(pairs, key=lambda pair: pair[0])


def _share(value: float | None) -> Cell:
    return Cell(same(numbers.fixed(value, 2)), value=value, state="part" if value is not None and value < LEAST else "")


def _rho(results: Results, row: Row, name: str) -> Cell:
    found = _value(row, name)
    if found is None:
        return Cell(same(numbers.MISSING), room=True)
    value, other = found
    state: State = "part" if value < LEAST else ""
    detail = same(results["metrics"][other]["title"])
    return Cell(same(numbers.fixed(value, 2)), value=value, state=state, room=True, detail=detail)


def _components(results: Results) -> list[Row]:
    """Components of every primary metric on its attribution, models in their order."""
    primary = {(row["model"], row["attribution"], row["metric"]) for row in of_family(results, "primary")}
    rows = [row for row in results["components"] if (row["model"], row["attribution"], row["metric"]) in primary]
    return [row for row in rows if any(row[name] is not None for name in ("run", "residual", "image"))]


def _component(results: Results, row: Row) -> Line:
    unit = results["metrics"][row["metric"]]["unit"]
    cells = [
        Cell(same(numbers.level(row["sd"][name], unit)), value=row["sd"][name])
        for name in ("run", "arm_by_image", "residual", "image")
    ]
    return Line(metric_head(results, row["metric"]), tuple(cells))


def _advice(results: Results, row: Row) -> Text:
    what = f"{row['model']}, {results['metrics'][row['metric']]['title']}"
    share = row["share_runs"]
    if share is None:
        return fill("buy.unknown", what=what)
    n_runs = round(float(row["n_runs"]), 1)
    runs = numbers.fixed(n_runs, 0 if n_runs.is_integer() else 1)
    values = {"what": what, "runs": runs, "images": numbers.count(row["n_images"])}
    if share >= 0.5:
        return fill("buy.seeds", **values, share=numbers.share(share))
    return fill("buy.images", **values, share=numbers.share(1 - share))
