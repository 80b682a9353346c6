"""A protocol and a pilot -> the grid of designs that `study power` prints.

The pilot is a finished study, this one or another: its stored spreads say how far runs and images scatter the
differences of arms, its results what a run and an image cost. Nothing is computed again and no score is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from study.conclude.power_question import Asked, asked
from study.errors import StudyError
from study.protocol import Protocol
from study.records import Analysis, Spread
from study.registry import TRAININGS, unknown
from study.statistics import read_findings
from study.statistics.planning import Pilot, upper_run_sd
from study.statistics.power import Cell, Price, Question, Step, cell, doubled, grid
from study.statistics.spreads import FEWEST_RUNS, pilot_of

DEFAULT_SEEDS = (3, 5, 8, 10)
DEFAULT_IMAGES = (50, 100, 200, 500)
GIVEN = ("--sd-run", "--sd-arm-image", "--sd-residual")


@dataclass(frozen=True)
class Wishes:
    """What the command line asked for; None = not said.

    Attributes:
        pilot: a study's name or a folder. sds: run, arm-by-image and residual standard deviation, metric units.
        delta: difference to be found, metric units. metric, attribution, model: instead of the primary question's.
        seeds, images: of the grid.
    """

    pilot: str | None = None
    sds: tuple[float | None, float | None, float | None] = (None, None, None)
    delta: float | None = None
    metric: str | None = None
    attribution: str | None = None
    model: str | None = None
    seeds: tuple[int, ...] | None = None
    images: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Source:
    """Where the spreads come from.

    Attributes:
        folder: of the pilot's report; None where the spreads were given.
        spread: its row; None where they were given. nested: the nested row of the same metric.
        own: the pilot is the finished study of this very protocol.
    """

    folder: Path | None
    spread: Spread | None
    nested: Spread | None
    own: bool


@dataclass(frozen=True)
class Planned:
    """Everything that is printed.

    Attributes:
        study: name. asked: what is tested. source: where the spreads come from. question: what each cell was asked.
        price: what a design costs. cells: the grid. start: seeds and images of the finished study, or else of the
            protocol (images: the middle of the grid where `images_known` is False). steps: twice the seeds, twice the images.
        now: the cell of `start`.
    """

    study: str
    asked: Asked
    source: Source
    question: Question
    price: Price
    cells: tuple[Cell, ...]
    start: tuple[int, int]
    images_known: bool
    now: Cell
    steps: tuple[Step, Step]


def planned(protocol: Protocol, wishes: Wishes, reports: Path) -> Planned:
    """The grid for a protocol.

    Raises:
        StudyError: there is no pilot and no spread, the pilot has too few runs or other metrics, or a number given is
            out of its range; the text says what to do.
    """
    what = asked(protocol, metric=wishes.metric, attribution=wishes.attribution, model=wishes.model)
    source = _source(protocol, wishes, reports, what)
    question = _question(protocol, wishes, what, source)
    price = _price(protocol, source)
    images = _own_images(protocol, source)
    seeds = source.spread.n_runs if source.own and source.spread else max(len(protocol.seeds), 2)
    seeds_axis = wishes.seeds or tuple(sorted({*DEFAULT_SEEDS, seeds}))
    images_axis = wishes.images or _around(images)
    _refuse_small(seeds_axis, images_axis, question)
    start = seeds, images or images_axis[len(images_axis) // 2]
    both = grid(question, price, seeds=sorted({*seeds_axis}), images=sorted({*images_axis}))
    steps = doubled(question, price, seeds=start[0], images=start[1])
    return Planned(
        study=protocol.study,
        asked=what,
        source=source,
        question=question,
        price=price,
        cells=both,
        start=start,
        images_known=images is not None,
        now=cell(question, price, seeds=start[0], images=start[1]),
        steps=steps,
    )


# ------------------------------------------------------------------------- the pilot


def _source(protocol: Protocol, wishes: Wishes, reports: Path, what: Asked) -> Source:
    if any(sd is not None for sd in wishes.sds):
        _check_given(wishes)
        return Source(None, None, None, own=False)
    folder = _pilot_folder(wishes.pilot, reports) if wishes.pilot else reports / protocol.study
    if not (folder / "findings" / "findings.json").is_file():
        raise StudyError(
            f"{protocol.study}: no finished study in {folder} to learn the spread of runs and images from\n"
            f"give another finished study with --pilot STUDY, or the spreads with {' '.join(GIVEN)}"
        )
    analysis = read_findings(folder / "findings")
    rows = _rows(analysis, what, folder, protocol)
    nested = next(row for row in rows if row.seeding == "nested")
    spread = next((row for row in rows if row.seeding == protocol.seeding), nested)
    if spread.n_runs < FEWEST_RUNS:
        raise StudyError(
            f"{folder}: {spread.n_runs} runs per arm with every value of {what.metric}; the spread of runs needs at "
            f"least {FEWEST_RUNS}\nfinish a third seed, take another --pilot, or give {' '.join(GIVEN)}"
        )
    return Source(folder, spread, nested, own=analysis.design.study == protocol.study)


def _check_given(wishes: Wishes) -> None:
    if wishes.pilot is not None:
        raise StudyError(f"--pilot {wishes.pilot} and {GIVEN[0]} ...: give a pilot or the spreads, not both")
    absent = [name for name, sd in zip(GIVEN, wishes.sds, strict=True) if sd is None]
    if absent:
        raise StudyError(f"{', '.join(absent)}: absent; the three spreads {' '.join(GIVEN)} go together")
    for name, sd in zip(GIVEN, wishes.sds, strict=True):
        if sd is not None and not 0 <= sd < np.inf:
            raise StudyError(f"{name}: found {sd:g}; a standard deviation must be at least 0")
    if not any(wishes.sds):
        raise StudyError(f"{' '.join(GIVEN)}: all three are 0; without any spread one run on one image decides")


def _pilot_folder(name: str, reports: Path) -> Path:
    """The report's folder that a study's name, or the folder of it or of its findings, means."""
    for folder in (Path(name), Path(name).parent):
        if (folder / "findings" / "findings.json").is_file() and (
            folder == Path(name) or Path(name).name == "findings"
        ):
            return folder
    if (reports / name / "findings" / "findings.json").is_file():
        return reports / name
    known = sorted(path.parents[1].name for path in reports.glob("*/findings/findings.json"))
    raise StudyError(f"--pilot: {unknown('finished study', name, known)}" if known else _no_pilot(name, reports))


def _no_pilot(name: str, reports: Path) -> str:
    return f"--pilot: '{name}' is no folder with findings, and there is no finished study in {reports}"


def _rows(analysis: Analysis, what: Asked, folder: Path, protocol: Protocol) -> list[Spread]:
    """The pilot's rows of the metric asked for; one message for each way in which there may be none."""
    if not analysis.spreads:
        raise StudyError(f"{folder}: {_without_spreads(analysis)}")
    metrics = dict.fromkeys(row.metric for row in analysis.spreads)
    if what.metric not in metrics:
        raise StudyError(f"{folder}: {unknown('metric of this pilot', what.metric, tuple(metrics))}")
    here = [row for row in analysis.spreads if row.metric == what.metric]
    for noun, wanted, option in (("attribution", what.attribution, "--attribution"), ("model", what.model, "--model")):
        found = tuple(dict.fromkeys(getattr(row, noun) for row in here))
        if wanted not in found:
            raise StudyError(f"{folder}: {unknown(f'{noun} of this pilot', wanted, found)}\nname one with {option}")
        here = [row for row in here if getattr(row, noun) == wanted]
    return here


def _without_spreads(analysis: Analysis) -> str:
    design = analysis.design
    done = {arm: sum(run.arm == arm and run.state == "done" for run in design.runs) for arm in design.arms}
    few = [f"{n} of {arm}" for arm, n in done.items() if n < 2]
    if len(design.arms) < 2:
        return "a study of one arm; it does not say how far images scatter the difference of two"
    if few:
        return (
            f"runs per arm: {', '.join(few)}; the spread of runs needs at least {FEWEST_RUNS}\n"
            f"finish more seeds, take another --pilot, or give {' '.join(GIVEN)}"
        )
    return f"its findings hold no spreads, so an earlier version wrote them; first: study report {design.study}"


# ------------------------------------------------------------------------- the question


def _question(protocol: Protocol, wishes: Wishes, what: Asked, source: Source) -> Question:
    if wishes.delta is not None and not 0 < wishes.delta < np.inf:
        raise StudyError(f"--delta: found {wishes.delta:g}; a difference to be found must be above 0, metric units")
    spread = source.spread
    if spread is None:
        run, case, residual = (float(sd or 0) for sd in wishes.sds)
        pilot, upper = Pilot(run, case, residual), None
    else:
        pilot = pilot_of(spread, source.nested)
        upper = _upper(pilot, spread)
        if not (pilot.sd_run or pilot.sd_arm_image or pilot.sd_residual):
            raise StudyError(f"{source.folder}: runs and images do not scatter {what.metric} at all; is it constant?")
    return Question(
        pilot=pilot,
        upper=upper,
        delta=wishes.delta if wishes.delta is not None else what.margin,
        margin=what.margin,
        alpha=protocol.analysis.alpha,
        m=what.strictest,
        seeding=protocol.seeding,
        per_cluster=spread.n_images / spread.n_clusters if spread else 1.0,
    )


def _upper(pilot: Pilot, spread: Spread) -> Pilot:
    """The run spread at its upper 80 % limit: of the spread of run figures, less the part that is images."""
    images = spread.residual / spread.n_clusters
    seen = np.sqrt(max(spread.run + images, 0.0))
    most = upper_run_sd(float(seen), spread.df_runs + 1) ** 2 - images
    return replace(pilot, sd_run=float(np.sqrt(max(most, pilot.sd_run**2))))


# ------------------------------------------------------------------------- the grid and its price


def _own_images(protocol: Protocol, source: Source) -> int | None:
    """Test images of this protocol: those used in its finished study, else those that it draws itself."""
    if source.own and source.spread is not None:
        return source.spread.n_images
    drawn = getattr(protocol.data[protocol.target], "test", None)
    return drawn if isinstance(drawn, int) and drawn >= 2 else None


def _around(images: int | None) -> tuple[int, ...]:
    """Half, once, twice and four times as many images as the protocol has."""
    if images is None or images < 4:
        return DEFAULT_IMAGES if images is None else (images, *DEFAULT_IMAGES)
    return images // 2, images, 2 * images, 4 * images


def _refuse_small(seeds: Sequence[int], images: Sequence[int], question: Question) -> None:
    if min(seeds) < 2:
        raise StudyError(f"--seeds: found {min(seeds)}; without a second run per arm nothing is known about retraining")
    if min(images) < 2 * question.per_cluster:
        unit = f"two patients ({question.per_cluster:.3g} images each)" if question.per_cluster > 1 else "2"
        raise StudyError(f"--images: found {min(images)}; must be at least {unit}")


def _price(protocol: Protocol, source: Source) -> Price:
    """Seconds of a run and of an image as the pilot's manifests recorded them; runs only where there are none."""
    runs = len(protocol.arms) * len(protocol.models)
    results = _results(source.folder) if source.folder else {}
    seconds: Mapping[str, float] = results.get("provenance", {}).get("seconds") or {}
    counts = results.get("counts", {})
    n_runs, n_images = counts.get("runs_finished"), counts.get("images_listed")
    if not (seconds and n_runs and n_images):
        return Price(runs)
    training = {kind: took for kind, took in seconds.items() if kind in TRAININGS}
    once = [kind for kind in training if not TRAININGS[kind].supervised] if protocol.share_pretraining else []
    images = sum(took for kind, took in seconds.items() if kind not in training and kind != "data")
    return Price(
        runs,
        fixed_s=seconds.get("data", 0.0) + sum(training[kind] for kind in once),
        per_run_s=sum(took for kind, took in training.items() if kind not in once) / n_runs,
        per_image_s=images / n_runs / n_images,
    )


def _results(folder: Path) -> Mapping[str, Any]:
    try:
        results: Mapping[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return results
