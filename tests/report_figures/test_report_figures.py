"""What every figure must obey, whatever the study: it fits, it is clean SVG, it is the same twice."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from functools import lru_cache

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from conftest import METRICS, Drawn, MadeUp, measuring

from study.report import figures
from study.report.figures.wording import Language

STUDIES = {
    "usual": MadeUp(n_images=40),
    "odd names, holes": MadeUp(n_arms=4, n_models=3, n_images=40, odd_names=True, missing=True, primary="deletion"),
    "one run, no margin": MadeUp(n_arms=2, n_models=1, n_seeds=1, n_images=30, margin=None),
    "one arm": MadeUp(n_arms=1, n_models=1, n_images=30),
    "twelve arms": MadeUp(n_arms=12, n_models=2, n_seeds=3, n_images=20, odd_names=True),
    "four models": MadeUp(n_arms=3, n_models=4, n_seeds=2, n_images=20, odd_names=True),
    "percent": MadeUp(n_arms=3, n_models=1, n_images=20, metrics=("ehr", "faithfulness_gap"), odd_names=True),
}


def all_figures(study: MadeUp, lang: Language = "en") -> Iterator[str | None]:
    primary = [each for each in study.findings if each.family == "primary"]
    first_cell = [each for each in study.curves if each.attribution == "gradcam" and each.model == study.models[0]]
    yield figures.forest(study.findings, study.seed_differences, study.verdicts, study.names, METRICS, lang)
    yield figures.secondary_forest(study.findings, METRICS, study.names, lang)
    yield figures.design_chains(study.chains, study.design.reference, study.names, lang)
    yield figures.flow(study.analysis, lang)
    yield figures.verdict_rule("both" if lang == "en" else lang)
    yield figures.runs(study.run_means, METRICS, study.design, study.names, lang)
    yield figures.curves(first_cell, study.design, study.names, lang)
    for finding, across in zip(primary[:2], (2, 3), strict=False):
        yield figures.estimation(finding, study.analysis, study.names, lang, across=across)
        yield figures.checks(finding, study.analysis, lang)
    yield figures.controls(study.analysis, "ehr", study.names, lang=lang)
    yield figures.learning_curves(study.learning, study.design, study.names, lang)


@lru_cache
def drawing(name: str, lang: Language = "en") -> tuple[tuple[str, ...], tuple[Drawn, ...]]:
    """All figures of a study and what was measured on them, made once for all tests."""
    with measuring() as made:
        svgs = tuple(svg for svg in all_figures(STUDIES[name], lang) if svg is not None)
    return svgs, tuple(made)


QUICK = "usual", "odd names, holes"
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in STUDIES]


SPOKEN = [
    *(pytest.param(name, "en", marks=() if name in QUICK else pytest.mark.slow) for name in STUDIES),
    ("usual", "ko"),
    pytest.param("odd names, holes", "ko", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "lang"), SPOKEN)
def test_no_text_leaves_a_figure_or_covers_another(name: str, lang: Language) -> None:
    svgs, drawn = drawing(name, lang)
    assert len(svgs) == len(drawn) >= 5
    assert [(figure.name, figure.outside()) for figure in drawn if figure.outside()] == []
    assert [(figure.name, figure.overlapping()) for figure in drawn if figure.overlapping()] == []


@pytest.mark.parametrize("name", EVERY)
def test_no_figure_is_larger_than_a_page(name: str) -> None:
    for figure in drawing(name)[1]:
        width_mm, height_mm = (side * 25.4 / 72 for side in figure.size)
        assert round(width_mm) in (58, 87, 180), figure.name
        assert height_mm <= 235.5, figure.name


@pytest.mark.slow
def test_twenty_attributions_fit_on_a_page_and_what_is_left_out_is_counted(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=4, n_models=2, attributions=("gradcam", *(f"method_{n}" for n in range(19))))
    figures.secondary_forest(study.findings, METRICS, study.names)
    assert drawn[0].size[1] * 25.4 / 72 <= 235
    assert not drawn[0].outside()
    assert any(re.match(r"\d+ more rows do not fit", text) for text, _ in drawn[0].texts)


def test_several_blocks_of_curves_share_a_page_and_the_rest_is_counted(drawn: list[Drawn], made_up: MadeUp) -> None:
    figures.curves(made_up.curves, made_up.design, made_up.names)
    texts = [text for text, _ in drawn[0].texts]
    assert texts.count("Deletion, MoRF ↓") == 3
    assert "1 more blocks (model and attribution) do not fit on this page" in texts
    assert not drawn[0].outside()


def page() -> tuple[str, ...]:
    """All figures of the usual study."""
    return drawing("usual")[0]


def test_figures_of_one_page_have_ids_of_their_own() -> None:
    ids = [each for svg in page() for each in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) > 100
    assert len(ids) == len(set(ids))


def test_every_reference_in_a_figure_is_to_an_id_of_the_same_figure() -> None:
    found = 0
    for svg in page():
        ids = set(re.findall(r'\bid="([^"]+)"', svg))
        wanted = {a or b for a, b in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)}
        found += len(wanted)
        assert wanted <= ids
    assert found > 50


@pytest.mark.parametrize("name", QUICK)
def test_a_figure_is_one_well_formed_element_with_text_and_a_name(name: str) -> None:
    for svg in drawing(name)[0]:
        root = ET.fromstring(svg)
        assert root.tag.endswith("svg")
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert any(each.text for each in root.iter() if each.tag.endswith("text"))


def test_a_figure_brings_no_style_sheet_date_or_outside_address() -> None:
    for svg in page():
        assert "<style" not in svg
        assert "<metadata" not in svg
        assert "<!" not in svg
        assert set(re.findall(r"https?://[^\"' ]+", svg)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }


def test_the_only_font_is_the_report_s_own() -> None:
    for svg in page():
        assert set(re.findall(r"font(?:-family)?: [^;\"]*?'([^']+)'", svg)) == {"Study Sans"}


def test_the_same_records_give_the_same_bytes() -> None:
    assert tuple(svg for svg in all_figures(STUDIES["usual"]) if svg is not None) == drawing("usual")[0]


def test_names_from_the_protocol_are_text_and_nothing_else() -> None:
    study = STUDIES["twelve arms"]
    svg = figures.design_chains(study.chains, study.design.reference, study.names)
    assert svg is not None
    assert "&lt;random&gt;" in svg
    assert "$a$ {b} 2" in svg


def test_signs_that_the_font_does_not_have_become_boxes_without_a_warning(made_up: MadeUp) -> None:
    svg = figures.design_chains(made_up.chains, "baseline", {"baseline": "基準 🦴 line"})
    assert svg is not None
    assert ">□□ □ line<" in svg


def test_drawing_leaves_no_open_figure_and_no_changed_setting(made_up: MadeUp) -> None:
    before = dict(mpl.rcParams)
    figures.flow(made_up.analysis)
    figures.runs(made_up.run_means, METRICS, made_up.design, made_up.names)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def test_a_user_s_own_settings_do_not_change_a_figure(made_up: MadeUp) -> None:
    plain = figures.runs(made_up.run_means, METRICS, made_up.design, made_up.names)
    with mpl.rc_context({"axes.grid": True, "font.size": 20, "lines.linewidth": 9, "axes.facecolor": "red"}):
        assert figures.runs(made_up.run_means, METRICS, made_up.design, made_up.names) == plain


EMPTY: dict[str, Callable[[MadeUp], str | None]] = {
    "forest": lambda study: figures.forest((), (), {}, {}, {}),
    "secondary_forest": lambda study: figures.secondary_forest((), {}, {}),
    "design_chains": lambda study: figures.design_chains((), "", {}),
    "runs": lambda study: figures.runs((), METRICS, study.design, {}),
    "curves": lambda study: figures.curves((), study.design, {}),
    "learning_curves": lambda study: figures.learning_curves((), study.design, {}),
    "controls": lambda study: figures.controls(study.analysis, "no_such_metric", {}),
    "estimation": lambda study: figures.estimation(_unknown(study), study.analysis, {}),
    "checks": lambda study: figures.checks(_unknown(study), study.analysis),
}


def _unknown(study: MadeUp):
    return next(each for each in study.findings if each.family == "secondary")


def test_every_exported_figure_is_there_and_nothing_else_is() -> None:
    for name in figures.__all__:
        assert callable(getattr(figures, name))
    with pytest.raises(AttributeError, match=r"has no attribute 'pie_chart'"):
        figures.pie_chart  # noqa: B018


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_to_show_is_none(name: str, made_up: MadeUp) -> None:
    assert EMPTY[name](made_up) is None


GLOSSARY = re.compile(
    r"\b(?:arms?|baseline|pretraining|fine-tuning|autoencoder|proxy task|masking|random|runs?|seeds?|attributions?|maps?"
    r"|human box|agreement|faithfulness|insertion|deletion|confidence|interval|adjusted|margin|equivalent|inconclusive"
    r"|better|worse|higher|lower|differences?|missing|failed|planned|finished|lost|control|centre|prior|effect|test|images?"
    r"|patients|pixels|inserted|removed|minus|class|target|epochs?|loss|mean|estimate|used|quantile|verdict|same for all"
    r"|no value|undefined|counted|methods|reasons?|to|of)\b",
    flags=re.IGNORECASE,
)


def test_korean_figures_have_no_english_word_but_names() -> None:
    study = STUDIES["usual"]
    svgs, drawn = drawing("usual", "ko")
    own = [*study.names.values(), *study.models]
    own += [verdict.short for verdict in study.verdicts.values()]
    own += [facts.title for facts in METRICS.values()] + [run.reason for run in study.runs if run.reason]
    own += ["Integrated gradients", "Grad-CAM"]
    for figure in drawn:
        for text, _ in figure.texts:
            said = " ".join(text.split())
            for each in sorted(own, key=len, reverse=True):
                said = said.replace(each, "")
            assert not GLOSSARY.findall(said), (figure.name, text)
    for svg in svgs:
        assert re.search("[가-힣]", ET.fromstring(svg).get("aria-label") or "")
        assert re.search("[가-힣]", svg)
