"""Text that fits, ticks that say what the report says, SVG that can stand on a page."""

from __future__ import annotations

import re

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from study.report.figures import names, scale, sheet
from study.report.figures.contrast import fit_contrast


def test_text_that_fits_stays_as_it_is() -> None:
    assert sheet.fit("MAE random", 60) == "MAE random"


def test_text_breaks_at_spaces_and_loses_nothing() -> None:
    words = "the treatment against its control arm"
    wrapped = sheet.fit(words, 25, lines=4)
    assert "\n" in wrapped
    assert wrapped.replace("\n", " ") == words


def test_a_word_without_spaces_breaks_behind_a_sign() -> None:
    assert sheet.fit("vit_base_patch16", 10, lines=3) == "vit_\nbase_\npatch16"


def test_what_does_not_fit_ends_in_an_ellipsis_inside_the_width() -> None:
    cut = sheet.fit("a name that is much too long for its column", 20, lines=2)
    assert cut.endswith("…")
    assert sheet.width_of(cut) <= 20
    assert cut.count("\n") == 1


def test_hangul_is_measured_and_cut() -> None:
    cut = sheet.fit("무작위 마스킹 사전학습 비교군", 15)
    assert cut.endswith("…")
    assert sheet.width_of(cut) <= 15


def test_bold_text_is_wider() -> None:
    assert sheet.width_of("Baseline", weight="bold") > sheet.width_of("Baseline") > 0


def test_line_breaks_and_tabs_in_a_name_become_spaces() -> None:
    assert sheet.drawable("a\n b\t c") == "a b c"


def test_both_names_of_a_long_contrast_remain_readable() -> None:
    two = fit_contrast("a very long name of a treatment", "a very long name of a control", 30)
    assert [line.endswith("…") for line in two.split("\n")] == [True, True]
    one = fit_contrast("a very long name of a treatment", "a very long name of a control", 30, lines=1)
    assert one.count("…") == 2
    assert sheet.width_of(one, weight="semibold") <= 30


def test_a_short_contrast_is_one_line() -> None:
    assert fit_contrast("MAE", "baseline", 30) == "MAE − baseline"


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_the_height_of_text_is_what_is_drawn(lines: int) -> None:
    text = "\n".join(["무작위 Mp"] * lines)
    with sheet.style():
        figure, paper = sheet.page(50, 50)
        figure.set_dpi(288)
        box = sheet.write(paper, 10, 10, text).get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert box.height / 288 * 25.4 == pytest.approx(sheet.height_of(text), rel=0.03)
    assert box.width / 288 * 25.4 == pytest.approx(sheet.width_of(text), rel=0.03)


def tick_labels(limits: tuple[float, float], **how: object) -> list[str]:
    figure = Figure()
    axes = figure.add_subplot()
    axes.set_xlim(*limits)
    scale.ticks(axes.xaxis, limits, **how)  # type: ignore[arg-type]
    return [label.get_text() for label in axes.get_xticklabels()]


def test_ticks_of_differences_carry_signs_and_a_plain_zero() -> None:
    assert tick_labels((-0.025, 0.045), signed=True) == ["−0.02", "0", "+0.02", "+0.04"]


def test_ticks_of_levels_are_unsigned_with_the_digits_they_need() -> None:
    assert tick_labels((0.2, 0.8), n=4) == ["0.2", "0.4", "0.6", "0.8"]


def test_ticks_in_percent_are_a_hundred_times_larger() -> None:
    assert tick_labels((0.60, 0.80), n=4, scale=100.0) == ["60", "65", "70", "75", "80"]


def test_ticks_that_would_touch_are_thinned() -> None:
    roomy = [label for label in tick_labels((-0.05, 0.05), n=10, signed=True, room=150) if label]
    narrow = [label for label in tick_labels((-0.05, 0.05), n=10, signed=True, room=20) if label]
    assert len(roomy) > len(narrow) >= 1


def test_zero_is_inside_with_room_on_both_sides() -> None:
    low, high = scale.around_zero([0.03, 0.05], share=0.2)
    assert high > 0.05
    assert -low / (high - low) == pytest.approx(0.2)


def test_a_span_of_nothing_or_of_one_value_is_still_a_range() -> None:
    assert scale.span([None, float("nan")]) == (-1.0, 1.0)
    low, high = scale.span([0.5, 0.5])
    assert low < 0.5 < high


def test_svg_ids_and_references_carry_the_figure_s_name_but_text_does_not() -> None:
    with sheet.style():
        figure, paper = sheet.page(50, 20)
        paper.plot([1, 2], [3, 4], "o")
        sheet.write(paper, 5, 5, 'id="x" url(#y) <b>')
        svg = sheet.svg(figure, "trial", 'a "label" & more')
    assert svg.startswith('<svg role="img" aria-label="a &quot;label&quot; &amp; more"')
    assert re.search(r'id="trial-\w{6}-figure_1"', svg)
    assert re.search(r'xlink:href="#trial-\w{6}-m', svg)
    assert 'id="x" url(#y) &lt;b&gt;' in svg


def test_titles_of_labels_keep_their_parameters() -> None:
    assert names.attribution("smoothgrad[samples=50]") == "SmoothGrad [samples=50]"
    assert names.attribution("a_new_method") == "a_new_method"
