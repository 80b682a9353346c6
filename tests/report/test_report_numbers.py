"""How numbers are written."""

from __future__ import annotations

import pytest

from study.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0441, "+0.044"), (-0.0041, "−0.004"), (-0.0001, "0.000"), (0.0, "0.000"), (None, "–"), (1234.5, "+1,234.500")],
)
def test_differences_carry_their_sign_and_zero_none(value: float | None, text: str) -> None:
    assert numbers.difference(value) == text


def test_percent_metrics_are_times_hundred_with_one_decimal() -> None:
    assert numbers.level(0.8123, "percent") == "81.2"
    assert numbers.difference(-0.0123, "percent") == "−1.2"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0196, "−0.0196"),
        (0.0204, "+0.0204"),
        (0.0003, "+0.0003"),
        (0.02, "+0.020"),
        (0.019, "+0.019"),
        (0.0, "0.000"),
    ],
)
def test_a_bound_that_would_round_onto_a_threshold_gets_more_digits(value: float, text: str) -> None:
    assert numbers.bound(value, thresholds=numbers.limits(0.02)) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.3571, "= 0.357"), (0.0009, "< 0.001"), (1.0, "= 1.000"), (0.0499, "= 0.0499"), (0.05, "= 0.050")]
)
def test_p_has_three_decimals_a_leading_zero_and_is_never_rounded_onto_the_level(p: float, text: str) -> None:
    assert numbers.p_relation(p) == text


def test_counts_durations_and_shares_are_for_people() -> None:
    assert numbers.count(15600) == "15,600"
    assert [numbers.seconds(value) for value in (42, 720, 14760)] == ["42 s", "12 min", "4.1 h"]
    assert numbers.share(0.764) == "76%"
    assert numbers.margin(0.02) == "0.02"
