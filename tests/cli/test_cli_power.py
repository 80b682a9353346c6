"""`study power`: the command as a process of its own, on pilots made here, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from study.cli import main
from study.conclude.conclusion import design
from study.protocol import lock, read
from study.records import Analysis, Design, RunStatus
from study.report.wording import forbidden
from study.rng import numpy_generator
from study.statistics import analyse, planning, write_findings
from study.statistics.planning import Pilot

ROOT = Path(__file__).resolve().parents[2]
GIVEN = ("--sd-run", "0.02", "--sd-arm-image", "0.05", "--sd-residual", "0.08")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Power = Callable[..., Ended]


@pytest.fixture
def power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Power:
    """`power("smoke", ...)` in an empty working folder that has the shipped protocols."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "protocols", "protocols")

    def run(*arguments: str) -> Ended:
        code = 0
        try:
            main(("power", *arguments))
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


def design_of(name: str, *, n_seeds: int, **changes: Any) -> Design:
    """The design that `study run` would lock for a shipped protocol, every run finished."""
    path = Path("protocols") / f"{name}.yaml"
    path.write_text(re.sub(r"(?m)^seeding: \w+\n", "", path.read_text(encoding="utf8")), encoding="utf8")
    if "seeding" in changes:
        path.write_text(path.read_text(encoding="utf8") + f"seeding: {changes.pop('seeding')}\n", encoding="utf8")
    protocol = read(path, {"seeds": n_seeds, **changes})
    locked = lock(protocol, Path("locks"), runs_finished=0, now=datetime(2024, 5, 1, tzinfo=UTC), digests={})
    runs = [
        RunStatus(f"{arm}-{model}-seed{seed}", arm, model, seed, "done")
        for arm in protocol.arms
        for model in protocol.models
        for seed in protocol.seeds
    ]
    return design(protocol, runs, locked, ("normal", "loose"))


MADE: dict[str, Analysis] = {}
"""Pilots analysed so far: several tests learn from the same one."""


def make_pilot(design: Design, **luck: Any) -> Path:
    """A finished study: its findings, and what its runs cost."""
    key = repr((design, luck))
    if key not in MADE:
        MADE[key] = made_up(replace(design, resamples=100), **luck)
    folder = Path("reports") / design.study
    write_findings(MADE[key], folder / "findings")
    seconds = {"data": 60, "mae": 1200, "finetune": 2400, "predict": 60, "explain": 600, "measure": 300}
    images = luck.get("images", 40)
    results = {
        "provenance": {"seconds": seconds},
        "counts": {"runs_finished": len(design.runs), "images_listed": images},
    }
    (folder / "results.json").write_text(json.dumps(results), encoding="utf8")
    return folder


def made_up(
    design: Design, *, images: int = 40, per_patient: int = 1, sd_run: float = 0.02, sd_seed: float = 0.0
) -> Analysis:
    """Made-up scores of the primary metric and made-up predictions, analysed."""
    rng = numpy_generator("pilot", design.study)
    (primary, *_) = design.contrasts
    names = [f"i{i:03d}" for i in range(images)]
    clusters = [f"p{i // per_patient}" for i in range(images)]
    of_patient = rng.normal(0, 0.05, (len(design.arms), images))[:, np.arange(images) // per_patient]
    of_seed = {seed: rng.normal(0, sd_seed) for seed in design.seeds}
    scores, predictions = [], []
    for run in design.runs:
        values = 0.5 + of_seed[run.seed] + rng.normal(0, sd_run) + of_patient[design.arms.index(run.arm)]
        who = {"run_id": run.run_id, "arm": run.arm, "model": run.model, "seed": run.seed}
        frame = pd.DataFrame({"image_id": names, "cluster": clusters, "value": values + rng.normal(0, 0.08, images)})
        what = {"attribution": primary.attribution, "metric": primary.metric, "metric_version": 1, "reason": ""}
        scores.append(frame.assign(**who, **what))
        labels = np.arange(images) % 2
        p = 1 / (1 + np.exp(-rng.normal(labels - 0.5 + of_seed[run.seed], 1)))
        frame = pd.DataFrame({"image_id": names, "cluster": clusters, "label": labels, "p_0": 1 - p, "p_1": p})
        predictions.append(frame.assign(**who))
    return analyse(design, pd.concat(scores), pd.concat(predictions))


def grid_of(power: Power, *arguments: str) -> dict[str, Any]:
    ended = power(*arguments, "--json", "grid.json")
    assert (ended.code, ended.err) == (0, "")
    content: dict[str, Any] = json.loads(Path("grid.json").read_text(encoding="utf8"))
    return content


def one_cell(grid: dict[str, Any], seeds: int | None, images: int | None) -> dict[str, Any]:
    (found,) = [c for c in grid["cells"] if (c["seeds"], c["images"]) == (seeds, images)]
    return dict(found)


# ------------------------------------------------------------------------- numbers


@pytest.mark.shared
def test_the_planning_table_comes_out_of_the_command(power: Power, shared: Path) -> None:
    path = shared / "reference" / "golden_stats" / "planning.json"
    if not path.is_file():
        pytest.skip("no ../shared/reference/golden_stats beside this checkout")
    size = ("--seeds", "3,5,10", "--images", "50,200,1000", "--delta", "0.05")
    grid = grid_of(power, "mae_effect", *GIVEN, *size)
    checked = 0
    for case in json.loads(path.read_text(encoding="utf8"))["cases"]:
        given, wanted = case["inputs"], case["expected"]
        if (given["sd_run"], given["sd_arm_image"], given["delta"]) != (0.02, 0.05, 0.05):
            continue
        cell = one_cell(grid, given["seeds"], given["images"])
        assert (cell["se"], cell["df"]) == pytest.approx((wanted["se"], wanted["df"]), rel=1e-6)
        said, reference = cell["expected"], case["simulated_power_600_reps"]
        if given["seeds"] >= 6:
            assert said["power"] == pytest.approx(wanted["power"], rel=1e-6)
            assert said["smallest"] == pytest.approx(wanted["mde_80"], rel=1e-6)
            assert not cell["simulated"]
        else:
            assert cell["simulated"]
            assert said["smallest"] > wanted["mde_80"]
            assert said["power"] < wanted["power"]
        assert abs(said["power"] - reference) < 4 * np.hypot(0.005, np.sqrt(reference * (1 - reference) / 600))
        checked += 1
    assert checked == 8


def test_the_upper_limit_is_that_of_the_run_figures_less_their_images(power: Power) -> None:
    make_pilot(design_of("mae_effect", n_seeds=5))
    grid = grid_of(power, "mae_effect")
    spread = grid["source"]["spread"]
    images = spread["residual"] / 40
    assert (spread["n_arms"], spread["n_runs"], spread["df_runs"], spread["n_images"]) == (4, 5, 16, 40)
    seen = np.sqrt(spread["run"] + images)
    assert grid["pilot"]["sd_run"] == pytest.approx(np.sqrt(spread["run"]))
    assert grid["upper"]["sd_run"] ** 2 == pytest.approx(planning.upper_run_sd(seen, 17) ** 2 - images)
    assert grid["upper"]["sd_run"] > grid["pilot"]["sd_run"]
    pilot = Pilot(**{name: grid["upper"][name] for name in ("sd_run", "sd_arm_image", "sd_residual")})
    cell = one_cell(grid, 8, 80)
    assert cell["upper"]["power"] == pytest.approx(planning.power(pilot, 0.03, seeds=8, images=80))
    assert cell["upper"]["power"] < cell["expected"]["power"]


def test_hours_are_the_pilots_seconds_per_run_and_image(power: Power) -> None:
    """20 runs took 3,600 s of training and 960 s on 40 images: 180 s a run and 1.2 s an image of a run."""
    make_pilot(design_of("mae_effect", n_seeds=5))
    cell = one_cell(grid_of(power, "mae_effect"), 10, 80)
    assert cell["runs"] == 40
    assert cell["hours"] == pytest.approx((60 + 40 * (180 + 80 * 1.2)) / 3600)


def test_patients_are_counted_and_images_are_bought(power: Power) -> None:
    make_pilot(design_of("mae_effect", n_seeds=4), images=60, per_patient=3)
    ended = power("mae_effect")
    assert "3 per patient in the pilot (60 images, 20 patients); only patients\n" in ended.out
    grid = grid_of(power, "mae_effect", "--images", "30,60", "--seeds", "5,6")
    pilot = Pilot(**{name: grid["pilot"][name] for name in ("sd_run", "sd_arm_image", "sd_residual")})
    assert one_cell(grid, 6, 30)["expected"]["power"] == pytest.approx(planning.power(pilot, 0.03, seeds=6, images=10))


def test_paired_seeds_are_planned_as_pairs(power: Power) -> None:
    design = design_of("mae_effect", n_seeds=5, seeding="paired")
    make_pilot(design, sd_seed=0.2)
    grid = grid_of(power, "mae_effect", "--seeds", "5,6")
    assert (grid["seeding"], grid["source"]["spread"]["seeding"]) == ("paired", "paired")
    assert grid["pilot"]["sd_run"] < 0.04 < 0.1 < grid["pilot"]["sd_seed"]
    pilot = Pilot(**grid["pilot"])
    wanted = planning.power(pilot, 0.03, seeds=6, images=40, seeding="paired")
    assert one_cell(grid, 6, 40)["expected"]["power"] == pytest.approx(wanted)
    assert "fewer than 4 pairs are analysed as nested" in power("mae_effect").out.replace("\n          ", " ")


def test_a_figure_of_a_run_is_planned_from_its_covariances(power: Power) -> None:
    make_pilot(design_of("mae_effect", n_seeds=4))
    grid = grid_of(power, "mae_effect", "--metric", "auc", "--delta", "0.1")
    assert grid["asked"] == {
        "model": "vit_phantom",
        "attribution": "",
        "metric": "auc",
        "per_run": True,
        "family": "secondary",
        "m": 20,  # 2 attributions x 10 metrics without the primary one, and the AUC
        "adjustment": "Benjamini-Hochberg",
        "strictest": 20.0,
        "margin": None,
        "remarks": [],
        "n_models": 1,
    }
    assert grid["source"]["spread"]["metric"] == "auc"
    text = power("mae_effect", "--metric", "auc").out
    assert "(Obuchowski-Rockette, for AUC DeLong's)" in " ".join(text.split())
    assert "analysis.margins has no auc" in " ".join(text.split())
    assert "Chance in percent" not in text


def test_choices_of_the_analysis_reach_the_plan(power: Power) -> None:
    path = Path("protocols/mae_effect.yaml")
    more = "  adjust_secondary: by\n  pool_run_variance: true\n"
    path.write_text(path.read_text(encoding="utf8").replace("analysis:\n", f"analysis:\n{more}"), encoding="utf8")
    options = ("--metric", "ehr", "--delta", "0.05", "--seeds", "8", "--images", "100")
    grid = grid_of(power, "mae_effect", *GIVEN, *options)
    m = grid["asked"]["m"]
    assert grid["m"] == pytest.approx(m * (1 / np.arange(1, m + 1)).sum())
    wanted = planning.power(Pilot(0.02, 0.05, 0.08), 0.05, seeds=8, images=100, alpha=0.05 / grid["m"])
    assert one_cell(grid, 8, 100)["expected"]["power_adjusted"] == pytest.approx(wanted)
    text = " ".join(power("mae_effect", *GIVEN, *options).out.split())
    assert f"{m} secondary tests; Benjamini-Yekutieli: at worst alpha / " in text
    assert "pools the run variance of its arms, the plan takes each arm's own" in text


def test_another_study_can_be_the_pilot_by_name_and_by_folder(power: Power) -> None:
    folder = make_pilot(design_of("mae_effect", n_seeds=3))
    folder.rename("reports/last_year")
    by_name = grid_of(power, "mae_effect", "--pilot", "last_year")
    assert by_name["source"]["folder"] == "reports/last_year"
    for name in ("reports/last_year", "reports/last_year/findings"):
        assert grid_of(power, "mae_effect", "--pilot", name)["cells"] == by_name["cells"]


# ------------------------------------------------------------------------- words


def test_a_finished_study_is_told_what_its_design_finds_and_never_its_power(power: Power) -> None:
    make_pilot(design_of("mae_effect", n_seeds=3))
    ended = power("mae_effect")
    text = " ".join(ended.out.split())
    assert "This design (3 seeds, 40 images) would find a true difference of 0." in text
    assert "so finding nothing says little" in text
    assert "power" not in ended.out.lower()
    assert "observed" not in ended.out
    assert forbidden(ended.out, "en") == []


def test_the_page_fits_eighty_columns_and_has_its_parts(power: Power) -> None:
    make_pilot(design_of("mae_effect", n_seeds=3))
    out = power("mae_effect").out
    assert max(len(line) for line in out.splitlines()) <= 80
    for part in (
        "Chance in percent to find a true difference of 0.03, alpha 0.05\n",
        "Smallest true difference found in 4 of 5 studies, metric units, alpha 0.05\n",
        "Chance in percent at the strictest step of Holm (m = 3), alpha / 3 = 0.0167\n",
        "Chance in percent to show that equal arms differ by less than 0.03 (equivalence)\n",
        "Runs of the whole study: *3 seeds 12, 5 seeds 20, 8 seeds 32, 10 seeds 40\n",
        "luck of runs as estimated",
        "at its upper 80% limit",
        "10,000 simulated studies each, binomial error of a chance at most\n0.",
    ):
        assert part in out, part
    assert out.count("(retraining and new images; down: seeds, one run of each arm; across: images)\n") == 4
    assert re.search(r"(?m)^seeds +20 +\*40 +80 +160 +∞ +seeds +20 +\*40 +80 +160 +∞$", out)


def test_the_axis_worth_buying_is_named_with_its_price(power: Power) -> None:
    lucky = grid_of(power, "mae_effect", "--sd-run", "0.05", "--sd-arm-image", "0.001", "--sd-residual", "0.001")
    assert lucky["doubled"]["seeds"]["gain"] > 0.3
    text = power("mae_effect", "--sd-run", "0.05", "--sd-arm-image", "0.001", "--sd-residual", "0.001").out
    assert "Buy seeds: more images hardly help" in " ".join(text.split())
    text = power("mae_effect", "--sd-run", "0.0001", "--sd-arm-image", "0.5", "--sd-residual", "0.01").out
    assert "Buy images: more seeds hardly help." in " ".join(text.split())
    make_pilot(design_of("mae_effect", n_seeds=3), sd_run=0.005)
    text, steps = " ".join(power("mae_effect").out.split()), grid_of(power, "mae_effect")["doubled"]
    seeds, images = (steps[axis]["gain"] / steps[axis]["more_hours"] for axis in ("seeds", "images"))
    said = f"Hour for hour images lower it {images / seeds:.2g} times as much as seeds: buy images."
    assert said in text


def test_without_a_margin_only_smallest_differences_are_shown(power: Power) -> None:
    out = power("mae_effect", *GIVEN, "--metric", "ehr").out
    assert "only the smallest differences that designs find are shown" in " ".join(out.split())
    assert "Chance in percent" not in out
    assert "Smallest true difference" in out
    assert "equivalence" not in out


# ------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mae_effect"], "mae_effect: no finished study in reports/mae_effect to learn the spread of runs and images"),
        (["mae_effect", "--pilot", "x"], "'x' is no folder with findings, and there is no finished study in reports"),
        (["mae_effect", "--sd-run", "0.1"], "--sd-arm-image, --sd-residual: absent; the three spreads"),
        (["mae_effect", *GIVEN[:4], "--sd-residual", "-1"], "--sd-residual: found -1; a standard deviation must be"),
        (["mae_effect", "--sd-run", "0", "--sd-arm-image", "0", "--sd-residual", "0"], "all three are 0"),
        (["mae_effect", *GIVEN, "--pilot", "x"], "give a pilot or the spreads, not both"),
        (["mae_effect", *GIVEN, "--delta", "0"], "--delta: found 0; a difference to be found must be above 0"),
        (["mae_effect", *GIVEN, "--delta", "-0.1"], "--delta: found -0.1"),
        (["mae_effect", *GIVEN, "--delta", "nan"], "--delta: found nan"),
        (
            ["mae_effect", *GIVEN, "--metric", "energypg"],
            "not a known metric of this protocol; did you mean 'energy_pg'",
        ),
        (["mae_effect", *GIVEN, "--attribution", "gradcamm"], "did you mean 'gradcam'"),
        (["mae_effect", *GIVEN, "--attribution", "control_random"], "not a known attribution of this protocol"),
        (["mae_effect", *GIVEN, "--model", "vit_fantom"], "did you mean 'vit_phantom'"),
        (["mae_effect", *GIVEN, "--seeds", "1,5"], "--seeds: found 1; without a second run per arm nothing is known"),
        (["mae_effect", *GIVEN, "--seeds", "3,five"], "--seeds: found 'five'; must be whole numbers above 0"),
        (["mae_effect", *GIVEN, "--images", "1"], "--images: found 1; must be at least 2"),
        (["attribution_methods", *GIVEN], "one arm; there is no difference to plan for"),
        (["mae_efect", *GIVEN], "there is no protocol 'mae_efect', here or in protocols/; did you mean 'mae_effect'?"),
    ],
)
def test_mistakes_are_one_clear_message(power: Power, arguments: list[str], message: str) -> None:
    ended = power(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_two_runs_are_too_few_to_learn_from(power: Power) -> None:
    make_pilot(design_of("mae_effect", n_seeds=2))
    ended = power("mae_effect")
    assert (ended.code, ended.out) == (2, "")
    assert (
        "reports/mae_effect: 2 runs per arm with every value of energy_pg; the spread of runs needs at least 3"
        in ended.err
    )
    make_pilot(design_of("mae_effect", n_seeds=1))
    assert "runs per arm: 1 of baseline, 1 of mae_random" in power("mae_effect").err


def test_a_pilot_without_the_metric_says_what_it_has(power: Power) -> None:
    make_pilot(design_of("mae_effect", n_seeds=3))
    ended = power("mae_effect", "--metric", "ehr")
    assert ended.code == 2
    assert "reports/mae_effect: 'ehr' is not a known metric of this pilot" in ended.err
    assert "energy_pg" in ended.err
    assert "did you mean 'mae_effect'" in power("mae_effect", "--pilot", "mae_efect").err


def test_findings_of_an_earlier_version_are_told(power: Power) -> None:
    folder = make_pilot(design_of("mae_effect", n_seeds=3))
    path = folder / "findings" / "findings.json"
    content = json.loads(path.read_text(encoding="utf8"))
    del content["spreads"]
    path.write_text(json.dumps(content), encoding="utf8")
    assert "an earlier version wrote them; first: study report mae_effect" in power("mae_effect").err


def test_a_file_that_cannot_be_written_is_told(power: Power) -> None:
    Path("taken").write_text("")
    ended = power("mae_effect", *GIVEN, "--json", "taken/grid.json")
    assert ended.code == 2
    assert "--json taken/grid.json: cannot be written" in ended.err


# ------------------------------------------------------------------------- as a process


@pytest.mark.slow
def test_the_command_as_a_process(power: Power, tmp_path: Path) -> None:
    make_pilot(design_of("mae_effect", n_seeds=3))
    command = [sys.executable, "-m", "study", "power", "mae_effect", "--json", "out/grid.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mae_effect: how many seeds, how many images?\n")
    assert json.loads((tmp_path / "out/grid.json").read_text(encoding="utf8"))["schema"] == "power/1"
    again = subprocess.run([*command[:4], "--delta", "0"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "Traceback" not in again.stderr
