"""Two factors and doses in a protocol: what they become, and that every mistake is told with its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.protocol import read
from study.protocol.lock import declared
from study.records import Dose, Factorial

Write = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]
ARMS = """\
  chest_random: [mae: {data: chest, masking: random, mask_ratio: 0.7}, finetune]
  chest_center: [mae: {data: chest, masking: center, mask_ratio: 0.75}, finetune]
  shoulder_random: [mae: {data: shoulder, masking: random, mask_ratio: 0.75}, finetune]
  shoulder_center: [mae: {data: shoulder, masking: center, mask_ratio: 0.75}, finetune]
reference: baseline
"""
FACTORS = """\
  factors:
    films: {chest: [chest_random, chest_center], shoulder: [shoulder_random, shoulder_center]}
    masking: {random: [chest_random, shoulder_random], center: [chest_center, shoulder_center]}
"""
DOSE = """\
  dose: {name: mask ratio, unit: "%", arms: {chest_random: 75, chest_center: 25.5, shoulder_random: 50}}
"""


@pytest.fixture
def designed(write: Write) -> Write:
    """`designed(settings, old, new, ...)`: the good protocol with four more arms and these settings below `analysis`."""

    def written(settings: str, *pairs: str) -> Path:
        path = write("reference: baseline\n", ARMS)
        text = path.read_text(encoding="utf8") + settings
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text, encoding="utf8")
        return path

    return written


def told(path: Path) -> list[tuple[str, str]]:
    with pytest.raises(ProtocolError) as caught:
        read(path)
    return [(problem.where, problem.message) for problem in caught.value.problems]


def test_factors_become_four_arms_in_a_fixed_order(designed: Write) -> None:
    assert read(designed(FACTORS)).factorial == Factorial(
        ("films", "masking"),
        (("chest", "shoulder"), ("random", "center")),
        ("chest_random", "chest_center", "shoulder_random", "shoulder_center"),
    )


def test_doses_are_sorted_and_other_arms_are_not_among_them(designed: Write) -> None:
    arms = ("chest_center", "shoulder_random", "chest_random")
    assert read(designed(DOSE)).dose == Dose("mask ratio", "%", arms, (25.5, 50.0, 75.0))


def test_without_them_nothing_is_declared_and_every_arm_meets_the_reference(designed: Write) -> None:
    protocol = read(designed(""))
    assert (protocol.factorial, protocol.dose) == (None, None)
    primary = [each for each in protocol.contrasts() if each.family == "primary"]
    assert [(each.treatment, each.control) for each in primary] == [
        (arm, "baseline") for arm in list(protocol.arms)[1:]
    ]
    assert not [where for where in declared(protocol, {}) if "factors" in where or "dose" in where]
    assert read(designed("  factors: {}\n")).analysis == protocol.analysis


def test_default_contrasts_are_the_simple_effects_and_the_arms_outside(designed: Write) -> None:
    primary = [each for each in read(designed(FACTORS)).contrasts() if each.family == "primary"]
    assert [(each.treatment, each.control, each.question) for each in primary] == [
        ("shoulder_random", "chest_random", "films: shoulder vs chest, at masking random"),
        ("shoulder_center", "chest_center", "films: shoulder vs chest, at masking center"),
        ("mae_random", "baseline", "mae_random vs baseline"),
    ]


def test_declared_contrasts_win_over_the_default_of_factors(designed: Write) -> None:
    contrasts = "  contrasts: [{treatment: chest_center, control: baseline}]\n"
    primary = [each for each in read(designed(FACTORS + contrasts)).contrasts() if each.family == "primary"]
    assert [(each.treatment, each.control) for each in primary] == [("chest_center", "baseline")]


def test_factors_and_doses_are_part_of_what_is_locked(designed: Write) -> None:
    found = declared(read(designed(FACTORS + DOSE)), {})
    assert found["analysis.factors.masking.center"] == '["chest_center", "shoulder_center"]'
    assert found["analysis.dose.arms.chest_random"] == "75.0"


MISTAKES = [
    (
        FACTORS,
        ("    masking: {random: [chest_random, shoulder_random], center: [chest_center, shoulder_center]}\n", ""),
        "analysis.factors",
        "found 1 factor (films); name exactly two, each with two levels, or leave `factors` out",
    ),
    (
        FACTORS,
        ("center: [chest_center, shoulder_center]", "center: [chest_center], edge: [shoulder_center]"),
        "analysis.factors.masking",
        "found 3 levels (random, center, edge); a factor has exactly two; compare more under `contrasts`",
    ),
    (
        FACTORS,
        ("center: [chest_center, shoulder_center]", "center: [chest_center, sholder_center]"),
        "analysis.factors.masking.center[1]",
        "'sholder_center' is not a known arm; did you mean 'shoulder_center'?",
    ),
    (
        FACTORS,
        ("center: [chest_center, shoulder_center]", "center: [chest_center, shoulder_center, chest_random]"),
        "analysis.factors.masking.center[2]",
        "'chest_random' is also in 'random'; an arm has exactly one level of 'masking'",
    ),
    (
        FACTORS,
        ("center: [chest_center, shoulder_center]", "center: [chest_center, chest_center]"),
        "analysis.factors.masking.center[1]",
        "'chest_center' is twice here; an arm has exactly one level of 'masking'",
    ),
    (
        FACTORS,
        ("center: [chest_center, shoulder_center]", "center: [chest_center]"),
        "analysis.factors.masking",
        "'shoulder_center' has a level of 'films' and none of 'masking'; add it to one",
    ),
    (
        FACTORS,
        ("center: [chest_center, shoulder_center]", "center: []"),
        "analysis.factors.masking.center",
        "found []; name the arms that have this level",
    ),
    (
        DOSE,
        (", shoulder_random: 50", ""),
        "analysis.dose.arms",
        "found 2 doses; a line and how badly it fits need at least 3",
    ),
    (
        DOSE,
        ("shoulder_random: 50", "shoulder_random: 75"),
        "analysis.dose.arms.shoulder_random",
        "'chest_random' and 'shoulder_random' have the same dose 75; doses must differ",
    ),
    (
        DOSE,
        ("shoulder_random: 50", "shoulder_rnd: 50"),
        "analysis.dose.arms.shoulder_rnd",
        "'shoulder_rnd' is not a known arm; did you mean 'shoulder_random'?",
    ),
    (DOSE, ("shoulder_random: 50", "shoulder_random: much"), "analysis.dose.arms.shoulder_random", "found 'much'"),
    (
        DOSE,
        ("shoulder_random: 50", "shoulder_random: .inf"),
        "analysis.dose.arms.shoulder_random",
        "found '.inf'; must be a number",
    ),
    (DOSE, ("name: mask ratio", "nmae: mask ratio"), "analysis.dose.nmae", "'nmae' is not a known key; did you mean"),
]


@pytest.mark.parametrize(("settings", "change", "where", "message"), MISTAKES, ids=lambda value: str(value)[-40:])
def test_a_mistake_is_told_at_its_place(
    designed: Write, settings: str, change: tuple[str, str], where: str, message: str
) -> None:
    found = told(designed(settings, *change))
    assert [text for place, text in found if place == where and text.startswith(message)], found


def test_a_combination_that_is_two_arms_leaves_another_without_one(designed: Write) -> None:
    found = told(
        designed(
            FACTORS,
            "[chest_random, shoulder_random], center: [chest_center, shoulder_center]",
            "[chest_random, chest_center], center: [shoulder_random, shoulder_center]",
        )
    )
    assert found == [
        (
            "analysis.factors",
            "chest_random, chest_center all have films 'chest' with masking 'random'; every "
            "combination is exactly one arm",
        ),
        ("analysis.factors", "no arm has films 'chest' with masking 'center'; every combination is exactly one arm"),
        ("analysis.factors", "no arm has films 'shoulder' with masking 'random'; every combination is exactly one arm"),
        (
            "analysis.factors",
            "shoulder_random, shoulder_center all have films 'shoulder' with masking 'center'; every "
            "combination is exactly one arm",
        ),
    ]


@pytest.mark.parametrize(("name", "arms"), [("masking", 4), ("mask_ratio", 4)])
def test_the_shipped_protocols_have_their_design_beside_a_baseline(name: str, arms: int) -> None:
    protocol = read(ROOT / "protocols" / f"{name}.yaml")
    design = protocol.factorial or protocol.dose
    assert design is not None
    assert len(design.arms) == arms
    assert set(protocol.arms) - set(design.arms) == {"baseline"}
