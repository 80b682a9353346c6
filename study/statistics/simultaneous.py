"""Studentised-max intervals over a family of contrasts, from the study's shared resamples.

Reference: Westfall and Young 1993.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy import stats

from study.statistics.floats import Floats, number

FEW_RUNS = 10
"""With fewer runs per arm the critical value is scaled by the ratio of t and normal quantiles."""


class Member(Protocol):
    """What is read of a contrast: its replicates, and the fields of its finding."""

    replicates: Floats | None
    fields: dict[str, Any]
    status: str


class MaxT(NamedTuple):
    """Limits of one contrast that hold together with those of its family.

    Attributes:
        low, high: None where the resamples are too few for the level.
        critical: multiple of the standard error. error: Monte Carlo standard error of a limit.
        p_adjusted: (hits + 1) / (resamples + 1), shared out where some declared tests have no p, at most 1.
    """

    low: float | None
    high: float | None
    critical: float | None
    error: float | None
    p_adjusted: float


def max_t(members: Sequence[Member], *, m: int, alpha: float = 0.05) -> list[MaxT]:
    """Simultaneous limits and adjusted p of the contrasts of one family.

    T*_j = (est*_j - est_j) / SE*_j, and c the largest value that max_j |T*_j| exceeds in fewer than alpha of the
    resamples; limits est_j +- c f_j SE_j with f_j = t(df_j) / z quantiles where an arm has fewer than ten runs.
    Replicates are studentised by their own spread SE*_j: product weights count the residual about three times,
    and dividing by SE_j would put that excess into c (a family of one contrast has its plain interval). Of
    m declared tests only those in `members` have a p; their level is alpha times their share of m.

    Args:
        members: contrasts with replicates, an estimate and a standard error; rows of the replicates are the same
            resampled images and runs, and the shortest decides how many are used.
        m: number of declared tests.
        alpha: 1 - level.

    Returns:
        In the order of `members`; the limits exclude 0 exactly where p_adjusted < alpha.
    """
    names = [_names(member) for member in members]
    estimates = np.array([member.fields[name[0]] for member, name in zip(members, names, strict=True)])
    errors = np.array([member.fields[name[1]] for member, name in zip(members, names, strict=True)])
    factors = np.array([_factor(member, name[2], alpha) for member, name in zip(members, names, strict=True)])
    largest = np.sort(_maxima([member.replicates for member in members], estimates))
    share = len(members) / m
    critical = _critical(largest, alpha * share)
    result = []
    for estimate, se, factor in zip(estimates.tolist(), errors.tolist(), factors.tolist(), strict=True):
        hits = len(largest) - int(np.searchsorted(largest, abs(estimate) / (factor * se), side="left"))
        p_adjusted = min(1.0, (hits + 1) / (len(largest) + 1) / share)
        half = critical * factor * se
        error = number(_critical_error(largest, alpha * share) * factor * se)
        if np.isfinite(half):
            result.append(MaxT(estimate - half, estimate + half, number(critical * factor), error, p_adjusted))
        else:
            result.append(MaxT(None, None, None, None, p_adjusted))
    return result


def _names(member: Member) -> tuple[str, str, str]:
    """Names of estimate, standard error and degrees of freedom of the question that the member answers."""
    if member.status == "insufficient_runs":
        return "estimate_models", "se_models", "df_models"
    return "estimate", "se", "df"


def _factor(member: Member, df_name: str, alpha: float) -> float:
    runs = min(member.fields["n_runs_treatment"], member.fields["n_runs_control"])
    df = member.fields.get(df_name)
    if runs >= FEW_RUNS or df is None:  # df is None where the test is normal
        return 1.0
    return float(stats.t.ppf(1 - alpha / 2, df) / stats.norm.ppf(1 - alpha / 2))


def _maxima(replicates: Sequence[Floats | None], estimates: Floats) -> Floats:
    """[B] largest |T*| of each resample; resamples in which some contrast has no value are left out."""
    given = [values for values in replicates if values is not None]
    shortest = min(len(values) for values in given)
    stacked = np.stack([values[:shortest] for values in given], axis=1)
    stacked = stacked[np.isfinite(stacked).all(axis=1)]
    spread = stacked.std(axis=0, ddof=1)
    return np.asarray(np.abs((stacked - estimates) / spread).max(axis=1))


def _critical(largest: Floats, level: float) -> float:
    """The value that |T| must exceed for (hits + 1) / (B + 1) to be below the level; infinite with too few resamples."""
    allowed = int(np.ceil(level * (len(largest) + 1) - 1 - 1e-9)) - 1  # most hits with p below the level
    return float(largest[len(largest) - 1 - allowed]) if 0 <= allowed < len(largest) else float("inf")


def _critical_error(largest: Floats, level: float) -> float:
    """Monte Carlo standard error of the critical value: half the distance of its neighbours one deviation away."""
    n = len(largest)
    rank, step = n * (1 - level), max(1.0, float(np.sqrt(n * level * (1 - level))))
    low, high = (int(np.clip(round(place), 0, n - 1)) for place in (rank - step, rank + step))
    return float(largest[high] - largest[low]) / 2
