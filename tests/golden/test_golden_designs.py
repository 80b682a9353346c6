"""The golden two-factor and dose data through the whole of `analyse`, as score tables of a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study.records import Analysis, Contrast, Design, Dose, Factorial, MetricFacts, RunStatus
from study.statistics import analyse

pytestmark = pytest.mark.shared

CELLS = ("none.center", "none.random", "mae.center", "mae.random")
TWO = Factorial(("pretraining", "masking"), (("none", "mae"), ("center", "random")), CELLS)


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "reference" / "golden_stats"


@pytest.fixture(scope="module")
def expected(golden: Path) -> dict[str, float]:
    values = json.loads((golden / "expected.json").read_text(encoding="utf8"))["values"]
    return {value["id"]: value["value"] for value in values}


def analysis_of(table: pd.DataFrame, arms: tuple[str, ...], **changes: Any) -> Analysis:
    """A table with a column `arm`, as a study whose first arm is the reference."""
    run_id = table["arm"] + "-vit-seed" + table["seed"].astype(str)
    named = {"model": "vit", "attribution": "gradcam", "metric": "ehr", "metric_version": 1, "reason": ""}
    scores = table.assign(run_id=run_id, image_id=table["image"], cluster=table["image"], **named)
    runs = table.assign(run_id=run_id)[["run_id", "arm", "seed"]].drop_duplicates().itertuples(index=False)
    design = Design(
        study="golden",
        arms=arms,
        reference=arms[0],
        models=("vit",),
        seeds=tuple(sorted(set(table["seed"]))),
        seeding="nested",
        contrasts=(Contrast("c", "q", "primary", arms[1], arms[0], "vit", "gradcam", "ehr"),),
        metrics={"ehr": MetricFacts("ehr", "EHR", True, (None, None), 1)},
        attributions=("gradcam",),
        controls=(),
        runs=tuple(RunStatus(str(run), str(arm), "vit", int(seed), "done") for run, arm, seed in runs),
        resamples=100,
        **changes,
    )
    return analyse(design, scores)


@pytest.fixture(scope="module")
def factors(golden: Path) -> Analysis:
    table = pd.read_csv(golden / "D_factorial.csv", keep_default_na=False)
    return analysis_of(table.assign(arm=table["pretraining"] + "." + table["masking"]), CELLS, factorial=TWO)


@pytest.fixture(scope="module")
def doses(golden: Path) -> Analysis:
    table = pd.read_csv(golden / "G_dose.csv")
    table["arm"] = "m" + table["mask_ratio"].astype(str)
    values = tuple(sorted(set(table["mask_ratio"])))
    arms = tuple(f"m{value}" for value in values)
    return analysis_of(table, arms, dose=Dose("mask ratio", "", arms, values))


def test_the_interaction_is_the_golden_one_for_the_recipe(factors: Analysis, expected: dict[str, float]) -> None:
    effect = factors.factorial[0]
    assert (effect.effect, effect.status, effect.n_runs) == ("interaction", "ok", (4, 4, 4, 4))
    for ours, theirs in {"v_run": "v_run", "v_case": "v_case", "se": "se", "df": "df", "p_value": "p"}.items():
        assert getattr(effect, ours) == pytest.approx(expected[f"D.or.interaction.{theirs}"], rel=1e-6), ours
    assert effect.means == pytest.approx([expected[f"D.cell_mean.{cell}"] for cell in CELLS])


def test_run_anova_and_repeated_measures_agree_with_the_golden_interaction(
    factors: Analysis, expected: dict[str, float]
) -> None:
    effect = factors.factorial[0]
    assert effect.estimate is not None
    assert effect.se_images is not None
    assert (effect.estimate / effect.se_images) ** 2 == pytest.approx(expected["D.run_anova.interaction.F"])
    assert effect.p_images == pytest.approx(expected["D.run_anova.interaction.p"])


@pytest.mark.parametrize(("place", "name"), [(0, "interaction"), (1, "pretraining"), (2, "masking")])
def test_answers_for_these_models_are_the_golden_ones(
    factors: Analysis, expected: dict[str, float], place: int, name: str
) -> None:
    effect = factors.factorial[place]
    assert effect.factor == ("" if name == "interaction" else name)
    assert effect.estimate == pytest.approx(expected[f"D.image.{name}.estimate"])
    assert effect.p_models == pytest.approx(expected[f"D.image.{name}.p"], rel=1e-5)
    assert effect.dz == pytest.approx(expected[f"D.image.{name}.dz"])
    assert effect.estimate_models is not None
    assert effect.se_models is not None
    t = effect.estimate_models / effect.se_models
    assert t == pytest.approx(expected[f"D.image.{name}.t"])
    assert t**2 == pytest.approx(expected[f"D.rm.{name}.F"])
    assert effect.partial_eta_squared == pytest.approx(expected[f"D.rm.{name}.pes"])
    assert effect.generalised_eta_squared == pytest.approx(expected[f"D.rm.{name}.ges"])


def test_simple_effects_have_the_estimates_of_the_mixed_model(factors: Analysis, expected: dict[str, float]) -> None:
    found = {(effect.factor, effect.at): effect for effect in factors.factorial if effect.effect == "simple"}
    for level in ("center", "random"):
        estimate = expected[f"D.lmer.kr.simple_pre_at_{level}.estimate"]
        assert found["pretraining", level].estimate == pytest.approx(estimate, rel=0.005)
    assert set(found) == {("pretraining", "center"), ("pretraining", "random"), ("masking", "none"), ("masking", "mae")}


def test_the_line_on_run_means_is_the_golden_one(doses: Analysis, expected: dict[str, float]) -> None:
    (found,) = doses.doses
    golden = {
        "estimate": "slope",
        "se_images": "se",
        "df_images": "df",
        "p_images": "p",
        "lack_of_fit_f": "lack_of_fit_F",
        "lack_of_fit_p": "lack_of_fit_p",
        "quadratic": "quadratic",
        "quadratic_p": "quadratic_p",
    }
    for ours, theirs in golden.items():
        assert getattr(found, ours) == pytest.approx(expected[f"G.run_lm.{theirs}"], rel=1e-6), ours
    assert found.estimate is not None
    assert found.se_images is not None
    assert found.estimate / found.se_images == pytest.approx(expected["G.run_lm.t"])
    assert (found.lack_of_fit_df1, found.lack_of_fit_df2) == (3, 15)


def test_slopes_of_images_and_the_test_of_order_are_the_golden_ones(
    doses: Analysis, expected: dict[str, float]
) -> None:
    (found,) = doses.doses
    assert found.estimate_models == pytest.approx(expected["G.image_slope.mean"])
    assert found.p_models == pytest.approx(expected["G.image_slope.p"], rel=1e-5)
    assert found.estimate_models is not None
    assert found.se_models is not None
    assert found.estimate_models / found.se_models == pytest.approx(expected["G.image_slope.t"])
    assert found.page_l == expected["G.page.L"]
    assert found.page_z == pytest.approx(expected["G.page.z"])
    assert found.page_p_rising == pytest.approx(expected["G.page.p_asymptotic"])
    assert found.page_p == pytest.approx(2 * expected["G.page.p_asymptotic"])
    assert found.page_blocks == 24


def test_the_slope_s_standard_error_with_retraining_is_close_to_the_mixed_model_s(
    doses: Analysis, expected: dict[str, float]
) -> None:
    (found,) = doses.doses
    assert found.se == pytest.approx(expected["G.lmer.se"], rel=0.25)  # one run variance there, one per arm here
