"""Every number of golden_stats/expected.json that we compute, the degenerate inputs, and the planning table.

Folders beside `golden_stats` whose names start alike are run too, so that a set made later is
checked by the same code.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from golden_statistics_values import everything

from study.records import Contrast, Design, Finding, MetricFacts, RunStatus
from study.rng import numpy_generator
from study.statistics import analyse, planning
from study.statistics import auc as roc
from study.statistics.companions import permute_runs, smallest_sign_p
from study.statistics.planning import Pilot

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"
FOLDERS = sorted(folder for folder in REFERENCE.glob("golden_stats*") if (folder / "expected.json").is_file())

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDERS, reason="no ../shared/reference/golden_stats beside this checkout"),
]

NOT_COVERED = {
    **dict.fromkeys(
        (f"B.lmer.{method}.{arm}.ci_" for method in ("kr", "satt") for arm in ("mae", "proxy")),
        "limits on Kenward-Roger's or Satterthwaite's df; ours are on Hillis's, 17.34 against 17.18",
    ),
    "B.lmer.reml_crit": "mixed models are not offered: slow in Python and without small-sample df",
    "C.lmer.": "as above",
    "D.lmer.": "as above",
    "G.lmer.": "as above",
    "S.lmer.": "as above",
    "F.or.k1.paired.unbiased.": "unbiased covariances are not offered; DeLong's and the jackknife's are",
    "F.or.k2.paired.unbiased.": "as above",
    "F.or.k3.paired.unbiased.": "as above",
}
"""Prefixes of optional ids that nothing here computes. A core id may never be here."""

FORBIDDEN = "WRONG_"
"""Numbers that must not be reported; no function computes them."""


def _load(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf8"))


def _expected() -> list[Any]:
    return [
        pytest.param(folder, value, id=f"{folder.name}:{value['id']}")
        for folder in FOLDERS
        for value in _load(folder, "expected.json")["values"]
        if FORBIDDEN not in value["id"] and not value["id"].startswith(tuple(NOT_COVERED))
    ]


@lru_cache
def _computed(folder: Path) -> dict[str, float]:
    return everything(folder)


@pytest.mark.parametrize(("folder", "value"), _expected())
def test_a_golden_value_comes_out(folder: Path, value: dict[str, Any]) -> None:
    got = _computed(folder)[value["id"]]
    assert abs(got - value["value"]) <= value["atol"] + value["rtol"] * abs(value["value"]), got


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_core_value_is_covered(folder: Path) -> None:
    core = {value["id"] for value in _load(folder, "expected.json")["values"] if value["tier"] == "core"}
    assert not {name for name in core if name.startswith(tuple(NOT_COVERED))}
    assert not core - set(_computed(folder))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_function_computes_the_pooled_rows_test(folder: Path) -> None:
    values = {value["id"]: value["value"] for value in _load(folder, "expected.json")["values"]}
    forbidden = [value for name, value in values.items() if FORBIDDEN in name and name.endswith(".p")]
    assert forbidden
    ours = np.array([value for name, value in _computed(folder).items() if name.startswith("B.")])
    for p_value in forbidden:
        assert np.abs(ours - p_value).min() > 1e-6 * p_value


# ---------------------------------------------------------------- degenerate inputs


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{folder.name}:{case['id']}")
        for folder in FOLDERS
        for case in _load(folder, "degenerate.json")["cases"]
    ]


def _finding(baseline: list[float | None], candidate: list[float | None]) -> Finding:
    """One run per arm on the given image values, through the whole of `analyse`."""
    arms = {"baseline": baseline, "candidate": candidate}
    rows = [
        {"run_id": f"{arm}-vit-seed0", "arm": arm, "model": "vit", "seed": 0, "image_id": f"i{i}", "cluster": f"i{i}"}
        | {"attribution": "gradcam", "metric": "ehr", "metric_version": 1, "value": value, "reason": ""}
        for arm, values in arms.items()
        for i, value in enumerate(values)
    ]
    facts = MetricFacts("ehr", "EHR", higher_is_better=True, bounds=(0.0, 1.0), version=1)
    design = Design(
        study="degenerate",
        arms=tuple(arms),
        reference="baseline",
        models=("vit",),
        seeds=(0,),
        seeding="nested",
        contrasts=(Contrast("c", "q", "primary", "candidate", "baseline", "vit", "gradcam", "ehr"),),
        metrics={"ehr": facts},
        attributions=("gradcam",),
        controls=(),
        runs=tuple(RunStatus(f"{arm}-vit-seed0", arm, "vit", 0, "done") for arm in arms),
        resamples=200,
    )
    return analyse(design, pd.DataFrame(rows).astype({"value": float})).findings[0]


def _paired_images(case: dict[str, Any]) -> dict[str, Any]:
    finding = _finding(**case["data"])
    n_nonzero = finding.n_nonzero
    values = {name: [v for v in arm if v is not None] for name, arm in case["data"].items()}
    return {
        "estimate": finding.estimate,
        "se": finding.se_models,
        "p": finding.p_models,
        "p_t": finding.p_models,
        "dz": finding.dz,
        "p_sign": finding.p_sign,
        "p_wilcoxon_exact": finding.p_wilcoxon,
        "prob_improvement": finding.p_improve_images,
        "n": finding.n_images,
        "n_used": finding.n_images,
        "n_listed": finding.n_images_listed,
        "n_excluded": finding.n_images_listed - finding.n_images,
        "n_nonzero": n_nonzero,
        "n_zero_diff": None if n_nonzero is None else finding.n_images - n_nonzero,
        "attainable_min_p": None if n_nonzero is None else smallest_sign_p(n_nonzero),
        **{f"share_at_max_{arm}": float(np.mean(np.array(v) == 1.0)) if v else None for arm, v in values.items()},
        "codes": {finding.status, *finding.notes},
    }


def _runs(case: dict[str, Any]) -> dict[str, Any]:
    baseline, candidate = (np.array(case["data"][arm]) for arm in ("baseline", "candidate"))
    permutation = permute_runs(candidate, baseline)
    codes = {"underpowered_exact"} if permutation.floor > 0.05 else set()
    if min(len(baseline), len(candidate)) < 2:
        finding = _finding([*case["data"]["baseline"], 0.5], [*case["data"]["candidate"], 0.5])
        codes = {finding.status}
        assert finding.p_value is None
    return {
        "estimate": float(candidate.mean() - baseline.mean()),
        "p_permutation_exact": permutation.p_value,
        "attainable_min_p": permutation.floor,
        "run_sd": None,
        "p": None,
        "codes": codes,
    }


def _auc(case: dict[str, Any]) -> dict[str, Any]:
    data = {name: np.array(values) for name, values in case["data"].items()}
    if case["op"] == "auc":
        arm = roc.auc(data["score"][None], data["label"])
        undefined = bool(np.isnan(arm.figures[0]))
        codes = {"undefined_metric"} if undefined else set()
        return {"auc": None if undefined else float(arm.figures[0]), "codes": codes}
    arms = roc.auc(np.stack([data["score_a"], data["score_b"]]), data["label"])
    test = roc.delong(arms)
    p_value = None if np.isnan(test.p_value) else test.p_value
    figures = {"auc_a": arms.figures[0], "auc_b": arms.figures[1]}
    codes = {"zero_variance_shift_or_none"} if test.se == 0 else set()
    return {**figures, "diff": test.difference, "se": test.se, "p": p_value, "codes": codes}


OPERATIONS = {"paired_images": _paired_images, "runs": _runs, "auc": _auc, "auc_pair": _auc}
WORDS = {"ok_with_exclusions": "exclusions"}
"""Their status -> our note, where the words differ."""
BLOCKING = {"no_data", "insufficient_n", "no_variation", "underpowered_exact", "undefined_metric"}


@pytest.mark.parametrize("case", _cases())
def test_a_degenerate_input_gives_its_status_and_nothing_that_does_not_exist(case: dict[str, Any]) -> None:
    got = OPERATIONS[case["op"]](case)
    if case["status"] in ("ok", "ok_small"):
        assert not got["codes"] & BLOCKING
    else:
        assert WORDS.get(case["status"], case["status"]) in got["codes"]
    for name, wanted in case["expect"].items():
        if wanted is None:
            assert got[name] is None, name
        else:
            assert got[name] == pytest.approx(wanted, rel=1e-9, abs=1e-12), name


# ------------------------------------------------------------------------- planning


def _plans() -> list[Any]:
    return [
        pytest.param(case, id=f"{folder.name}:{i}")
        for folder in FOLDERS
        for i, case in enumerate(_load(folder, "planning.json")["cases"])
    ]


@pytest.mark.parametrize("case", _plans())
def test_the_closed_form_of_planning_comes_out(case: dict[str, Any]) -> None:
    given = case["inputs"]
    pilot = Pilot(given["sd_run"], given["sd_arm_image"], given["sd_residual"])
    size = {"seeds": given["seeds"], "images": given["images"]}
    plan = planning.precision(pilot, **size)
    got = {
        "variance": plan.variance,
        "se": plan.se,
        "df": plan.df,
        "power": planning.power(pilot, given["delta"], **size, alpha=given["alpha"]),
        "mde_80": planning.smallest_detectable(pilot, **size, alpha=given["alpha"]),
        "se_floor_infinite_images": plan.floor_images,
        "se_floor_infinite_seeds": plan.floor_seeds,
    }
    assert got == pytest.approx(case["expected"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("case", [plan for plan in _plans() if "simulated_power_600_reps" in plan.values[0]][:2])
def test_simulated_power_agrees_with_the_reference_simulation(case: dict[str, Any]) -> None:
    given, wanted = case["inputs"], case["simulated_power_600_reps"]
    pilot = Pilot(given["sd_run"], given["sd_arm_image"], given["sd_residual"])
    generator = numpy_generator("test", "planning")
    got = planning.simulated_power(
        pilot, given["delta"], seeds=given["seeds"], images=given["images"], generator=generator, studies=600
    )
    assert abs(got.power - wanted) < 4 * np.hypot(got.error, np.sqrt(wanted * (1 - wanted) / 600))
