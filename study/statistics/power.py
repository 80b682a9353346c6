"""A grid of designs: what so many seeds and images find, and what they cost.

Seeds and images of a cell may be infinite: the last row and column show what buying more of one axis can never
beat. `images` are counted as they are bought; where several come from one patient, patients are what is independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from study.records import Seeding
from study.statistics.comparison import FEWEST_PAIRS
from study.statistics.planning import Pilot, Studies, equivalence_power, power, precision, simulated
from study.statistics.spreads import MOST_SIMULATED, draws_of, smallest_difference


@dataclass(frozen=True)
class Question:
    """What every cell of a grid is asked.

    Attributes:
        pilot: spreads as estimated. upper: with the run spread as large as the pilot allows (upper 80 % limit); None
            where nobody knows how many runs the spread came from.
        delta: true difference to be found, metric units; None: only smallest differences are asked for.
        margin: bounds of equivalence, metric units, or None.
        alpha: of the protocol. m: the smallest p of the family must beat alpha / m; for Holm the number of tests.
        per_cluster: images that share a patient, on average; 1 where images are independent.
    """

    pilot: Pilot
    upper: Pilot | None = None
    delta: float | None = None
    margin: float | None = None
    alpha: float = 0.05
    m: float = 1
    seeding: Seeding = "nested"
    per_cluster: float = 1.0


@dataclass(frozen=True)
class Price:
    """What a design costs, as the pilot paid it.

    Attributes:
        runs_per_seed: runs that one more seed adds (arms times models).
        fixed_s: seconds that no seed and no image adds to, such as a shared pretraining.
        per_run_s: seconds of training a run. per_image_s: of explaining and measuring one image of a run.
    """

    runs_per_seed: int
    fixed_s: float = 0.0
    per_run_s: float | None = None
    per_image_s: float | None = None

    def runs(self, seeds: float) -> float:
        """Runs of the whole study."""
        return seeds * self.runs_per_seed

    def hours(self, seeds: float, images: float) -> float | None:
        """Hours of work, one stage at a time; None where no stage was timed or the design is infinite."""
        if self.per_run_s is None or self.per_image_s is None or math.isinf(seeds) or math.isinf(images):
            return None
        return (self.fixed_s + self.runs(seeds) * (self.per_run_s + self.per_image_s * images)) / 3600


class Chances(NamedTuple):
    """What a design of one size finds under one pilot.

    Attributes:
        smallest: true difference found in four of five studies, metric units.
        power: chance to find `delta`; power_adjusted: at alpha / m; equivalent: to conclude equivalence of equal arms.
            None where there is no delta (margin).
        error: binomial error of a simulated `power`, error_adjusted and error_equivalent likewise; 0 in closed form.
    """

    smallest: float
    power: float | None
    power_adjusted: float | None
    equivalent: float | None
    error: float = 0.0
    error_adjusted: float = 0.0
    error_equivalent: float = 0.0


@dataclass(frozen=True)
class Cell:
    """One design of the grid.

    Attributes:
        seeds, images: infinite in the last row and column.
        simulated: whether studies were simulated (S <= MOST_SIMULATED) instead of using the closed form.
        se, df: of the difference, expected.
        expected: with the pilot's spreads; upper: with the run spread at its upper limit, None without one.
        runs, hours: of the whole study; hours None where unknown.
    """

    seeds: float
    images: float
    simulated: bool
    se: float
    df: float
    expected: Chances
    upper: Chances | None
    runs: float
    hours: float | None


def grid(question: Question, price: Price, seeds: Sequence[int], images: Sequence[int]) -> tuple[Cell, ...]:
    """Every pair of `seeds` and `images`, then the floors: infinite images, infinite seeds.

    Args:
        question: at least one standard deviation of its pilot is positive.
        seeds: runs per arm, each >= 2, ascending.
        images: each at least two clusters, ascending.
    """
    return tuple(cell(question, price, seeds=s, images=n) for s, n in _sizes(seeds, images))


def _sizes(seeds: Sequence[int], images: Sequence[int]) -> Iterator[tuple[float, float]]:
    for s in seeds:
        yield from ((s, n) for n in (*images, math.inf))
    yield from ((math.inf, n) for n in images)


def cell(question: Question, price: Price, *, seeds: float, images: float) -> Cell:
    """One design."""
    plan = precision(
        question.pilot, seeds=seeds, images=images / question.per_cluster, seeding=_analysed(question, seeds)
    )
    return Cell(
        seeds=seeds,
        images=images,
        simulated=seeds <= MOST_SIMULATED,
        se=plan.se,
        df=plan.df,
        expected=chances(question, seeds=seeds, images=images),
        upper=chances(replace(question, pilot=question.upper), seeds=seeds, images=images) if question.upper else None,
        runs=price.runs(seeds),
        hours=price.hours(seeds, images),
    )


def chances(question: Question, *, seeds: float, images: float) -> Chances:
    """Of one design: simulated up to `MOST_SIMULATED` runs per arm, else in closed form."""
    clusters = images / question.per_cluster
    if precision(question.pilot, seeds=seeds, images=clusters).se == 0:
        sure = None if question.delta is None else 1.0
        return Chances(0.0, sure, sure, None if question.margin is None else 1.0)
    if seeds <= MOST_SIMULATED:
        draws = draws_of(int(seeds))
        return _simulated(question, simulated(question.pilot, draws, images=clusters, seeding=question.seeding))
    return _closed_form(question, seeds=seeds, images=clusters)


def _closed_form(question: Question, *, seeds: float, images: float) -> Chances:
    pilot, alpha, seeding = question.pilot, question.alpha, question.seeding

    def found(level: float) -> float | None:
        if question.delta is None:
            return None
        return power(pilot, question.delta, seeds=seeds, images=images, alpha=level, seeding=seeding)

    equivalent = None
    if question.margin is not None:
        equivalent = equivalence_power(pilot, question.margin, seeds=seeds, images=images, alpha=alpha, seeding=seeding)
    smallest = smallest_difference(pilot, seeds=seeds, images=images, alpha=alpha, seeding=seeding)
    return Chances(smallest, found(alpha), found(alpha / question.m), equivalent)


def _simulated(question: Question, studies: Studies) -> Chances:
    made = Chances(studies.smallest_detectable(alpha=question.alpha), None, None, None)
    if question.delta is not None:
        found = studies.power(question.delta, question.alpha)
        adjusted = studies.power(question.delta, question.alpha / question.m)
        made = made._replace(power=found.power, error=found.error)
        made = made._replace(power_adjusted=adjusted.power, error_adjusted=adjusted.error)
    if question.margin is not None:
        same = studies.equivalent(question.margin, question.alpha)
        made = made._replace(equivalent=same.power, error_equivalent=same.error)
    return made


def _analysed(question: Question, seeds: float) -> Seeding:
    """Too few pairs are analysed as nested."""
    return question.seeding if seeds >= FEWEST_PAIRS else "nested"


class Step(NamedTuple):
    """A design that doubles one axis of another, and how much smaller the detectable difference gets."""

    seeds: float
    images: float
    smallest: float
    power: float | None
    more_runs: float
    more_hours: float | None
    gain: float


def doubled(question: Question, price: Price, *, seeds: int, images: int) -> tuple[Step, Step]:
    """What twice the seeds and what twice the images buy; `gain` is the share by which the smallest difference falls."""
    now = chances(question, seeds=seeds, images=images)
    hours = price.hours(seeds, images)
    steps = []
    for s, n in ((2 * seeds, images), (seeds, 2 * images)):
        then, later = chances(question, seeds=s, images=n), price.hours(s, n)
        more = later - hours if later is not None and hours is not None else None
        gain = 1 - then.smallest / now.smallest if now.smallest > 0 else 0.0
        steps.append(Step(s, n, then.smallest, then.power, price.runs(s - seeds), more, gain))
    return steps[0], steps[1]
