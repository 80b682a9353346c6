"""How often the package errs on studies whose truth is known: the report of its own calibration.

    python tests/statistics/calibration.py [--out calibration.md] [--studies 2000] [--seed 20240501]
        [--reference calibration.json] [--scores scores.csv]

Studies are drawn from the crossed model (`calibration_models`) and sent through the package's own functions. The
program exits with 1 where a rate lies further outside its bounds than the Monte Carlo error explains.

--reference: rates that another program found on the same designs, printed beside ours.
--scores: real values, one row per run and image (`arm, run_id, image_id, attribution, metric, value`); the runs of
each arm are split into two pseudo-arms in every way. Without it the sections on real values of the page that --out
replaces are kept, and say of which day they are.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from calibration_models import Setting, pseudo_arms, rates
from calibration_traps import TRAPS, trap_rates
from calibration_whole import both_ways

from study.statistics.planning import Pilot, power, precision, simulated_power
from study.statistics.spreads import MOST_SIMULATED

RUNS, IMAGES, RUN_SDS = (3, 5, 10), (40, 300), (0.0, 0.015, 0.04)
REJECTED, COVERED = (0.03, 0.07), (0.93, 0.97)
SURE = 3.0
"""Monte Carlo standard errors beyond a bound that are no longer chance, over some 150 rates."""
THROUGH_ALL = 25
CLOSED_FORM = 0.01
"""With 10 runs the closed form is at most so optimistic: .006 where the luck of runs is all there is."""
REAL = "## Real values, no effect"

OTHERS: Mapping[str, Setting] = {
    "heavy tails (t with 3 df), 3 runs, 40 images, run SD .015": Setting(3, 40, 0.015, tails="heavy"),
    "heavy tails (t with 3 df), 5 runs, 300 images, run SD .04": Setting(5, 300, 0.04, tails="heavy"),
    "5 runs against 3, 40 images, run SD .04": Setting(5, 40, 0.04, control_runs=3),
    "10 runs against 3, 300 images, run SD .015": Setting(10, 300, 0.015, control_runs=3),
    "control's runs 5 times noisier, 3 runs, 300 images, run SD .015": Setting(3, 300, 0.015, control_noise=5.0),
    "control's runs 5 times noisier, 5 runs, 40 images, run SD .015": Setting(5, 40, 0.015, control_noise=5.0),
    "paired seeds, 4 pairs, 40 images, run SD .015": Setting(4, 40, 0.015, paired=True),
    "paired seeds, 5 pairs, 300 images, run SD .04": Setting(5, 300, 0.04, paired=True),
    "paired seeds, 10 pairs, 40 images, run SD .04": Setting(10, 40, 0.04, paired=True),
}


@dataclass
class Report:
    """The page in the making, and what was not as it should be."""

    parts: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = [head, ["---"] * len(head), *rows]
        self.parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))

    def judge(self, what: str, share: float, bounds: tuple[float, float], count: int) -> str:
        """The share as a cell, with a mark where it is outside its bounds by more than chance."""
        edge = min(max(share, bounds[0]), bounds[1])
        error = float(np.sqrt(edge * (1 - edge) / count))
        text = f"{share:.3f}".removeprefix("0")
        if abs(share - edge) <= SURE * error:
            return text
        self.broken.append(f"{what}: {share:.4f}, allowed {bounds[0]} to {bounds[1]}")
        return f"**{text}**"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20240501)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--scores", type=Path, action="append", default=[])
    options = parser.parse_args()
    reference = read_reference(options.reference) if options.reference else {}
    report, start = Report(), time.process_time()
    _rejections(report, options.studies, options.seed, reference)
    _other_designs(report, options.studies, options.seed)
    _power(report, options.studies, options.seed)
    _traps(report, options.studies, options.seed, reference)
    _whole(report, options.seed)
    for path in options.scores:
        _real(report, pd.read_csv(path), path.stem)
    if options.out and not options.scores:
        report.parts += kept(options.out)
    seconds = time.process_time() - start
    page = _head(options, seconds) + "\n\n" + "\n\n".join(report.parts) + "\n"
    print(page)
    if options.out:
        options.out.write_text(page, encoding="utf8")
    for line in report.broken:
        print(f"OUTSIDE  {line}", file=sys.stderr)
    return 1 if report.broken else 0


def settings(kind: str = "mean", per_patient: int = 1) -> list[Setting]:
    """The designs of one block of the table: runs x images x run SD."""
    made = [Setting(runs, images, sd, per_patient) for runs, images, sd in product(RUNS, IMAGES, RUN_SDS)]
    return [replace(setting, kind="auc") for setting in made] if kind == "auc" else made


def planted(setting: Setting) -> float:
    """An effect to try coverage and power on: 2.5 standard errors of the plan; .08 for an AUC of .80."""
    if setting.kind == "auc":
        return 0.08
    pilot = Pilot(setting.sd_run, setting.sd_arm_image, setting.sd_residual)
    return round(2.5 * precision(pilot, seeds=setting.runs, images=setting.images).se, 4)


def read_reference(path: Path) -> dict[tuple[int, int, float], Mapping[str, float]]:
    """(seeds, images, run SD) -> analysis -> rate."""
    rows = json.loads(path.read_text(encoding="utf8"))["rows"]
    return {(row["seeds"], row["images"], row["sd_run"]): row["rejection_rate_at_0.05"] for row in rows}


def _head(options: argparse.Namespace, seconds: float) -> str:
    count = options.studies
    error = float(np.sqrt(0.05 * 0.95 / count))
    return (
        "# Calibration of the statistics\n\n"
        f"Made by `python tests/statistics/calibration.py` on {date.today()}, seed {options.seed}, "
        f"{count:,} simulated studies per design and effect, {seconds / 60:.0f} minutes on one core. The Monte Carlo "
        f"standard error of a rate of .05 is {error:.4f}.\n\n"
        "Values follow the crossed model: SD between images .12, arm × image .05, residual .08 in metric units; with "
        "patients (3 images each, the last one fewer) also .08 between patients and .04 arm × patient. AUC: binormal "
        "scores with an AUC of .80, half of their variance shared by the runs of an arm (arm × image, patient), half "
        "the run's own; run SD in AUC to first order; with patients all films of a patient have one label. Two arms "
        "with the same number of runs, seeds nested. Studies go through `of_mean` or `mean_auc`, then `crossed`: the "
        "functions that `analyse` calls.\n\n"
        f"Allowed: rejection {REJECTED[0]} to {REJECTED[1]}, coverage {COVERED[0]} to {COVERED[1]}; bold = outside by "
        f"more than {SURE:g} Monte Carlo standard errors."
    )


# ------------------------------------------------------------------------------------------------ rejection, coverage


def _rejections(report: Report, count: int, seed: int, reference: Mapping[tuple[int, int, float], Mapping]) -> None:
    report.parts.append(
        "## No effect: how often p < .05; planted effect: how often the 95 % interval holds it\n\n"
        "The planted effect is 2.5 standard errors of the plan (AUC: .08 to first order), on draws of its own. "
        "In brackets: the same design in the reference simulation, made by another program."
    )
    head = ["metric", "images are", "runs", "images"]
    head += [f"p < .05, run SD {sd:g}" for sd in RUN_SDS] + [f"covered, run SD {sd:g}" for sd in RUN_SDS]
    rows = []
    for kind, per_patient in product(("mean", "auc"), (1, 3)):
        for setting in settings(kind, per_patient)[:: len(RUN_SDS)]:
            rows.append(_rejection_row(report, setting, count, seed, reference))
    report.table(head, rows)


def _rejection_row(
    report: Report, first: Setting, count: int, seed: int, reference: Mapping[tuple[int, int, float], Mapping]
) -> list[str]:
    units = "alone" if first.per_patient == 1 else f"of {int(first.clusters[-1]) + 1} patients"
    name = {"mean": "mean", "auc": "AUC"}[first.kind]
    rejected, covered = [], []
    for sd in RUN_SDS:
        setting = replace(first, sd_run=sd)
        what = f"{name}, {units}, {setting.runs} runs, {setting.images} images, run SD {sd:g}"
        null, moved = rates(setting, count, seed=seed), rates(setting, count, seed=seed + 1, delta=planted(setting))
        cell = report.judge(f"{what}: rejected", null.rejected, REJECTED, count)
        known = reference.get((setting.runs, setting.images, sd), {}) if units == "alone" and name == "mean" else {}
        rejected.append(cell + (f" ({known['crossed_nested']:.3f})".replace("0.", ".") if known else ""))
        covered.append(report.judge(f"{what}: covered", moved.covered, COVERED, count))
    return [name, units, str(first.runs), str(first.images), *rejected, *covered]


def _other_designs(report: Report, count: int, seed: int) -> None:
    report.parts.append("## Designs off the main road, no effect")
    rows = []
    for name, setting in OTHERS.items():
        found = rates(setting, count, seed=seed)
        rows.append([name, report.judge(f"{name}: rejected", found.rejected, REJECTED, count)])
    report.table(["design (mean metric, images alone)", "p < .05"], rows)


# ------------------------------------------------------------------------------------------------------------- power


def _power(report: Report, count: int, seed: int) -> None:
    report.parts.append(
        "## Power: found, and what the plan had said\n\n"
        f"The plan is the package's own simulation for up to {MOST_SIMULATED} runs, the closed form of "
        "`study.statistics.planning` for more. Mean metric, images alone, effect of 2.5 standard errors of the plan."
    )
    rows = []
    for setting in settings():
        delta = planted(setting)
        found = rates(setting, count, seed=seed + 2, delta=delta)
        said, error, how = said_power(setting, delta, count=count, seed=seed)
        if abs(found.rejected - said) > allowed(found.error, error):
            report.broken.append(f"power of {setting}: found {found.rejected:.3f}, said {said:.3f}")
        sizes = [str(setting.runs), str(setting.images), f"{setting.sd_run:g}", f"{delta:g}"]
        rows.append([*sizes, f"{found.rejected:.3f} ± {found.error:.3f}", f"{said:.3f}", how])
    report.table(["runs", "images", "run SD", "effect", "found ± Monte Carlo SE", "said", "by"], rows)


def allowed(found: float, said: float) -> float:
    """How far power as found and as said may lie apart, given their Monte Carlo errors; that of the closed form is 0."""
    return SURE * float(np.hypot(found, said)) + (0.0 if said else CLOSED_FORM)


def said_power(setting: Setting, delta: float, *, count: int, seed: int) -> tuple[float, float, str]:
    """Power that the package promises, its own Monte Carlo error, and how it was made."""
    pilot = Pilot(setting.sd_run, setting.sd_arm_image, setting.sd_residual)
    if setting.runs > MOST_SIMULATED:
        return power(pilot, delta, seeds=setting.runs, images=setting.images), 0.0, "closed form"
    generator = np.random.default_rng(seed)
    made = simulated_power(pilot, delta, seeds=setting.runs, images=setting.images, generator=generator)
    return made.power, made.error, "simulation"


# ------------------------------------------------------------------------------------------------------------- traps


def _traps(report: Report, count: int, seed: int, reference: Mapping[tuple[int, int, float], Mapping]) -> None:
    report.parts.append(
        "## The traps: how often other analyses of the same studies find an effect that is not there\n\n"
        "Only the last two lines are in the package. In brackets: the reference simulation."
    )
    chosen = [Setting(5, 300, 0.0), Setting(5, 300, 0.015), Setting(3, 300, 0.04), Setting(5, 300, 0.04)]
    chosen.append(Setting(5, 40, 0.0))
    found = [trap_rates(setting, count, seed=seed) for setting in chosen]
    known = [reference.get((setting.runs, setting.images, setting.sd_run), {}) for setting in chosen]
    rows = []
    for name, title in TRAPS.items():
        cells = [
            f"{rate[name]:.3f}" + (f" ({ref[name]:.3f})" if name in ref else "")
            for rate, ref in zip(found, known, strict=True)
        ]
        rows.append([title, *(cell.replace("0.", ".") for cell in cells)])
    heads = [f"run SD {setting.sd_run:g}, S = {setting.runs}, n = {setting.images}" for setting in chosen]
    report.table(["analysis", *heads], rows)


# ------------------------------------------------------------------------------------- whole pipeline and real values


def _whole(report: Report, seed: int) -> None:
    worst = max(float(np.abs(np.subtract(*both_ways(setting, THROUGH_ALL, seed=seed))).max()) for setting in _few())
    if not worst < 1e-9:
        report.broken.append(f"`analyse` and the vectorised functions differ by {worst:g}")
    report.parts.append(
        "## The same studies through the whole of `analyse`\n\n"
        f"{THROUGH_ALL} studies of each of {len(_few())} designs (mean and AUC, with and without patients, nested and "
        f"paired) also went through `analyse` as tables: the largest difference between the two p is {worst:.0e}."
    )


def _few() -> list[Setting]:
    return [
        Setting(3, 40, 0.015),
        Setting(3, 40, 0.015, per_patient=3),
        Setting(5, 40, 0.04, paired=True),
        Setting(3, 40, 0.015, kind="auc"),
        Setting(3, 40, 0.015, per_patient=3, kind="auc"),
    ]


def _real(report: Report, table: pd.DataFrame, name: str) -> None:
    rows = [
        [*what, str(len(p)), str(int((p < 0.05).sum())), f"{float(p.min()):.3f}", f"{float(np.median(p)):.2f}"]
        for what, p in real_splits(table)
    ]
    report.parts.append(
        f"{REAL}: the runs of one arm against each other ({name})\n\n"
        "The runs of each arm are split into two halves in every way. The splits share runs, so the count is not a rate."
    )
    report.table(
        ["arm", "runs", "images", "attribution", "metric", "splits", "p < .05", "smallest p", "median p"], rows
    )


def kept(page: Path) -> list[str]:
    """The sections on real values of an earlier page, with its day; empty where there is no such page or section."""
    if not page.is_file():
        return []
    text = page.read_text(encoding="utf8").strip()
    day = re.search(r"on (\d{4}-\d\d-\d\d)", text)
    found = [part for part in re.split(r"\n\n(?=## )", text) if part.startswith(REAL)]
    note = f"Kept from the page of {day[1] if day else 'an earlier day'}: --scores was not given."
    return [part if "Kept from the page of" in part else part.replace("\n\n", f"\n\n{note} ", 1) for part in found]


def real_splits(table: pd.DataFrame) -> Iterator[tuple[list[str], np.ndarray]]:
    """For every arm, attribution and metric with four runs or more: what it is, and the p of every split."""
    for (arm, attribution, metric), part in table.groupby(["arm", "attribution", "metric"], sort=False):
        values = part.pivot(index="run_id", columns="image_id", values="value").dropna(axis=1)
        if len(values) < 4 or values.shape[1] < 2:
            continue
        p = pseudo_arms(values.to_numpy(dtype=np.float64), np.arange(values.shape[1]))
        yield [str(arm), str(len(values)), str(values.shape[1]), str(attribution), str(metric)], p


if __name__ == "__main__":
    sys.exit(main())
