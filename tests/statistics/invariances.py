"""Small studies for property tests, and what of a finding stays, flips or scales when their cells are changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from stats_study import crossed_values, design_of

from study.records import Contrast, Design, Finding, RunStatus
from study.statistics import analyse

Floats = NDArray[np.float64]

SIGNED = ("estimate", "t", "estimate_models", "hodges_lehmann", "trimmed_mean", "dz", "d_run")
"""Change sign when the arms change places."""

INTERVALS = (
    *("ci", "ci90", "ci_models", "ci_images"),
    *("dz", "d_run"),
)
"""Names of limits, `_low` and `_high`."""

UNSIGNED = (
    *("se", "df", "v_run", "v_case", "se_models", "df_models", "se_images", "df_images", "smallest_margin"),
    *("p_value", "p_models", "p_images", "p_wilcoxon", "p_sign", "p_permutation", "p_permutation_floor"),
)
COUNTS = ("n_runs_treatment", "n_runs_control", "n_images", "n_clusters", "n_nonzero", "m", "status")
SHARES = ("p_improve_images", "p_improve_runs")

MOVED = ("estimate", "estimate_models", "hodges_lehmann", "trimmed_mean", "ci", "ci90", "ci_models", "ci_images")
"""In metric units and about the difference: move with it, and scale."""
SPREADS = ("se", "se_models", "se_images", "smallest_margin")

FREE_OF_CHANCE = (
    *SIGNED,
    *UNSIGNED,
    *COUNTS,
    *SHARES,
    *(f"{name}{side}" for name in INTERVALS for side in ("_low", "_high")),
)
"""Every field that is computed, not resampled."""


@dataclass(frozen=True)
class Toy:
    """One made-up study.

    Attributes:
        arms: baseline and mae, [S, n] cells; NaN = undefined.
        patients: [n] cluster of each image, None = every image its own.
    """

    arms: Mapping[str, Floats]
    patients: tuple[str, ...] | None
    paired: bool
    weight: str

    def design(self, **changes: Any) -> Design:
        runs = tuple(
            RunStatus(f"{arm}-vit-seed{seed}", arm, "vit", seed, "done")
            for arm, values in self.arms.items()
            for seed in range(len(values))
        )
        fixed = {"runs": runs, "seeding": "paired" if self.paired else "nested", "weight": self.weight, "resamples": 20}
        arms = tuple(self.arms)
        asked = Contrast("c", "q", "exploratory", arms[1], arms[0], "vit", "gradcam", "ehr")
        n_seeds = max(len(values) for values in self.arms.values())
        return design_of(arms, n_seeds=n_seeds, **{"contrasts": (asked,), **fixed, **changes})

    def table(self, attribution: str = "gradcam") -> pd.DataFrame:
        values = np.concatenate(list(self.arms.values()))
        runs = [(arm, seed) for arm, rows in self.arms.items() for seed in range(len(rows))]
        n = values.shape[1]
        images = [f"i{place}" for place in range(n)]
        return pd.DataFrame(
            {
                "run_id": np.repeat([f"{arm}-vit-seed{seed}" for arm, seed in runs], n),
                "arm": np.repeat([arm for arm, _ in runs], n),
                "model": "vit",
                "seed": np.repeat([seed for _, seed in runs], n),
                "image_id": images * len(runs),
                "cluster": list(self.patients or images) * len(runs),
                "attribution": attribution,
                "metric": "ehr",
                "metric_version": 3,
                "value": values.ravel(),
                "reason": "",
            }
        )

    def finding(self, **changes: Any) -> Finding:
        return analyse(self.design(**changes), self.table()).findings[0]

    def with_cells(self, change: Callable[[Floats], Floats]) -> Toy:
        return replace(self, arms={arm: change(values) for arm, values in self.arms.items()})


@st.composite
def toys(draw: st.DrawFn) -> Toy:
    """Studies of 2 to 5 runs and 8 to 20 images: some paired, with patients, with holes, with unequal numbers of runs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    paired, with_patients = draw(st.booleans()), draw(st.booleans())
    sizes = (4, 4) if paired else (draw(st.integers(2, 5)), draw(st.integers(2, 5)))
    images = draw(st.integers(8, 20))
    values = crossed_values(rng, runs=5, images=images)
    values = np.where(rng.random(values.shape) < draw(st.sampled_from([0.0, 0.02, 0.2])), np.nan, values)
    if draw(st.booleans()):
        values[:, :, rng.integers(images)] = np.nan  # an image to which the metric does not apply
    arms = {arm: values[place, :size] for place, (arm, size) in enumerate(zip(("baseline", "mae"), sizes, strict=True))}
    patients = tuple(f"p{code}" for code in rng.integers(0, max(4, images // 2), images)) if with_patients else None
    return Toy(arms, patients, paired, draw(st.sampled_from(["image", "patient"])))


def holds(law: Callable[..., None], examples: int, *strategies: st.SearchStrategy[Any]) -> None:
    """Try a law on this many studies, the same ones every time."""
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large]
    tried = settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=unhurried
    )
    tried(given(toys(), *strategies)(law))()


def same(found: Finding, wanted: Finding, *, but: tuple[str, ...] = ()) -> None:
    """All computed fields agree, except those named."""
    for name in FREE_OF_CHANCE:
        if name not in but:
            agree(getattr(found, name), getattr(wanted, name), name)


def agree(found: Any, wanted: Any, name: str, scale: float = 1.0) -> None:
    """Equal words, or numbers up to float noise of values around one."""
    if wanted is None or isinstance(wanted, str):
        assert found == wanted, name
    else:
        assert found == pytest.approx(scale * wanted, rel=1e-6, abs=1e-9 * abs(scale)), name


def limits(finding: Finding, name: str) -> tuple[float | None, float | None]:
    return getattr(finding, f"{name}_low"), getattr(finding, f"{name}_high")
