"""How a metric moves with the dose: the slope and how badly a line fits, and which doses are told apart from the best.

A slope is one weighted sum of arm means and so has the three answers of any contrast. It is never given without its
lack of fit; and no dose is called best from point estimates: what is given is the set of doses whose difference
from the best one is not shown after Holm.

Reference: Page 1963 (ordered alternatives over blocks).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from study.records import Contrast, Design, Dose, DoseLevel, DoseResponse
from study.statistics.cells import Block, Cells
from study.statistics.companions import TTest, t_test
from study.statistics.comparison import of_mean_by_cluster
from study.statistics.design_notes import notes_of
from study.statistics.factorial import DoseLine, dose_line, slope_weights
from study.statistics.floats import magnitude, number, rounded
from study.statistics.influence import compact, of_mean
from study.statistics.means import RunFigures
from study.statistics.missing import alone
from study.statistics.multiplicity import adjust
from study.statistics.notes import sentences
from study.statistics.omnibus import page
from study.statistics.primary import ArmFigures, crossed
from study.statistics.sentences import Note, note
from study.statistics.several import Source, Together, source_of, together
from study.statistics.two_by_two import declared_cells, identity, known_arms, tested
from study.statistics.weighted import Answered, contrast_sides, fill_images, recipe, weigh

FEWEST_DOSES = 3
LINE_POINTS = 25
"""Places at which the line and its interval are kept for drawing."""


class Found(NamedTuple):
    """One model, attribution and metric."""

    response: DoseResponse
    levels: tuple[DoseLevel, ...]


def dose_responses(
    design: Design, cells: Cells, figures: Sequence[RunFigures] = ()
) -> tuple[tuple[DoseResponse, ...], tuple[DoseLevel, ...]]:
    """The line and the levels of every model, attribution and metric that the protocol tests, AUC included.

    Slopes of the primary attribution and metric are one family (Holm over models), all others another
    (Benjamini-Hochberg). Comparisons with the best dose are a family of their own on each cell (Holm).

    Returns:
        Responses, primary ones first, and their levels by dose; both empty in a design without doses.

    Raises:
        StudyError: the design has no arm of this name.
    """
    if design.dose is None:
        return (), ()
    known_arms(design, design.dose.arms, "dose")
    found = [_cell(design, contrast, cells, source_of(cells, contrast, figures)) for contrast in declared_cells(design)]
    return _adjusted([one.response for one in found]), tuple(level for one in found for level in one.levels)


def _adjusted(made: Sequence[DoseResponse]) -> tuple[DoseResponse, ...]:
    done = {}
    for family, method in (("primary", "holm"), ("secondary", "bh")):
        members = [i for i, response in enumerate(made) if response.family == family]
        ps = adjust([tested(made[i]) for i in members], method)
        for i, p in zip(members, ps, strict=True):
            done[i] = replace(made[i], m=len(members), p_adjusted=p, adjustment=method)
    return tuple(done.get(i, response) for i, response in enumerate(made))


def _cell(design: Design, contrast: Contrast, cells: Cells, source: Source) -> Found:
    dose = design.dose
    assert dose is not None
    having = tuple(arm for arm in dose.arms if _has_runs(source, arm))
    arms = having if len(having) >= FEWEST_DOSES else dose.arms
    doses = tuple(value for arm, value in zip(dose.arms, dose.doses, strict=True) if arm in arms)
    cut = together(source, arms, design, cells)
    weights = slope_weights(doses)
    margin = None if contrast.margin is None else contrast.margin / (doses[-1] - doses[0])
    made = weigh(cut, weights, design, margin)
    facts = design.metrics[contrast.metric]
    fields: dict[str, Any] = {}
    notes = notes_of(made, design, contrast, source)
    if len(arms) < len(dose.arms) or len(having) < FEWEST_DOSES:
        notes += _absent(dose, having)
    if cut.sides and made.status not in ("undefined_metric", "no_data"):
        fields |= _run_line(made, doses, design, notes) | _line(cut, doses, design)
    if cut.by_image is not None:
        fields |= _page(cut)
    levels = _levels(design, source, cells, contrast, list(zip(arms, doses, strict=True)))
    return Found(
        DoseResponse(
            name=dose.name,
            unit=dose.unit,
            doses=doses,
            **identity(contrast, facts, source),
            arms=arms,
            weights=weights,
            status=made.status,
            **made.fields,
            **fields,
            **_best(levels),
            **sentences(notes),
        ),
        levels,
    )


def _has_runs(source: Source, arm: str) -> bool:
    """Whether some run of the arm has a value."""
    if isinstance(source, Block):
        rows = source.rows(arm)
        return bool(len(rows)) and bool(np.isfinite(source.values[rows]).any())
    return isinstance(source, RunFigures) and any(run.arm == arm for run in source.runs)


def _absent(dose: Dose, having: Sequence[str]) -> Iterator[Note]:
    k, n = len(having), len(dose.arms)
    if k < FEWEST_DOSES:
        yield note("too_few_doses", k=k, n=n)
    else:
        yield note("doses_missing", arms=", ".join(arm for arm in dose.arms if arm not in having), k=k, n=n)


# --------------------------------------------------------------------------------- the line


def _run_line(made: Answered, doses: Sequence[float], design: Design, notes: list[Note]) -> dict[str, Any]:
    """The line on run means, these images: its slope's answer, its lack of fit, and the quadratic term."""
    cut = made.together
    line = dose_line(doses, [side.figures for side in cut.sides], paired=cut.paired)
    fill_images(made, _slope_of_seeds(made, design) if cut.paired else _slope(line, design.alpha))
    p = number(line.lack_of_fit_p)
    if p is None:
        return {}
    if p < design.alpha:
        extent = {"runs": sum(len(side.figures) for side in cut.sides), "n": cut.n_images}
        notes.append(note("lack_of_fit", p=f"{p:.3f}" if p >= 0.001 else "< 0.001", **extent))
    return {
        "lack_of_fit_f": number(line.lack_of_fit_f),
        "lack_of_fit_df1": line.lack_of_fit_df1,
        "lack_of_fit_df2": line.lack_of_fit_df2,
        "lack_of_fit_p": p,
        "quadratic": number(line.quadratic),
        "quadratic_p": number(line.quadratic_p),
    }


def _slope(line: DoseLine, alpha: float) -> TTest:
    return t_test(line.slope, line.se, line.df, alpha=alpha)


def _slope_of_seeds(made: Answered, design: Design) -> TTest:
    """Each seed's own slope, one-sample t."""
    (side,), _ = contrast_sides(made.together, made.weights)
    slopes = side.figures
    return t_test(
        float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(len(slopes))), len(slopes) - 1, alpha=design.alpha
    )


def _line(cut: Together, doses: Sequence[float], design: Design) -> dict[str, Any]:
    """The least-squares line at places between the doses, and its interval where there are runs enough."""
    if cut.fewest < 2 or cut.n_clusters < 2:
        return {}
    slope, places = np.array(slope_weights(doses)), np.linspace(doses[0], doses[-1], LINE_POINTS)
    rows = []
    for place in places:
        weights = 1 / len(doses) + (place - np.mean(doses)) * slope
        with np.errstate(invalid="ignore"):
            result = recipe(cut, weights.tolist(), design.alpha)
        rows.append((float(result.estimate), float(result.ci_low), float(result.ci_high)))
    if not np.isfinite(rows).all():
        return {}
    fitted, low, high = zip(*rows, strict=True)
    return {"line_doses": tuple(places.tolist()), "line": fitted, "line_low": low, "line_high": high}


def _page(cut: Together) -> dict[str, Any]:
    """Page's test over images or patients, runs averaged, values rounded so that ties are ties."""
    assert cut.by_image is not None
    values = rounded(cut.by_image, magnitude(*cut.values))
    if cut.patients:
        values = np.stack([rounded(of_mean_by_cluster(row, cut.clusters), magnitude(values)) for row in values])
    if values.shape[1] < 2:
        return {}
    result = page(values.T)
    return {
        "page_l": result.l_statistic,
        "page_z": result.z,
        "page_p_rising": result.p_value,
        "page_p": float(2 * stats.norm.sf(abs(result.z))),
        "page_blocks": values.shape[1],
    }


# ------------------------------------------------------------------------ the doses, one by one


def _levels(
    design: Design, source: Source, cells: Cells, contrast: Contrast, doses: Sequence[tuple[str, float]]
) -> tuple[DoseLevel, ...]:
    """Every dose with its mean, and its difference from the best one."""
    place: dict[str, Any] = {"model": contrast.model, "attribution": contrast.attribution, "metric": contrast.metric}
    levels = [DoseLevel(**place, arm=arm, dose=dose, **_mean(design, source, cells, arm)) for arm, dose in doses]
    higher = design.metrics[contrast.metric].higher_is_better
    known = [level for level in levels if level.mean is not None]
    if higher is None or len(known) < 2:
        return tuple(levels)
    best = max(known, key=lambda level: (level.mean or 0.0) * (1 if higher else -1))
    others = [level for level in known if level is not best]
    answers = [weigh(together(source, (level.arm, best.arm), design, cells), (1.0, -1.0), design) for level in others]
    models = any(answer.status == "insufficient_runs" for answer in answers)
    ps = [answer.fields.get("p_models" if models else "p_value") for answer in answers]
    adjusted = adjust(ps, "holm")
    compared = {
        level.arm: _against(level, answer, p=p, adjusted=corrected, models=models, m=len(others), alpha=design.alpha)
        for level, answer, p, corrected in zip(others, answers, ps, adjusted, strict=True)
    }
    compared[best.arm] = replace(best, is_best=True, told_apart=False, m=len(others), best_models_only=models)
    return tuple(compared.get(level.arm, level) for level in levels)


def _against(
    level: DoseLevel, answer: Answered, *, p: float | None, adjusted: float | None, models: bool, m: int, alpha: float
) -> DoseLevel:
    """A dose that cannot be compared is not told apart."""
    fields, tail = answer.fields, "_models" if models else ""
    return replace(
        level,
        told_apart=adjusted is not None and adjusted < alpha,
        estimate=fields.get("estimate"),
        se=fields.get(f"se{tail}"),
        df=fields.get(f"df{tail}"),
        ci_low=fields.get(f"ci{tail}_low"),
        ci_high=fields.get(f"ci{tail}_high"),
        p_value=p,
        p_adjusted=adjusted,
        m=m,
        best_models_only=models,
    )


def _mean(design: Design, source: Source, cells: Cells, arm: str) -> dict[str, Any]:
    """Mean of one arm on its own images, with its interval (retraining and new images)."""
    side: ArmFigures | None = None
    n_runs = n_images = 0
    if isinstance(source, Block):
        runs, values, images = alone(source, arm)
        n_runs, n_images = len(runs), len(images)
        if n_runs and n_images:
            side = of_mean(values, compact(cells.images.clusters[images]), weight=design.weight)
    elif isinstance(source, RunFigures):
        cut = together(source, (arm,), design, cells)
        n_runs, n_images, side = len(cut.runs[0]), cut.n_images, next(iter(cut.sides), None)
    if side is None or np.isnan(side.figures).any():
        return {"n_runs": n_runs, "n_images": n_images, "mean": None, "mean_low": None, "mean_high": None}
    limits: tuple[float | None, float | None] = (None, None)
    if n_runs > 1 and side.influence.shape[1] > 1 and not np.isnan(side.influence).any():
        result = crossed((side,), (1.0,), alpha=design.alpha)
        limits = number(float(result.ci_low)), number(float(result.ci_high))
    return {
        "n_runs": n_runs,
        "n_images": n_images,
        "mean": float(side.figures.mean()),
        "mean_low": limits[0],
        "mean_high": limits[1],
    }


def _best(levels: Sequence[DoseLevel]) -> dict[str, Any]:
    best = next((level for level in levels if level.is_best), None)
    if best is None:
        return {}
    return {
        "best": best.arm,
        "not_told_apart": tuple(level.arm for level in levels if level.told_apart is False),
        "m_best": best.m,
        "best_models_only": best.best_models_only,
    }
