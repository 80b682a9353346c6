"""Simulated studies whose truth is known, analysed by the package's own functions, many studies at a time.

Values of a mean metric follow the crossed model of the statistics,

    x[a, s, i] = image + arm x image + patient + arm x patient + run + residual,

scores of a classifier the same model with a run's effect on the distance of the two classes (binormal, so that the
true AUC is known). Studies are the last axis: `of_mean`, `mean_auc` and `crossed` take it along.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.statistics.auc import mean_auc
from study.statistics.influence import of_mean
from study.statistics.primary import ArmFigures, Crossed, crossed

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CHUNK = 250
"""Studies simulated at a time: bounds memory."""

AUC_LEVEL = 0.8
AUC_SCALE = float(stats.norm.pdf(stats.norm.ppf(AUC_LEVEL)) / np.sqrt(2))
"""Change of AUC per unit of the distance between the classes, where the spread of scores is 1."""


@dataclass(frozen=True)
class Setting:
    """One design and its truth; standard deviations in metric units.

    Attributes:
        runs: of the treatment; `control_runs` where the control has another number.
        per_patient: images of one patient, 1 = every image its own; the last patient may have fewer.
        kind: a metric that is a mean over images, or the AUC of scores.
        sd_run: in units of AUC for scores, to first order. control_noise: run SD of the control over that of the
            treatment.
        paired: seeds share their luck in both arms and are analysed as pairs.
        tails: `heavy` draws every effect from t with 3 degrees of freedom, same standard deviation.
    """

    runs: int
    images: int
    sd_run: float
    per_patient: int = 1
    kind: Literal["mean", "auc"] = "mean"
    control_runs: int | None = None
    control_noise: float = 1.0
    paired: bool = False
    tails: Literal["normal", "heavy"] = "normal"
    sd_image: float = 0.12
    sd_arm_image: float = 0.05
    sd_residual: float = 0.08
    sd_patient: float = 0.08
    sd_arm_patient: float = 0.04

    @property
    def clusters(self) -> Integers:
        """[n] patient of each image."""
        return np.arange(self.images) // self.per_patient

    @property
    def labels(self) -> Integers:
        """[n] class of each image: every second patient has the finding, and all films of a patient agree."""
        return self.clusters % 2

    @property
    def sizes(self) -> tuple[int, int]:
        """Runs of treatment and control."""
        return self.runs, self.runs if self.control_runs is None else self.control_runs


class Studies(NamedTuple):
    """[S, n, T] values (or scores) of treatment and control in T studies, and the true difference."""

    treatment: Floats
    control: Floats
    effect: float


def studies(setting: Setting, count: int, *, seed: int, delta: float = 0.0) -> Iterator[Studies]:
    """`count` studies in chunks, the treatment better by `delta` (in AUC to first order)."""
    key = [seed, setting.runs, setting.images, round(1e4 * setting.sd_run), setting.per_patient]
    key += [setting.kind == "auc", setting.sizes[1], setting.paired, setting.tails == "heavy", round(1e6 * delta)]
    generator = np.random.default_rng([int(part) for part in key])
    for start in range(0, count, CHUNK):
        make = _scores if setting.kind == "auc" else _values
        yield make(setting, min(CHUNK, count - start), generator, delta)


def _draw(setting: Setting, generator: np.random.Generator, sd: float, shape: tuple[int, ...]) -> Floats:
    if sd == 0:
        return np.zeros(shape)
    if setting.tails == "heavy":
        return np.asarray(generator.standard_t(3, shape) * (sd / np.sqrt(3)))
    return generator.normal(0, sd, shape)


def _values(setting: Setting, count: int, generator: np.random.Generator, delta: float) -> Studies:
    n, clusters, grouped = setting.images, setting.clusters, setting.per_patient > 1
    patients = int(clusters[-1]) + 1
    luck = _draw(setting, generator, setting.sd_run, (max(setting.sizes), 1, count)) if setting.paired else 0.0
    image = _draw(setting, generator, setting.sd_image, (1, n, count))
    if grouped:
        image = image + _draw(setting, generator, setting.sd_patient, (1, patients, count))[:, clusters]
    arms = []
    for size, noise in zip(setting.sizes, (1.0, setting.control_noise), strict=True):
        values = 0.5 + image + luck + _draw(setting, generator, setting.sd_arm_image, (1, n, count))
        if grouped:
            values = values + _draw(setting, generator, setting.sd_arm_patient, (1, patients, count))[:, clusters]
        values = values + _draw(setting, generator, noise * setting.sd_run, (size, 1, count))
        arms.append(values + _draw(setting, generator, setting.sd_residual, (size, n, count)))
    return Studies(arms[0] + delta, arms[1], delta)


def _scores(setting: Setting, count: int, generator: np.random.Generator, delta: float) -> Studies:
    """Scores of spread 1 within a class; shares of variance: image .3, arm x image .2, the rest of one run."""
    n, clusters, labels = setting.images, setting.clusters, setting.labels[:, None]
    patients = int(clusters[-1]) + 1
    shares = (0.3, 0.2) if setting.per_patient == 1 else (0.2, 0.12)
    by_patient = (0.0, 0.0) if setting.per_patient == 1 else (0.1, 0.08)
    image = _draw(setting, generator, shares[0] ** 0.5, (1, n, count))
    image = image + _draw(setting, generator, by_patient[0] ** 0.5, (1, patients, count))[:, clusters]
    distance, sd_run = float(np.sqrt(2) * stats.norm.ppf(AUC_LEVEL)), setting.sd_run / AUC_SCALE
    arms, truth = [], []
    for size, shift in zip(setting.sizes, (delta / AUC_SCALE, 0.0), strict=True):
        scores = image + _draw(setting, generator, shares[1] ** 0.5, (1, n, count))
        scores = scores + _draw(setting, generator, by_patient[1] ** 0.5, (1, patients, count))[:, clusters]
        run = distance + shift + _draw(setting, generator, sd_run, (size, 1, count))
        arms.append(scores + run * labels + _draw(setting, generator, 0.5**0.5, (size, n, count)))
        truth.append(float(stats.norm.cdf((distance + shift) / np.sqrt(2 + sd_run**2))))
    return Studies(arms[0], arms[1], truth[0] - truth[1])


def analysed(setting: Setting, made: Studies) -> Crossed:
    """The package's primary analysis of every study; fields [T]."""
    sides = [_figures(setting, values) for values in (made.treatment, made.control)]
    if setting.paired:
        return crossed((sides[0] - sides[1],), (1.0,))
    return crossed(sides, (1.0, -1.0))


def _figures(setting: Setting, values: Floats) -> ArmFigures:
    if setting.kind == "mean":
        return of_mean(values, setting.clusters)
    runs, n, count = values.shape
    flat = values.transpose(0, 2, 1).reshape(runs * count, n)  # every run of every study is a run of the same labels
    made = mean_auc(np.stack([-flat, flat], axis=2), setting.labels, setting.clusters)
    influence = made.influence.reshape(runs, count, -1).transpose(0, 2, 1)
    return ArmFigures(made.figures.reshape(runs, count), influence)


class Rates(NamedTuple):
    """Shares of studies: p below .05, interval holds the truth; mean of the standard errors, SD of the estimates."""

    rejected: float
    covered: float
    mean_variance: float
    variance: float
    count: int

    @property
    def error(self) -> float:
        """Monte Carlo standard error of the rejected share (of .05 where none was rejected)."""
        share = self.rejected or 0.05
        return float(np.sqrt(share * (1 - share) / self.count))


def rates(setting: Setting, count: int, *, seed: int, delta: float = 0.0) -> Rates:
    """How often the primary analysis rejects, and how often its interval holds the truth."""
    rejected, covered, variances, estimates = 0, 0, 0.0, []
    for made in studies(setting, count, seed=seed, delta=delta):
        result = analysed(setting, made)
        rejected += int((result.p_value < 0.05).sum())
        covered += int(((result.ci_low <= made.effect) & (made.effect <= result.ci_high)).sum())
        variances += float((result.se**2).sum())
        estimates.append(result.estimate)
    spread = float(np.concatenate(estimates).var(ddof=1))
    return Rates(rejected / count, covered / count, variances / count, spread, count)


def pseudo_arms(values: Floats, clusters: Integers) -> Floats:
    """p of every split of one arm's runs [2S, n] into two halves; no arm differs, so few should be below .05."""
    n_runs = len(values) - len(values) % 2
    figures = of_mean(values[:n_runs], clusters)
    found = []
    for rest in combinations(range(1, n_runs), n_runs // 2 - 1):
        first = [0, *rest]  # run 0 always on this side: each split once
        second = [run for run in range(n_runs) if run not in first]
        halves = [ArmFigures(figures.figures[half], figures.influence[half]) for half in (first, second)]
        found.append(float(crossed(halves, (1.0, -1.0)).p_value))
    return np.array(found)
