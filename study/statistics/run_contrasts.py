"""One contrast of a metric that a run has one figure of and that is no mean over images: AUC, calibration error."""

from __future__ import annotations

import numpy as np

from study.records import Design, RunStatus
from study.statistics.cells import Cells
from study.statistics.companions import t_test
from study.statistics.comparison import Draft, fill_estimate, fill_models, fill_runs, may_pair
from study.statistics.influence import compact
from study.statistics.means import RunFigures
from study.statistics.missing import pretraining_groups
from study.statistics.primary import ArmFigures

Rows = list[list[list[int]]]


def draft_figures(made: Draft, design: Design, part: RunFigures, cells: Cells) -> None:
    """Every question about the contrast that needs no resampling and no other contrast.

    Args:
        made: filled in; `rows` are the arms' rows of `part.runs`, grouped by pretraining run.
        design: as given to `analyse`.
        part: the metric's figures and influence vectors of every run of the model.
        cells: of the study.
    """
    predictions = cells.predictions[made.contrast.model]
    rows = _rows(made, design, part.runs)
    codes = compact(cells.images.clusters[predictions.images])
    made.fields |= {
        "n_runs_treatment": len(rows[0]),
        "n_runs_control": len(rows[1]),
        "n_images": len(predictions.images),
        "n_images_listed": len(predictions.images),
        "n_clusters": len(np.unique(codes)),
    }
    if not (rows[0] and rows[1] and len(predictions.images)):
        made.status = "no_data"
        return
    sides = [averaged(part.values, groups) for groups in rows]
    made.sides, made.rows = (sides[0], sides[1]), (rows[0], rows[1])
    made.others = _others(made, design, part)
    made.status = _status(made)
    if made.status == "undefined_metric" and any(np.isnan(side.figures).any() for side in sides):
        return
    fill_estimate(made, design)
    if made.status != "undefined_metric":
        _fill_models(made, design)
    fill_runs(made, design)


def averaged(arm: ArmFigures, groups: list[list[int]]) -> ArmFigures:
    """Figures and influence of groups of rows, each averaged."""
    figures = np.array([arm.figures[group].mean() for group in groups])
    return ArmFigures(figures, np.stack([arm.influence[group].mean(axis=0) for group in groups]))


def is_auc(metric: str) -> bool:
    """Whether the metric is an AUC, of all classes or of one."""
    return metric.partition("[")[0] == "auc"


def _rows(made: Draft, design: Design, listed: tuple[RunStatus, ...]) -> Rows:
    """Rows of both arms, grouped by pretraining run; pairs of seeds in the same order where seeds are paired."""
    rows: Rows = []
    runs: list[tuple[RunStatus, ...]] = []
    for arm in (made.contrast.treatment, made.contrast.control):
        at = [row for row, run in enumerate(listed) if run.arm == arm]
        runs.append(tuple(listed[row] for row in at))
        rows.append([[at[member] for member in group] for group in pretraining_groups(runs[-1])])
    made.paired = may_pair(design, runs)
    if not made.paired:
        return rows
    shared = sorted({run.seed for run in runs[0]} & {run.seed for run in runs[1]})
    by_seed = [{listed[group[0]].seed: group for group in groups} for groups in rows]
    return [[groups[seed] for seed in shared] for groups in by_seed]


def _others(made: Draft, design: Design, part: RunFigures) -> tuple[ArmFigures, ...]:
    """The arms that are not compared, where they lend their run variance; those with an undefined figure do not."""
    if not design.rules.pool_run_variance or made.paired:
        return ()
    found = []
    for arm in design.arms:
        if arm in (made.contrast.treatment, made.contrast.control):
            continue
        at = [row for row, run in enumerate(part.runs) if run.arm == arm]
        groups = pretraining_groups(tuple(part.runs[row] for row in at)) if at else []
        if len(groups) > 1:
            side = averaged(part.values, [[at[member] for member in group] for group in groups])
            if np.isfinite(side.figures).all() and np.isfinite(side.influence).all():
                found.append(side)
    return tuple(found)


def _status(made: Draft) -> str:
    assert made.sides is not None
    if any(np.isnan(side.figures).any() or np.isnan(side.influence).any() for side in made.sides):
        return "undefined_metric"
    if is_auc(made.contrast.metric) and all(np.isin(side.figures, (0.0, 1.0)).all() for side in made.sides):
        return "auc_boundary"
    if min(len(side.figures) for side in made.sides) < 2:
        return "insufficient_runs"
    return "ok"


def _fill_models(made: Draft, design: Design) -> None:
    """These models, new images: normal test of DeLong's variance, t on G - 1 df of a jackknife's."""
    assert made.sides is not None
    treatment, control = made.sides
    difference = treatment.influence.mean(axis=0) - control.influence.mean(axis=0)
    estimate = float(treatment.figures.mean() - control.figures.mean())
    se = float(np.sqrt((difference**2).sum()))
    df = np.inf if is_auc(made.contrast.metric) else made.fields["n_clusters"] - 1.0
    fill_models(made, t_test(estimate, se if se > 1e-12 else 0.0, df, alpha=design.alpha))
