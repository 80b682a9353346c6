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
from study.statistics.floats import Floats

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


def slope_weights(doses: Sequence[float]) -> tuple[float, ...]:
    """Contrast weights of arms whose sum with the arm means is the least-squares slope on dose."""
    centred = np.asarray(doses, dtype=np.float64) - np.mean(doses)
    return tuple(float(weight) for weight in centred / (centred**2).sum())


class DoseLine(NamedTuple):
    """Least squares of run means on dose (Q-images), its lack of fit against arms, and a quadratic term."""

    slope: float
    se: float
    t: float
    df: int
    p_value: float
    lack_of_fit_f: float
    lack_of_fit_p: float
    quadratic: float
    quadratic_p: float


def dose_line(doses: Sequence[float], figures: Sequence[Floats]) -> DoseLine:
    """Always print lack of fit next to a slope.

    Args:
        doses: T doses.
        figures: T arrays [S_a] of run means.
    """
    x = np.repeat(np.asarray(doses, dtype=np.float64), [len(arm) for arm in figures])
    y = np.concatenate(figures)
    line, line_se, line_rss = _least_squares(np.stack([np.ones_like(x), x], axis=1), y)
    df = len(y) - 2
    pure = float(sum(((arm - arm.mean()) ** 2).sum() for arm in figures))
    pure_df, lack_df = len(y) - len(doses), len(doses) - 2
    lack = (line_rss - pure) / lack_df / (pure / pure_df)
    curve, curve_se, _ = _least_squares(np.stack([np.ones_like(x), x, x**2], axis=1), y)
    t, t_curve = float(line[1] / line_se[1]), float(curve[2] / curve_se[2])
    return DoseLine(
        float(line[1]),
        float(line_se[1]),
        t,
        df,
        float(2 * stats.t.sf(abs(t), df)),
        lack,
        float(stats.f.sf(lack, lack_df, pure_df)),
        float(curve[2]),
        float(2 * stats.t.sf(abs(t_curve), df - 1)),
    )


def _least_squares(design: Floats, y: Floats) -> tuple[Floats, Floats, float]:
    """Coefficients, their standard errors, and the residual sum of squares."""
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ y
    rss = float(((y - design @ coefficients) ** 2).sum())
    return coefficients, np.sqrt(inverse.diagonal() * rss / (len(y) - design.shape[1])), rss
