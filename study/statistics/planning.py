"""How many seeds, how many images: power and the smallest detectable difference of the primary analysis.

The closed form agrees with simulation for S >= 5 and is optimistic for S <= 4, because the run
variance is then estimated from very few degrees of freedom; `simulated_power` is for those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from study.statistics.influence import of_mean
from study.statistics.primary import crossed


@dataclass(frozen=True)
class Pilot:
    """Standard deviations of the crossed model, metric units, from a pilot with at least three runs."""

    sd_run: float
    sd_arm_image: float
    sd_residual: float


class Precision(NamedTuple):
    """What a design of S runs per arm and n images gives; floors are for infinite images and infinite seeds."""

    variance: float
    se: float
    df: float
    floor_images: float
    floor_seeds: float


def precision(pilot: Pilot, *, seeds: int, images: int) -> Precision:
    """Expected variance of the difference of two arms.

    v_run = (var_R + var_e / n) / S, v_case = 2 var_AI / n, V = 2 v_run + v_case,
    df = V^2 / (2 v_run^2 / (S - 1) + v_case^2 / (n - 1)).
    """
    v_run = (pilot.sd_run**2 + pilot.sd_residual**2 / images) / seeds
    v_case = 2 * pilot.sd_arm_image**2 / images
    variance = 2 * v_run + v_case
    df = variance**2 / (2 * v_run**2 / (seeds - 1) + v_case**2 / (images - 1))
    floors = np.sqrt(2 * pilot.sd_run**2 / seeds), np.sqrt(2 * pilot.sd_arm_image**2 / images)
    return Precision(variance, float(np.sqrt(variance)), df, float(floors[0]), float(floors[1]))


def t_power(effect: float, df: float, alpha: float = 0.05) -> float:
    """Two-sided power of a t test at noncentrality `effect`; 1 where scipy's noncentral t gives up far out."""
    limit = float(stats.t.ppf(1 - alpha / 2, df))
    inside = float(special.nctdtr(df, abs(effect), limit) - special.nctdtr(df, abs(effect), -limit))
    return 1 - inside if np.isfinite(inside) else 1.0


def power(pilot: Pilot, delta: float, *, seeds: int, images: int, alpha: float = 0.05) -> float:
    """Chance to find a true difference `delta` (metric units) at level `alpha`."""
    plan = precision(pilot, seeds=seeds, images=images)
    return t_power(delta / plan.se, plan.df, alpha)


def smallest_detectable(pilot: Pilot, *, seeds: int, images: int, wanted: float = 0.8, alpha: float = 0.05) -> float:
    """The true difference that is found with probability `wanted`, metric units."""
    plan = precision(pilot, seeds=seeds, images=images)
    return plan.se * _effect_for(wanted, plan.df, alpha)


def _effect_for(wanted: float, df: float, alpha: float) -> float:
    high = 2.0
    while t_power(high, df, alpha) < wanted:
        high *= 2
    return float(optimize.brentq(lambda effect: t_power(effect, df, alpha) - wanted, 0.0, high, xtol=1e-12))


def paired_power(dz: float, n: float, alpha: float = 0.05) -> float:
    """Two-sided power of a paired t test over n images (Q-models)."""
    return t_power(dz * float(np.sqrt(n)), n - 1, alpha)


def paired_images_for(dz: float, wanted: float = 0.8, alpha: float = 0.05) -> float:
    """Images (not rounded up) for a paired t test to find `dz` with probability `wanted`."""
    return float(optimize.brentq(lambda n: paired_power(dz, n, alpha) - wanted, 2.0, 1e9))


def paired_smallest_dz(n: int, wanted: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest dz that n images find with probability `wanted`."""
    return _effect_for(wanted, n - 1, alpha) / float(np.sqrt(n))


def upper_run_sd(sd_run: float, seeds: int, level: float = 0.8) -> float:
    """Upper limit of the run SD that S runs leave possible: sqrt((S - 1) s^2 / chi2(1 - level; S - 1))."""
    return float(np.sqrt((seeds - 1) * sd_run**2 / stats.chi2.ppf(1 - level, seeds - 1)))


class Simulated(NamedTuple):
    """Share of simulated studies with p < alpha, and its binomial standard error."""

    power: float
    error: float


def simulated_power(
    pilot: Pilot,
    delta: float,
    *,
    seeds: int,
    images: int,
    generator: np.random.Generator,
    studies: int = 2000,
    alpha: float = 0.05,
) -> Simulated:
    """Power by drawing studies from the crossed model and analysing each; for S <= 4."""
    hits = 0
    for _ in range(studies):
        arms = []
        for shift in (delta, 0.0):
            values = (
                shift + generator.normal(0, pilot.sd_run, (seeds, 1)) + generator.normal(0, pilot.sd_arm_image, images)
            )
            values = values + generator.normal(0, pilot.sd_residual, (seeds, images))
            arms.append(of_mean(values, np.arange(images)))
        hits += bool(crossed(arms, (1.0, -1.0), alpha=alpha).p_value < alpha)
    share = hits / studies
    return Simulated(share, float(np.sqrt(share * (1 - share) / studies)))
