"""What the same simulated studies would have said under analyses that forget an axis.

None of these is in the package; they are computed here so that the tests know that the traps are real.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from calibration_models import Floats, Setting, Studies, analysed, studies
from numpy.typing import NDArray
from scipy import stats

from study.statistics.bootstrap import image_weights, run_weights

RESAMPLES = 1000

TRAPS: Mapping[str, str] = {
    "pooled_rows_welch": "Welch t on all rows",
    "pooled_rows_paired": "paired t on all (seed, image) rows",
    "image_t": "paired t over images, seeds averaged (answers: these models)",
    "run_welch": "Welch t on run means (answers: these images)",
    "boot_images_only": "percentile bootstrap over images only",
    "boot_two_way_percentile": "percentile bootstrap over seeds and images",
    "boot_two_way_rescaled_t": "the package's check: t interval with the resampled standard error",
    "crossed_nested": "the package's primary analysis",
}


def trap_rates(setting: Setting, count: int, *, seed: int) -> dict[str, float]:
    """Share of studies without an effect in which each analysis finds one."""
    hits = dict.fromkeys(TRAPS, 0)
    for made in studies(setting, count, seed=seed):
        for name, found in _found(setting, made, seed).items():
            hits[name] += int(found.sum())
    return {name: hit / count for name, hit in hits.items()}


def _found(setting: Setting, made: Studies, seed: int) -> dict[str, NDArray[np.bool_]]:
    rows = [arm.reshape(-1, arm.shape[2]) for arm in (made.treatment, made.control)]
    by_image = made.treatment.mean(axis=0) - made.control.mean(axis=0)
    by_run = [arm.mean(axis=1) for arm in (made.treatment, made.control)]
    result = analysed(setting, made)
    p_values = {
        "pooled_rows_welch": stats.ttest_ind(*rows, equal_var=False, axis=0).pvalue,
        "pooled_rows_paired": stats.ttest_rel(*rows, axis=0).pvalue,
        "image_t": stats.ttest_1samp(by_image, 0.0, axis=0).pvalue,
        "run_welch": stats.ttest_ind(*by_run, equal_var=False, axis=0).pvalue,
        "crossed_nested": result.p_value,
    }
    images, both, rescaled = _replicates(made, seed)
    half = stats.t.ppf(0.975, result.df) * rescaled.std(axis=0, ddof=1)
    return {name: p < 0.05 for name, p in p_values.items()} | {
        "boot_images_only": _excludes_zero(images),
        "boot_two_way_percentile": _excludes_zero(both),
        "boot_two_way_rescaled_t": np.abs(result.estimate) > half,
    }


def _replicates(made: Studies, seed: int) -> tuple[Floats, Floats, Floats]:
    """[B, T] differences: images resampled; images and S of S runs; images and the package's run weights."""
    n, count = made.treatment.shape[1:]
    weights = np.concatenate(list(image_weights(n, RESAMPLES, seed))) / n
    generator = np.random.default_rng(seed)
    parts: list[list[Floats]] = [[], [], []]
    for name, arm in (("treatment", made.treatment), ("control", made.control)):
        runs = len(arm)
        flat = arm.transpose(1, 0, 2).reshape(n, runs * count)
        resampled = (weights @ flat).reshape(RESAMPLES, runs, count)
        plain = generator.multinomial(runs, np.full(runs, 1 / runs), size=RESAMPLES) / runs
        parts[0].append(resampled.mean(axis=1))
        parts[1].append(np.einsum("bs,bst->bt", plain, resampled))
        parts[2].append(np.einsum("bs,bst->bt", run_weights(name, runs, RESAMPLES, seed), resampled))
    return tuple(part[0] - part[1] for part in parts)  # type: ignore[return-value]


def _excludes_zero(replicates: Floats) -> NDArray[np.bool_]:
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    return np.asarray((low > 0) | (high < 0))
