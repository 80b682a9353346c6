"""Factorial and dose protocols: contrasts of arm means, each through the primary analysis.

The main effect of a 2 x 2 protocol has four times the precision of its interaction, so
the interaction comes first and needs about four times the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from study.statistics.companions import TTest, t_test
from study.statistics.floats import Floats, Integers

TWO_BY_TWO = {
    "first": (-0.5, -0.5, 0.5, 0.5),
    "second": (-0.5, 0.5, -0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
}
"""Weights of the arms (first low / second low, low / high, high / low, high / high)."""


def image_contrast(by_image: Floats, weights: Sequence[float], alpha: float = 0.05) -> TTest:
    """One-sample t over images of a contrast of run-averaged values (Q-models).

    Args:
        by_image: [T, n] each image averaged over the runs of an arm.
        weights: T contrast weights.
        alpha: 1 - level.
    """
    contrast = np.asarray(weights) @ by_image
    n = len(contrast)
    return t_test(float(contrast.mean()), float(contrast.std(ddof=1) / np.sqrt(n)), n - 1, alpha=alpha)


class WithinF(NamedTuple):
    """One effect of a 2 x 2 repeated-measures ANOVA; F equals the square of `image_contrast`'s t."""

    f: float
    p_value: float
    partial_eta_squared: float
    generalised_eta_squared: float


def two_by_two_within(by_image: Floats) -> dict[str, WithinF]:
    """Repeated-measures ANOVA of [4, n] run-averaged values, arms in the order of `TWO_BY_TWO`."""
    n = by_image.shape[1]
    effects, errors = {}, {}
    for name, weights in TWO_BY_TWO.items():
        unit = np.asarray(weights) / np.linalg.norm(weights)
        contrast = unit @ by_image
        effects[name] = n * float(contrast.mean()) ** 2
        errors[name] = float(((contrast - contrast.mean()) ** 2).sum())
    images = 4 * float(((by_image.mean(axis=0) - by_image.mean()) ** 2).sum())
    everything = images + sum(errors.values())
    found = {}
    for name, effect in effects.items():
        f = effect / (errors[name] / (n - 1))
        p_value = float(stats.f.sf(f, 1, n - 1))
        found[name] = WithinF(f, p_value, effect / (effect + errors[name]), effect / (effect + everything))
    return found


def run_interaction(figures: Sequence[Floats]) -> tuple[float, float]:
    """(F, p) of the interaction in a two-way ANOVA on run means of four arms of equal size (Q-images)."""
    values = np.stack(figures)  # [4, S]
    n_runs = values.shape[1]
    contrast = float(np.asarray(TWO_BY_TWO["interaction"]) @ values.mean(axis=1))
    df = 4 * (n_runs - 1)
    error = float(((values - values.mean(axis=1, keepdims=True)) ** 2).sum()) / df
    f = contrast**2 * n_runs / 4 / error
    return f, float(stats.f.sf(f, 1, df))


def run_contrast(figures: Sequence[Floats], weights: Sequence[float], alpha: float = 0.05) -> TTest:
    """A contrast of arm means against the pooled spread of runs (Q-images): t of the ANOVA with arms as factors.

    With four arms of equal size and the weights of the interaction, t squared is `run_interaction`'s F.

    Args:
        figures: T arrays [S_a] of run means.
        weights: T contrast weights.
        alpha: 1 - level.
    """
    df = sum(len(arm) for arm in figures) - len(figures)
    estimate = float(sum(w * arm.mean() for w, arm in zip(weights, figures, strict=True)))
    if df < 1:
        return t_test(estimate, float("nan"), float("nan"))
    error = sum(float(((arm - arm.mean()) ** 2).sum()) for arm in figures) / df
    scale = sum(w**2 / len(arm) for w, arm in zip(weights, figures, strict=True))
    return t_test(estimate, float(np.sqrt(error * scale)), df, alpha=alpha)


def slope_weights(doses: Sequence[float]) -> tuple[float, ...]:
    """Contrast weights of arms whose sum with the arm means is the least-squares slope on dose."""
    centred = np.asarray(doses, dtype=np.float64) - np.mean(doses)
    return tuple(float(weight) for weight in centred / (centred**2).sum())


class DoseLine(NamedTuple):
    """Least squares of run means on dose (Q-images), its lack of fit against arms, and a quadratic term.

    NaN: `se`, `t` and p-values without a degree of freedom, lack of fit where all runs of every arm are equal.
    """

    slope: float
    se: float
    t: float
    df: int
    p_value: float
    lack_of_fit_f: float
    lack_of_fit_df1: int
    lack_of_fit_df2: int
    lack_of_fit_p: float
    quadratic: float
    quadratic_p: float


def dose_line(doses: Sequence[float], figures: Sequence[Floats], *, paired: bool = False) -> DoseLine:
    """Always print lack of fit next to a slope.

    Each dose counts once: with unequal numbers of runs a run weighs 1 / S_a, so that the slope is that of
    `slope_weights` on arm means, and its standard error assumes one spread of runs around the line.

    Args:
        doses: T >= 3 doses, not all equal.
        figures: T arrays [S_a] of run means.
        paired: whether the runs are the same seeds in the same order in every arm; seeds are then blocks.
    """
    x = np.asarray(doses, dtype=np.float64)
    sizes = np.array([len(arm) for arm in figures])
    means = np.array([arm.mean() for arm in figures])
    if paired:
        seeds = np.mean(figures, axis=0)
        figures = [arm - seeds for arm in figures]
    lost = len(figures[0]) - 1 if paired else 0  # degrees of freedom that blocks take
    pure = sum(float(((arm - arm.mean()) ** 2).sum()) for arm in figures)
    pure_df, lack_df = int(sizes.sum()) - len(x) - lost, len(x) - 2
    line, curve = (np.polyfit(x - x.mean(), means, degree) for degree in (1, 2))
    line_rss, curve_rss = (
        pure + float((sizes * (means - np.polyval(fit, x - x.mean())) ** 2).sum()) for fit in (line, curve)
    )
    slope = t_test(float(line[0]), _se(line_rss, pure_df + lack_df, slope_weights(doses), sizes), pure_df + lack_df)
    bend = t_test(
        float(curve[0]), _se(curve_rss, pure_df + lack_df - 1, _bend_weights(x), sizes), pure_df + lack_df - 1
    )
    lack = (line_rss - pure) / lack_df / (pure / pure_df) if pure_df > 0 and pure > 0 else np.nan
    p_lack = float(stats.f.sf(lack, lack_df, pure_df))
    return DoseLine(
        slope.estimate,
        slope.se,
        slope.t,
        pure_df + lack_df,
        slope.p_value,
        lack,
        lack_df,
        pure_df,
        p_lack,
        bend.estimate,
        bend.p_value,
    )


def _se(rss: float, df: int, weights: Sequence[float], sizes: Integers) -> float:
    """Standard error of a weighted sum of arm means when runs have one spread around the curve."""
    return float(np.sqrt(rss / df * (np.square(weights) / sizes).sum())) if df > 0 else float("nan")


def _bend_weights(x: Floats) -> tuple[float, ...]:
    """Weights of arm means that give the quadratic coefficient of the least-squares parabola."""
    basis = np.stack([np.ones_like(x), x - x.mean(), (x - x.mean()) ** 2], axis=1)
    return tuple(float(weight) for weight in np.linalg.pinv(basis)[2])
