"""Arms stay apart in colour, in grey and in shape."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from study.report.colours import PALETTE, SECONDARY, VERDICT_FILL, model_style, style


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, IEC 61966-2-1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def lightness(colour: str) -> float:
    """CIE L*, 0 to 100."""
    y = luminance(colour)
    return 903.3 * y if y <= 0.008856 else 116 * y ** (1 / 3) - 16


@pytest.mark.parametrize(("index", "expected"), [(0, 13), (1, 46), (2, 71), (3, 58), (4, 54), (5, 61)])
def test_colours_have_the_lightness_they_were_chosen_for(index: int, expected: int) -> None:
    assert round(lightness(style(index).colour)) == expected


def test_the_first_four_arms_are_eleven_l_star_apart() -> None:
    first = [lightness(style(i).colour) for i in range(4)]
    assert min(abs(a - b) for a, b in itertools.combinations(first, 2)) >= 11


def test_arms_have_colour_mark_and_line_of_the_table() -> None:
    looks = [style(i) for i in range(6)]
    assert [look.colour for look in looks] == list(PALETTE)
    assert "".join(look.mark_text for look in looks) == "●■▲◆▼×"
    assert [look.marker for look in looks] == ["o", "s", "^", "D", "v", "X"]
    assert looks[0].dash == "-"
    assert len({look.dash for look in looks[:4]}) == 4


def test_no_two_of_72_arms_look_alike_and_twelve_have_marks_of_their_own() -> None:
    looks = [style(i) for i in range(72)]
    assert len({(look.colour, look.mark_text) for look in looks}) == 72
    assert len({look.mark_text for look in looks[:12]}) == 12


def test_marks_are_in_the_report_s_font() -> None:
    from study.report.figures.sheet import drawable

    marks = "".join(style(i).mark_text for i in range(12))
    assert drawable(marks) == marks


def test_open_marks_are_white_inside() -> None:
    assert style(0).face == style(0).colour
    assert style(6).face == "#ffffff"


def test_four_models_differ_in_shape_and_neighbours_in_fill() -> None:
    models = [model_style(i) for i in range(4)]
    assert len({look.marker for look in models}) == 4
    assert [look.filled for look in models] == [True, False, True, False]


def test_verdict_fills_are_far_apart_in_grey() -> None:
    fills = [lightness(VERDICT_FILL[mark]) for mark in ("black", "grey", "white")]
    assert fills[1] - fills[0] > 30
    assert fills[2] - fills[1] > 30


def test_secondary_text_has_enough_contrast_on_white() -> None:
    assert 1.05 / (luminance(SECONDARY) + 0.05) > 4.5


def test_colours_and_figures_import_without_matplotlib() -> None:
    code = "import sys, study.report.colours, study.report.figures; raise SystemExit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
