"""Whether a table is one: each cell once, each image with one cluster, every run on the same images."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.conclude.outside.reading import Codes, Column, Columns, Table
from study.protocol import AnalysisFile
from study.records import MetricFacts
from study.registry import unknown

SCORES = Columns(
    keys=(
        *("arm", "seed", "image_id", "attribution", "metric"),
        *("cluster", "model", "pretrain_run", "reason", "metric_version"),
    ),
    numbers=("value",),
    optional=("cluster", "model", "pretrain_run", "reason", "metric_version"),
)
_NEEDED = ("arm", "seed", "image_id", "attribution", "metric", "model")
"""Names that no row may leave empty."""
MOST_CELLS = 400_000_000
"""Tables whose runs, images, attributions and metrics would make more cells than this are mostly holes."""


def numbered(column: Column) -> list[int | None]:
    """The whole number that each name means, None where it means none."""
    found: list[int | None] = []
    for name in column.names:
        try:
            number = float(name)
        except ValueError:
            number = -1.0
        found.append(int(number) if number >= 0 and number.is_integer() else None)
    return found


def rows_of(column: Column, places: Collection[int]) -> NDArray[np.int64]:
    """Rows that have one of these names."""
    chosen = np.zeros(len(column.names), dtype=bool)
    chosen[list(places)] = True
    return np.flatnonzero(chosen[column.codes])


def check_table(table: Table, file: AnalysisFile) -> None:
    """Everything that can be wrong with a table of scores."""
    check_names(table)
    check_arms(table, file)
    wrong_names = bool(table.complaints)  # a misspelt run would be said to lack every image
    if not check_cells(table, common=wrong_names or _common(file)):
        return
    check_values(table, file)
    check_one_each(table, ["image_id"], "cluster", "image {what} has the clusters {both}; it has exactly one")
    run = [name for name in ("arm", "model", "seed") if name in table.keys]
    check_one_each(table, run, "pretrain_run", "the run {what} has the pretraining runs {both}; it has exactly one")
    check_one_each(table, ["metric"], "metric_version", "metric {what} has the versions {both}; it has exactly one")


def _common(file: AnalysisFile) -> bool:
    """Whether the analysis is content with the images that all runs list."""
    analysis = file.parsed.get("analysis")
    return analysis is not None and analysis.images == "common"


def check_names(table: Table) -> None:
    """Complain about empty names, and seeds and versions that are no whole numbers."""
    for name, column in table.keys.items():
        if name in _NEEDED and "" in column.names:
            rows = rows_of(column, [column.names.index("")])
            table.complaints.add(name, "is empty; every row needs one", rows)
        if name in ("seed", "metric_version", "label"):
            wrong = [place for place, number in enumerate(numbered(column)) if number is None and column.names[place]]
            if wrong:
                rows = rows_of(column, wrong)
                text = f"found '{column.names[column.codes[rows[0]]]}'; must be a whole number of at least 0"
                table.complaints.add(name, text, rows)


def check_arms(table: Table, file: AnalysisFile) -> None:
    """Complain about arms that the analysis file does not list, where it lists any."""
    listed, column = file.parsed.get("arms"), table.keys["arm"]
    for place, name in enumerate(column.names):
        if listed and name and name not in listed:
            table.complaints.add(
                "arm", unknown("arm of the analysis file", name, list(listed)), rows_of(column, [place])
            )


def check_one_each(table: Table, of: Sequence[str], name: str, message: str) -> None:
    """Complain where rows with the same `of` have several names in the column `name`."""
    if name not in table.keys or not table.n_rows:
        return
    group, sizes = combined([table.keys[key] for key in of])
    codes = table.keys[name].codes
    first = first_rows(group, sizes)
    odd = np.flatnonzero(codes != codes[first[group]])
    if len(odd):
        row = int(odd[0])
        words = [str(table.keys[key].names[table.keys[key].codes[row]]) for key in of]
        names = table.keys[name].names
        both = f"'{names[codes[first[group[row]]]]}' and '{names[codes[row]]}'"
        table.complaints.add(name, message.format(what=" / ".join(words), both=both), odd)


def check_values(table: Table, file: AnalysisFile) -> None:
    """Complain about values outside the bounds that their metric declares."""
    metric, value = table.keys["metric"], table.numbers["value"]
    facts = [file.facts_of(name) for name in metric.names]
    low, high = (np.array([_bound(one, side) for one in facts]) for side in (0, 1))
    # a rounding error beyond a bound is no mistake
    for sign, bound in ((-1, low), (1, high)):
        odd = (sign * (value - bound[metric.codes]) > 1e-9) & np.isfinite(value)
        for place in np.flatnonzero(np.bincount(metric.codes[odd], minlength=len(metric.names))):
            rows = np.flatnonzero(odd & (metric.codes == place))
            known = facts[int(place)]
            assert known is not None
            text = f"found {value[rows[0]]:g} for '{known.name}', which lies between {_spoken(known)}"
            percent = "\nis it in percent? write fractions" if known.bounds[1] == 1 and value[rows[0]] <= 100 else ""
            table.complaints.add("value", text + percent, rows)


def _bound(facts: MetricFacts | None, side: int) -> float:
    bound = None if facts is None else facts.bounds[side]
    return (-np.inf, np.inf)[side] if bound is None else bound


def _spoken(facts: MetricFacts) -> str:
    low, high = ("no bound" if bound is None else f"{bound:g}" for bound in facts.bounds)
    return f"{low} and {high}"


def check_cells(table: Table, *, common: bool = False) -> bool:
    """Complain about cells that occur twice, and about runs that lack images which others of the block have.

    Args:
        table: with a column of models.
        common: whether runs may list different images.

    Returns:
        Whether the table has the size of one, so that more can be checked.
    """
    if not table.n_rows:
        table.complaints.add("table", "has no row below its first line")
        return False
    keys = table.keys
    run, n_runs = combined([keys[name] for name in ("arm", "model", "seed") if name in keys])
    blocks = [keys[name] for name in ("model", "attribution", "metric") if name in keys]
    block, n_blocks = combined(blocks)
    n_images = len(keys["image_id"].names)
    if n_runs * n_blocks * n_images > MOST_CELLS:
        text = f"{n_runs:,} runs, {n_blocks:,} metrics and attributions and {n_images:,} images make too many cells"
        table.complaints.add("table", f"{text}; is a column of numbers among the names?")
        return False
    cell = block.astype(np.int64)
    cell *= n_runs
    cell += run
    cell *= n_images
    cell += keys["image_id"].codes
    count = np.bincount(cell, minlength=n_blocks * n_runs * n_images)
    if count.max() > 1:
        _twice(table, cell, count)
    if common:
        return True
    present = (count > 0).reshape(n_blocks, n_runs, n_images)
    for places in _holes(present):
        _absent(table, places, block, run)
    return True


def _twice(table: Table, cell: NDArray[np.int64], count: NDArray[np.int64]) -> None:
    seen = np.zeros(len(count), dtype=bool)
    again = []
    for row in np.flatnonzero(count[cell] > 1):
        if seen[cell[row]]:
            again.append(int(row))
        seen[cell[row]] = True
    text = f"{_cell_words(table, again[0])} has a value already; there is exactly one for a cell"
    table.complaints.add("value", text, again)


def _cell_words(table: Table, row: int) -> str:
    columns = [table.keys[name] for name in ("arm", "model", "attribution", "metric") if name in table.keys]
    seed, image = (table.keys[name].names[table.keys[name].codes[row]] for name in ("seed", "image_id"))
    return f"{' / '.join(column.names[column.codes[row]] for column in columns)}, seed {seed}, image {image}"


def _holes(present: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    """(block, run, first image, how many) of the first run of each block that lacks an image another one has."""
    for place, listed in enumerate(present):
        runs = np.flatnonzero(listed.any(axis=1))
        absent = listed.any(axis=0) & ~listed[runs]
        for at in np.flatnonzero(absent.any(axis=1))[:1]:
            images = np.flatnonzero(absent[at])
            yield place, int(runs[at]), int(images[0]), len(images)


def _absent(table: Table, places: tuple[int, int, int, int], block: Codes, run: Codes) -> None:
    place, odd, image, n = places
    row = int(np.argmax((block == place) & (run == odd)))
    keys = table.keys
    words = [
        keys[name].names[keys[name].codes[row]] for name in ("arm", "model", "attribution", "metric") if name in keys
    ]
    seed = keys["seed"].names[keys["seed"].codes[row]]
    more = f" and for {n - 1:,} others" if n > 1 else ""
    table.complaints.add(
        "image_id",
        f"{' / '.join(words)}, seed {seed}: no row for image {keys['image_id'].names[image]}{more}, which another run "
        "has\nmeasure the same images in every run; write a row with an empty value where it is not defined",
        [row],
    )


def combined(columns: Sequence[Column]) -> tuple[Codes, int]:
    """One code per combination of names, and how many codes there may be."""
    size = math.prod(len(column.names) for column in columns)
    kind = np.int32 if size < 1 << 31 else np.int64
    codes: Any = columns[0].codes.astype(kind)
    for column in columns[1:]:
        codes *= kind(len(column.names))
        codes += column.codes
    return codes, size


def first_rows(codes: Codes, size: int) -> NDArray[np.int64]:
    """The first row of each code; the number of rows where a code does not occur."""
    first = np.full(size, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1, dtype=np.int64)  # the last assignment stays
    return first


def undefined_by_reason(table: Table) -> Mapping[str, int]:
    """How often each reason stands beside a value that is not defined; '' where none is given."""
    empty = np.isnan(table.numbers["value"])
    if not empty.any():
        return {}
    if "reason" not in table.keys:
        return {"": int(empty.sum())}
    reason = table.keys["reason"]
    counts = np.bincount(reason.codes[empty], minlength=len(reason.names))
    return {name: int(n) for name, n in zip(reason.names, counts, strict=True) if n}
