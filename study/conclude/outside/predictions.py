"""Class probabilities made elsewhere: `label, p_0, p_1, ...` for each run and image."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from study.conclude.outside.checking import check_names, check_one_each, combined, numbered, rows_of
from study.conclude.outside.reading import Columns, Table, opened
from study.errors import DataError

KEYS = ("arm", "seed", "image_id", "label", "cluster", "model")
SUM_WITHIN = 1e-2
"""How far the probabilities of an image may add up to something else than 1: they are often written rounded."""


def columns_of(path: Path) -> Columns:
    """The columns of a table of predictions, as many probabilities as its first line has.

    Raises:
        DataError: there is no such file, or the probabilities are not `p_0, p_1, ...`.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    names = [name for name in _first_line(path) if re.fullmatch(r"p_\d+", name)]
    wanted = tuple(f"p_{k}" for k in range(len(names)))
    if len(names) < 2 or sorted(names) != sorted(wanted):
        found = ", ".join(names) or "none"
        raise DataError(f"{path}: found the probabilities {found}; must be a column p_0, p_1, ... for every class")
    return Columns(keys=KEYS, numbers=wanted, optional=("cluster", "model"))


def _first_line(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        try:
            return list(pyarrow.parquet.ParquetFile(path).schema_arrow.names)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path}: this is no parquet file ({error})") from error
    with opened(path) as file:
        text = file.readline().decode("utf-8-sig", errors="replace")
    return [word.strip() for word in next(csv.reader([text.replace("\t", ",")]), [])]


def check_predictions(table: Table, scores: Table) -> None:
    """Complain about rows that are no probabilities, occur twice or belong to no run of the scores."""
    check_names(table)
    if table.complaints or not table.n_rows:
        return
    _check_labels(table)
    values = np.stack([table.numbers[name] for name in table.numbers], axis=1)
    outside = np.flatnonzero(~((values >= 0) & (values <= 1)).all(axis=1))
    if len(outside):
        found = ", ".join(f"{value:g}" for value in values[outside[0]])
        table.complaints.add("p_0, ...", f"found {found}; probabilities lie between 0 and 1", outside)
    else:
        odd = np.flatnonzero(np.abs(values.sum(axis=1) - 1) > SUM_WITHIN)
        if len(odd):
            text = f"the probabilities of an image add up to 1; found {values[odd[0]].sum():.4g}"
            table.complaints.add("p_0, ...", text, odd)
    check_one_each(table, ["image_id"], "label", "image {what} has the labels {both}; it has exactly one")
    check_one_each(table, ["image_id"], "cluster", "image {what} has the clusters {both}; it has exactly one")
    _check_runs(table, scores)


def _check_labels(table: Table) -> None:
    column, n_classes = table.keys["label"], len(table.numbers)
    wrong = [place for place, k in enumerate(numbered(column)) if k is None or k >= n_classes]
    if wrong:
        rows = rows_of(column, wrong)
        text = f"found '{column.names[column.codes[rows[0]]]}'; labels count the classes, 0 to {n_classes - 1}"
        table.complaints.add("label", text, rows)


def _check_runs(table: Table, scores: Table) -> None:
    known = _runs(scores)
    columns = [table.keys[name] for name in ("arm", "model", "seed")]
    codes, size = combined(columns)
    for code in np.flatnonzero(np.bincount(codes, minlength=size)):
        at = np.unravel_index(int(code), [len(column.names) for column in columns])
        run = tuple(column.names[int(place)] for column, place in zip(columns, at, strict=True))
        if run not in known:
            rows = np.flatnonzero(codes == code)
            text = f"the scores have no run {' / '.join(run[:2])}, seed {run[2]}"
            table.complaints.add("arm, model, seed", text, rows)
    run_image, size = combined([*columns, table.keys["image_id"]])
    order = np.argsort(run_image, kind="stable")
    again = order[1:][run_image[order[1:]] == run_image[order[:-1]]]
    if len(again):
        table.complaints.add("image_id", "this run has the image already; there is one row for each", np.sort(again))


def _runs(table: Table) -> set[tuple[str, ...]]:
    """(arm, model, seed as written) of every run of the scores."""
    columns = [table.keys[name] for name in ("arm", "model", "seed")]
    codes, size = combined(columns)
    shape = [len(column.names) for column in columns]
    found = np.flatnonzero(np.bincount(codes, minlength=size))
    return {
        tuple(column.names[int(at)] for column, at in zip(columns, np.unravel_index(int(code), shape), strict=True))
        for code in found
    }
