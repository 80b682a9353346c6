"""How many seeds, how many images: power and the smallest detectable difference of the primary analysis.

The closed form takes the degrees of freedom as known and so is optimistic where they are few and are estimated: where the
luck of runs is nearly all there is, power is too high by up to .03 for S = 5, .02 for S = 6 and .01 for S >= 8 (more
for S <= 4). `simulated` is for few runs; `spreads.MOST_SIMULATED` says up to how many.

Everywhere `images` counts what is independent: images, or patients where several images come from one.
`seeds` and `images` may be infinite: what then is left is the floor that buying more cannot lower.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import interpolate, optimize, special, stats

from study.records import Seeding
from study.statistics.comparison import FEWEST_PAIRS
from study.statistics.floats import Floats

WANTED = 0.8
"""A difference counts as detectable when four studies in five find it."""


@dataclass(frozen=True)
class Pilot:
    """Standard deviations of the crossed model, metric units, from a pilot with at least three runs.

    Paired seeds: `sd_run` is what the two runs of a pair do not share, the SD of their differences / sqrt(2);
    `sd_seed`, what they do share, matters only where pairs are too few and analysed as nested.
    """

    sd_run: float
    sd_arm_image: float
    sd_residual: float
    sd_seed: float = 0.0


class Precision(NamedTuple):
    """What a design of S runs per arm and n images gives; floors are for infinite images and infinite seeds."""

    variance: float
    se: float
    df: float
    floor_images: float
    floor_seeds: float


def precision(pilot: Pilot, *, seeds: float, images: float, seeding: Seeding = "nested") -> Precision:
    """Expected variance of the difference of two arms.

    v_run = (var_R + var_e / n) / S, v_case = 2 var_AI / n, V = 2 v_run + v_case,
    df = V^2 / (2 v_run^2 / (S - 1) + v_case^2 / (n - 1)); paired seeds have one spread, that of the differences,
    instead of two: df = V^2 / ((2 v_run)^2 / (S - 1) + v_case^2 / (n - 1)).
    """
    v_run = (pilot.sd_run**2 + pilot.sd_residual**2 / images) / seeds
    v_case = 2 * pilot.sd_arm_image**2 / images
    variance = 2 * v_run + v_case
    spreads = 4 if seeding == "paired" else 2
    below = spreads * v_run**2 / (seeds - 1) + v_case**2 / (images - 1)
    df = variance**2 / below if below > 0 else np.inf
    floors = np.sqrt(2 * pilot.sd_run**2 / seeds), np.sqrt(2 * pilot.sd_arm_image**2 / images)
    return Precision(variance, float(np.sqrt(variance)), df, float(floors[0]), float(floors[1]))


def t_power(effect: float, df: float, alpha: float = 0.05) -> float:
    """Two-sided power of a t test at noncentrality `effect`; 1 where scipy's noncentral t gives up far out."""
    limit = float(stats.t.ppf(1 - alpha / 2, df))
    inside = float(special.nctdtr(df, abs(effect), limit) - special.nctdtr(df, abs(effect), -limit))
    return 1 - inside if np.isfinite(inside) else 1.0


def power(
    pilot: Pilot, delta: float, *, seeds: float, images: float, alpha: float = 0.05, seeding: Seeding = "nested"
) -> float:
    """Chance to find a true difference `delta` (metric units) at level `alpha`."""
    plan = precision(pilot, seeds=seeds, images=images, seeding=seeding)
    return t_power(delta / plan.se, plan.df, alpha) if plan.se > 0 else 1.0


def smallest_detectable(
    pilot: Pilot,
    *,
    seeds: float,
    images: float,
    wanted: float = WANTED,
    alpha: float = 0.05,
    seeding: Seeding = "nested",
) -> float:
    """The true difference that is found with probability `wanted`, metric units."""
    plan = precision(pilot, seeds=seeds, images=images, seeding=seeding)
    return plan.se * _effect_for(wanted, plan.df, alpha)


def equivalence_power(
    pilot: Pilot, margin: float, *, seeds: float, images: float, alpha: float = 0.05, seeding: Seeding = "nested"
) -> float:
    """Chance that arms without any difference are found to differ by less than `margin` (two one-sided tests).

    The interval of level 1 - 2 alpha must lie inside the margin: |estimate| < margin - t * SE. The estimate is
    normal, the estimated variance V times chi2(df) / df, and the chance is averaged over 2,000 quantiles of that.
    """
    plan = precision(pilot, seeds=seeds, images=images, seeding=seeding)
    if plan.se == 0:
        return 1.0
    quantiles = (np.arange(2000) + 0.5) / 2000
    luck = np.sqrt(special.chdtri(plan.df, 1 - quantiles) / plan.df) if np.isfinite(plan.df) else np.ones(1)
    room = margin / plan.se - float(stats.t.ppf(1 - alpha, plan.df)) * luck
    return float(np.where(room > 0, 2 * special.ndtr(room) - 1, 0.0).mean())


def _effect_for(wanted: float, df: float, alpha: float) -> float:
    high = 2.0
    while t_power(high, df, alpha) < wanted:
        high *= 2
    return float(optimize.brentq(lambda effect: t_power(effect, df, alpha) - wanted, 0.0, high, xtol=1e-12))


def paired_power(dz: float, n: float, alpha: float = 0.05) -> float:
    """Two-sided power of a paired t test over n images (Q-models)."""
    return t_power(dz * float(np.sqrt(n)), n - 1, alpha)


def paired_images_for(dz: float, wanted: float = WANTED, alpha: float = 0.05) -> float:
    """Images (not rounded up) for a paired t test to find `dz` with probability `wanted`."""
    return float(optimize.brentq(lambda n: paired_power(dz, n, alpha) - wanted, 2.0, 1e9))


def paired_smallest_dz(n: int, wanted: float = WANTED, alpha: float = 0.05) -> float:
    """Smallest dz that n images find with probability `wanted`."""
    return _effect_for(wanted, n - 1, alpha) / float(np.sqrt(n))


def upper_run_sd(sd_run: float, seeds: int, level: float = 0.8) -> float:
    """Upper limit of the run SD that S runs leave possible: sqrt((S - 1) s^2 / chi2(1 - level; S - 1))."""
    return float(np.sqrt((seeds - 1) * sd_run**2 / stats.chi2.ppf(1 - level, seeds - 1)))


class Simulated(NamedTuple):
    """Share of simulated studies with p < alpha, and its binomial standard error."""

    power: float
    error: float


@dataclass(frozen=True)
class Draws:
    """The luck of many studies of S runs per arm, in units of standard deviations; any pilot and n can use it.

    Two plans that use the same draws differ by what they buy and not by luck. With two or three runs more images can
    still lower the power a little: the luck of runs is then all that is left, known from very few degrees of freedom.

    Attributes:
        runs: [2, S, studies] of each run, standard normal; seeds: [S, studies] what pairs share.
        case: [studies] of the arms' common images, standard normal.
        image_part, residual_part: [studies] uniform, the place of a mean square in its chi2 distribution.
    """

    runs: Floats
    seeds: Floats
    case: Floats
    image_part: Floats
    residual_part: Floats
    _squares: dict[tuple[float, float], tuple[Floats, Floats]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, seeds: int, studies: int, generator: np.random.Generator) -> Draws:
        """Draw `studies` studies of `seeds` runs in both arms."""
        normal = generator.standard_normal
        runs, shared, case = normal((2, seeds, studies)), normal((seeds, studies)), normal(studies)
        return cls(runs, shared, case, generator.random(studies), generator.random(studies))

    def mean_squares(self, df_image: float, df_residual: float) -> tuple[Floats, Floats]:
        """[studies] of images and of the residual, over what they expect: chi2(df) / df. Kept: every pilot needs them."""
        key = df_image, df_residual
        if key not in self._squares:
            of_image = special.chdtri(df_image, 1 - self.image_part) / df_image
            self._squares[key] = of_image, special.chdtri(df_residual, 1 - self.residual_part) / df_residual
        return self._squares[key]


@dataclass(frozen=True)
class Studies:
    """Simulated studies of two arms that do not differ; a true difference only moves the estimates.

    Attributes:
        estimate, se, df: [studies] of the primary analysis.
    """

    estimate: Floats
    se: Floats
    df: Floats
    _critical: dict[float, Floats] = field(default_factory=dict, repr=False)

    def limit(self, tail: float) -> Floats:
        """[studies] quantile 1 - tail of each study's t, times its standard error."""
        if tail not in self._critical:
            self._critical[tail] = _t_quantiles(tail)(1 / self.df) * self.se
        return self._critical[tail]

    def power(self, delta: float, alpha: float = 0.05) -> Simulated:
        """Share of studies that find a true difference `delta`."""
        return _share(np.abs(self.estimate + delta) > self.limit(alpha / 2))

    def equivalent(self, margin: float, alpha: float = 0.05) -> Simulated:
        """Share of studies whose interval of level 1 - 2 alpha lies inside the margin."""
        return _share(np.abs(self.estimate) + self.limit(alpha) < margin)

    def smallest_detectable(self, wanted: float = WANTED, alpha: float = 0.05) -> float:
        """The true difference that the share `wanted` of the studies finds."""
        low, high = 0.0, float(self.se.max())
        while self.power(high, alpha).power < wanted:
            high *= 2
        while high - low > 1e-9 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self.power(middle, alpha).power < wanted else (low, middle)
        return high


@lru_cache(maxsize=64)
def _t_quantiles(tail: float) -> interpolate.CubicSpline:
    """Quantile 1 - tail of t as a function of 1 / df in [0, 1], to a relative 1e-8 for tails of 5e-6 and more."""
    inverse = np.linspace(0, 1, 513)
    return interpolate.CubicSpline(inverse, [special.ndtri(1 - tail), *special.stdtrit(1 / inverse[1:], 1 - tail)])


def _share(hits: np.typing.NDArray[np.bool_]) -> Simulated:
    share = float(hits.mean())
    return Simulated(share, float(np.sqrt(share * (1 - share) / hits.size)))


def simulated(pilot: Pilot, draws: Draws, *, images: float, seeding: Seeding = "nested") -> Studies:
    """Studies from the crossed model, as the primary analysis sees them.

    In a balanced crossed study of normal values the run means, the mean square of the image differences and the
    residual mean square are independent, so they are drawn and not the S x n values behind them:
    v_case = var over images of the image differences / n - 2 MS_e / (S n). Fewer than four pairs are analysed as
    nested, as `comparison` does.
    """
    n_seeds = len(draws.seeds)
    paired = seeding == "paired" and n_seeds >= FEWEST_PAIRS
    figures = np.sqrt(pilot.sd_run**2 + pilot.sd_residual**2 / images) * draws.runs + pilot.sd_seed * draws.seeds
    estimate = (figures[0] - figures[1]).mean(axis=0) + np.sqrt(2 / images) * pilot.sd_arm_image * draws.case
    if paired:
        v_run = ((figures[0] - figures[1]).var(axis=0, ddof=1) / n_seeds)[None]
    else:
        v_run = figures.var(axis=1, ddof=1) / n_seeds
    v_image = np.maximum(_drawn_case_variance(pilot, draws, images, arms=len(v_run)), 0)
    total = v_run.sum(axis=0) + v_image
    with np.errstate(invalid="ignore", divide="ignore"):
        df = total**2 / ((v_run**2).sum(axis=0) / (n_seeds - 1) + v_image**2 / (images - 1))
    return Studies(estimate, np.sqrt(total), df)


def _drawn_case_variance(pilot: Pilot, draws: Draws, images: float, *, arms: int) -> Floats:
    """[studies] v_case before negative values are set to 0; `arms` tables share the residual's df."""
    if np.isinf(images):
        return np.zeros(len(draws.case))
    n_seeds, df_image = len(draws.seeds), images - 1
    of_image, of_residual = draws.mean_squares(df_image, arms * (n_seeds - 1) * df_image)
    difference = 2 * pilot.sd_arm_image**2 + 2 * pilot.sd_residual**2 / n_seeds
    residual = pilot.sd_residual**2 * of_residual
    return np.asarray((difference * of_image - 2 * residual / n_seeds) / images)


def simulated_power(
    pilot: Pilot,
    delta: float,
    *,
    seeds: int,
    images: float,
    generator: np.random.Generator,
    studies: int = 10_000,
    alpha: float = 0.05,
    seeding: Seeding = "nested",
) -> Simulated:
    """Power by drawing studies from the crossed model and analysing each; for few runs."""
    draws = Draws.of(seeds, studies, generator)
    return simulated(pilot, draws, images=images, seeding=seeding).power(delta, alpha)
