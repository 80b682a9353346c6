"""Maps of one arm on models of another: the matrix of means, and the table that is kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stats_study import design_of, score_rows

from study.errors import StudyError
from study.records import Analysis, CrossMean, RunStatus
from study.statistics import analyse, read_findings, write_findings

ARMS = ("baseline", "mae", "proxy")


def cross_table(values: dict[tuple[str, str], Any], clusters: list[str] | None = None, **named: Any) -> pd.DataFrame:
    """(arm, evaluator) -> [S, n] values."""
    tables = []
    for (arm, evaluator), matrix in values.items():
        rows = score_rows({arm: matrix}, metric="cross_gap", clusters=clusters)
        tables.append(rows.drop(columns=["metric_version", "reason"]).assign(evaluator=evaluator, **named))
    return pd.concat(tables, ignore_index=True)


def analysis_of(table: pd.DataFrame | None, **changes: Any) -> Analysis:
    design = design_of(ARMS, contrasts=(), **changes)
    return analyse(design, score_rows({"mae": np.zeros((1, 1))}).iloc[:0], cross=table)


def matrix_of(analysis: Analysis) -> dict[tuple[str, str], CrossMean]:
    return {(row.arm, row.evaluator): row for row in analysis.cross}


VALUES = {
    ("mae", "baseline"): [[0.1, 0.3], [0.3, 0.5], [0.5, 0.7]],
    ("baseline", "mae"): [[0.9, 0.7]] * 3,
    ("mae", "mae"): [[0.0, 0.2]] * 3,
}


def test_a_cell_of_the_matrix_is_the_mean_over_images_then_runs() -> None:
    analysis = analysis_of(cross_table(VALUES))
    assert list(matrix_of(analysis)) == [("baseline", "mae"), ("mae", "baseline"), ("mae", "mae")]
    cell = matrix_of(analysis)["mae", "baseline"]
    assert (cell.model, cell.attribution, cell.metric) == ("vit", "gradcam", "cross_gap")
    assert cell.mean == pytest.approx(0.4)
    assert cell.sd_runs == pytest.approx(0.2)  # run means .2, .4, .6
    assert (cell.n_runs, cell.n_images) == (3, 2)
    assert matrix_of(analysis)["baseline", "mae"].mean == pytest.approx(0.8)


def test_metrics_and_attributions_are_kept_apart_and_in_order() -> None:
    one = cross_table({("mae", "baseline"): [[0.2, 0.4]]})
    table = pd.concat(
        [one.assign(metric="cross_insertion", value=0.9), one.assign(attribution="control_random", value=0.1), one]
    )
    found = analysis_of(table, controls=("control_random",)).cross
    assert [(row.attribution, row.metric, row.mean) for row in found] == [
        ("gradcam", "cross_insertion", pytest.approx(0.9)),
        ("gradcam", "cross_gap", pytest.approx(0.3)),
        ("control_random", "cross_gap", pytest.approx(0.1)),
    ]


def test_one_run_has_no_spread() -> None:
    cell = matrix_of(analysis_of(cross_table({("mae", "proxy"): [[0.2, 0.4]]})))["mae", "proxy"]
    assert (cell.mean, cell.sd_runs, cell.n_runs) == (pytest.approx(0.3), None, 1)


def test_undefined_values_leave_the_mean_and_nothing_defined_is_none() -> None:
    nan = np.nan
    values = {
        ("mae", "baseline"): [[0.2, 0.4, nan], [0.4, 0.6, nan]],
        ("mae", "proxy"): [[nan] * 3, [nan] * 3],
    }
    cells = matrix_of(analysis_of(cross_table(values)))
    assert (cells["mae", "baseline"].mean, cells["mae", "baseline"].n_images) == (pytest.approx(0.4), 2)
    lost = cells["mae", "proxy"]
    assert (lost.mean, lost.sd_runs, lost.n_runs, lost.n_images) == (None, None, 0, 0)


def test_patients_may_count_once_each() -> None:
    table = cross_table({("mae", "baseline"): [[0.0, 0.0, 0.9]]}, clusters=["p", "p", "q"])
    assert matrix_of(analysis_of(table))["mae", "baseline"].mean == pytest.approx(0.3)
    by_patient = analysis_of(table, weight="patient")
    assert matrix_of(by_patient)["mae", "baseline"].mean == pytest.approx(0.45)


def test_models_that_diverged_neither_explain_nor_judge() -> None:
    runs = tuple(
        RunStatus(f"{arm}-vit-seed{s}", arm, "vit", s, "done", diverged=(arm, s) in {("mae", 0), ("baseline", 1)})
        for arm in ARMS
        for s in range(3)
    )
    cells = matrix_of(analysis_of(cross_table(VALUES), runs=runs))
    assert cells["mae", "baseline"].n_runs == 1  # seed 0 explains badly, seed 1 judges badly
    assert cells["mae", "baseline"].mean == pytest.approx(0.6)
    assert cells["mae", "mae"].n_runs == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evaluator": "mea"}, "evaluator 'mea' is no arm; known: baseline, mae, proxy"),
        ({}, "cells occur more than once"),
    ],
)
def test_unknown_evaluators_and_double_cells_are_refused(change: dict[str, str], message: str) -> None:
    table = cross_table(VALUES)
    with pytest.raises(StudyError, match=message):
        analysis_of(pd.concat([table, table.iloc[:1].assign(**change)]))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(StudyError, match="cross scores: no column evaluator"):
        analysis_of(cross_table(VALUES).drop(columns="evaluator"))


def test_without_cross_scores_there_is_no_matrix() -> None:
    assert analysis_of(None).cross == ()
    assert analysis_of(cross_table(VALUES).iloc[:0]).cross == ()


def test_the_matrix_and_all_of_the_table_are_kept(tmp_path: Path) -> None:
    table = cross_table(VALUES)
    table.loc[3, "value"] = np.nan
    analysis = analysis_of(table)
    write_findings(analysis, tmp_path, cross=table)
    assert read_findings(tmp_path) == analysis
    means = pd.read_parquet(tmp_path / "cross_means.parquet")
    assert means["mean"].tolist() == pytest.approx([row.mean for row in analysis.cross])
    kept = pd.read_parquet(tmp_path / "cross.parquet")
    pd.testing.assert_frame_equal(kept[list(table.columns)], table)
    write_findings(replace(analysis, cross=()), tmp_path / "none")
    assert not (tmp_path / "none" / "cross.parquet").exists()
