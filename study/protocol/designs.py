"""Two factors and doses in a protocol: what is written, whether it fits the arms, and what the statistics get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Annotated, Any

from annotated_types import MinLen
from pydantic import BaseModel, ConfigDict, Field

from study.records import Dose, Factorial
from study.registry import unknown

Label = Annotated[str, MinLen(1)]
Factors = dict[Label, dict[Label, tuple[Label, ...]]]
"""Factor -> level -> the arms that have it, the level that is thought of as the lower one first."""
FEWEST_DOSES = 3

Problem = tuple[tuple[str | int, ...], str]
"""Where below `analysis`, and what is wrong."""


class DoseSettings(BaseModel):
    """Arms that differ in the amount of one thing; arms that are not named are not dose 0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Label
    """Of the dose, such as `mask ratio`."""
    unit: str = ""
    """Of the numbers, such as `%`."""
    arms: dict[Label, Annotated[float, Field(allow_inf_nan=False)]]
    """Arm -> its dose; three or more, all different."""


def factorial_of(factors: Factors) -> Factorial | None:
    """The checked factors as the statistics read them; None without any."""
    if not factors:
        return None
    (first, low), (second, high) = factors.items()
    cells = [set(a) & set(b) for a, b in product(low.values(), high.values())]
    arms = tuple(arm for cell in cells for arm in cell)
    assert len(arms) == 4, "checked"
    (a, b), (c, d) = tuple(low), tuple(high)
    return Factorial((first, second), ((a, b), (c, d)), (arms[0], arms[1], arms[2], arms[3]))


def dose_of(settings: DoseSettings | None) -> Dose | None:
    """The checked doses as the statistics read them, lowest first; None without any."""
    if settings is None:
        return None
    ordered = sorted(settings.arms.items(), key=lambda pair: pair[1])
    return Dose(settings.name, settings.unit, tuple(arm for arm, _ in ordered), tuple(dose for _, dose in ordered))


def simple_effects(factorial: Factorial) -> tuple[tuple[str, str, str], ...]:
    """(treatment, control, question) of the first factor at each level of the second.

    These answer the question of a protocol with two factors whether or not the factors interact, so they are its
    primary contrasts where it declares none.
    """
    (first, second), arms = factorial.factors, factorial.arms
    low, high = factorial.levels[0]
    pairs = ((arms[2], arms[0]), (arms[3], arms[1]))
    return tuple(
        (treatment, control, f"{first}: {high} vs {low}, at {second} {level}")
        for (treatment, control), level in zip(pairs, factorial.levels[1], strict=True)
    )


def default_pairs(factorial: Factorial, arms: Sequence[str], reference: str) -> Iterator[tuple[str, str, str | None]]:
    """What a protocol with two factors compares unless it says otherwise.

    The two simple effects of the first factor, then every arm outside the factors against the reference.
    """
    yield from simple_effects(factorial)
    for arm in arms:
        if arm not in (*factorial.arms, reference):
            yield arm, reference, None


# ----------------------------------------------------------------------------------- checks


def problems(factors: Factors, dose: DoseSettings | None, arms: Sequence[str] | None) -> Iterator[Problem]:
    """What is wrong with factors and doses.

    Args:
        factors: as read; empty without any.
        dose: as read; None without one.
        arms: of the protocol; None where they could not be read, so that names cannot be checked.
    """
    if factors:
        yield from _factors(factors, arms)
    if dose is not None:
        yield from _dose(dose, arms)


def _factors(factors: Factors, arms: Sequence[str] | None) -> Iterator[Problem]:
    shape = list(_shape(factors))
    names = list(_names(factors, arms))
    yield from (*shape, *names)
    if not shape and not names:
        yield from _combinations(factors)


def _shape(factors: Factors) -> Iterator[Problem]:
    """Two factors, two levels each, an arm in every level."""
    if len(factors) != 2:
        found = f"found {len(factors)} factor{'s' * (len(factors) != 1)} ({', '.join(factors)})"
        yield ("factors",), f"{found}; name exactly two, each with two levels, or leave `factors` out"
    for factor, levels in factors.items():
        if len(levels) != 2:
            found = f"found {len(levels)} level{'s' * (len(levels) != 1)} ({', '.join(levels)})"
            yield ("factors", factor), f"{found}; a factor has exactly two; compare more under `contrasts`"
        for level, members in levels.items():
            if not members:
                yield ("factors", factor, level), "found []; name the arms that have this level"


def _names(factors: Factors, arms: Sequence[str] | None) -> Iterator[Problem]:
    """Every name is an arm and stands once in each factor."""
    for factor, levels in factors.items():
        places: dict[str, str] = {}
        for level, members in levels.items():
            for i, arm in enumerate(members):
                place = ("factors", factor, level, i)
                if arms is not None and arm not in arms:
                    yield place, unknown("arm", arm, list(arms))
                elif arm in places:
                    also = "twice here" if places[arm] == level else f"also in '{places[arm]}'"
                    yield place, f"'{arm}' is {also}; an arm has exactly one level of '{factor}'"
                places.setdefault(arm, level)


def _combinations(factors: Factors) -> Iterator[Problem]:
    """Every combination of levels is exactly one arm, and no arm has one factor only."""
    (first, ones), (second, others) = factors.items()
    named = {factor: [arm for level in levels.values() for arm in level] for factor, levels in factors.items()}
    for factor, other in ((first, second), (second, first)):
        for arm in named[factor]:
            if arm not in named[other]:
                yield ("factors", other), f"'{arm}' has a level of '{factor}' and none of '{other}'; add it to one"
    if set(named[first]) != set(named[second]):
        return
    for (one, a), (other, b) in product(ones.items(), others.items()):
        both = [arm for arm in a if arm in b]
        combination = f"{first} '{one}' with {second} '{other}'"
        if not both:
            yield ("factors",), f"no arm has {combination}; every combination is exactly one arm"
        elif len(both) > 1:
            yield ("factors",), f"{', '.join(both)} all have {combination}; every combination is exactly one arm"


def _dose(dose: DoseSettings, arms: Sequence[str] | None) -> Iterator[Problem]:
    place = ("dose", "arms")
    for arm in dose.arms:
        if arms is not None and arm not in arms:
            yield (*place, arm), unknown("arm", arm, list(arms))
    if len(dose.arms) < FEWEST_DOSES:
        count = f"{len(dose.arms)} dose{'s' * (len(dose.arms) != 1)}"
        yield place, f"found {count}; a line and how badly it fits need at least {FEWEST_DOSES}"
    for (one, a), (other, b) in combinations(dose.arms.items(), 2):
        if a == b:
            yield (*place, other), f"'{one}' and '{other}' have the same dose {a:g}; doses must differ"


def check_designs(parsed: Mapping[str, Any], ledger: Any) -> None:
    """Note what is wrong with `analysis.factors` and `analysis.dose` of a protocol."""
    analysis = parsed.get("analysis")
    if analysis is not None:
        for place, text in problems(
            analysis.factors, analysis.dose, list(parsed["arms"]) if "arms" in parsed else None
        ):
            ledger.add(("analysis", *place), text)
