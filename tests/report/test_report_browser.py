"""The page in a real browser: its tools, both languages, a phone's width, paper, and without scripts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_browser import Tab, chromium
from report_builder import Made, made_up

from study.errors import DependencyError
from study.report import pdf, render
from study.report.terms import TERMS, Text

pytestmark = pytest.mark.slow  # one browser, and one page that is drawn for it

TABLE = "#t-agreement-1"
ROWS = """[...document.querySelector('{table}').tBodies].map(body => [...body.rows].map(row =>
  row.classList.contains('group') ? 'group' : row.cells[{column}].dataset.v || row.cells[{column}].innerText.trim()))"""
VISIBLE = "[...document.querySelectorAll('{selector}')].filter(e => e.checkVisibility()).length"
ARMS = ["Baseline", "MAE center", "MAE random", "Proxy"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two models and four arms; no PDF is needed for it."""

    def absent() -> Any:
        raise DependencyError("not here")

    folder = tmp_path_factory.mktemp("page")
    made = Made(models=("vit_small", "densenet121"), metrics=("ehr", "insertion"), images=24, methods=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "weasyprint", absent)
        with pytest.raises(DependencyError):
            render(made_up(made), folder)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab, page: Path) -> Tab:
    """The page, opened anew."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(page)
    return browser


def rows(tab: Tab, column: int, table: str = TABLE) -> list[list[str]]:
    found: list[list[str]] = tab.evaluate(ROWS.format(table=table, column=column))
    return found


def head(column: int, table: str = TABLE) -> str:
    return f"{table} thead tr:last-child th:nth-child({column + 1})"


def sorts(tab: Tab, table: str = TABLE) -> list[str | None]:
    found: list[str | None] = tab.evaluate(
        f"[...document.querySelectorAll('{table} thead tr:last-child th')].map(e => e.getAttribute('aria-sort'))"
    )
    return found


def visible(tab: Tab, selector: str) -> int:
    return int(tab.evaluate(VISIBLE.format(selector=selector)))


# -------------------------------------------------------------------------------------------------------------- quiet


def test_the_page_asks_for_nothing_and_complains_of_nothing(tab: Tab, page: Path) -> None:
    tab.click(head(1))
    tab.click("figure svg")
    outside = {url[:40] for url in tab.requests if not url.startswith("data:")} - {page.as_uri()[:40]}
    assert len(tab.requests) > 10
    assert outside == set()
    assert tab.complaints == []


def test_every_letter_is_drawn_in_the_page_s_own_font(tab: Tab) -> None:
    loaded = tab.evaluate("document.fonts.ready.then(all => [...all].map(f => [f.family, f.weight, f.status]))")
    assert sorted(weight for _, weight, status in loaded if status == "loaded") == ["400", "600", "700"]
    tab.call("DOM.enable")
    tab.call("CSS.enable")
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    for selector in ("main p", "caption", "tbody td.number", "h2", "svg text"):
        node = tab.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        fonts = {font["familyName"] for font in tab.call("CSS.getPlatformFontsForNode", nodeId=node)["fonts"]}
        assert fonts
        assert all(font.startswith("Study Sans") for font in fonts), selector


# -------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("how", ["mouse", "Enter"])
def test_a_head_sorts_by_the_unrounded_value_inside_each_model(tab: Tab, how: str) -> None:
    def act() -> None:
        if how == "mouse":
            tab.click(head(1))
        else:
            tab.evaluate(f"document.querySelector('{head(1)}').focus()")
            tab.press("Enter")

    before = rows(tab, 1)
    assert [len(group) for group in before] == [5, 5]
    # what is printed must not matter: all cells say the same, and some of it does not parse
    tab.evaluate(f"document.querySelectorAll('{TABLE} td').forEach(e => {{ e.textContent = '−0.5 ± 0.1†'; }})")
    act()
    up = [["group", *sorted(group[1:], key=float)] for group in before]
    assert sorts(tab) == [None, "ascending", None]
    assert rows(tab, 1) == up
    assert up != before
    act()
    assert sorts(tab) == [None, "descending", None]
    assert rows(tab, 1) == [["group", *reversed(group[1:])] for group in up]


def test_another_head_takes_over(tab: Tab) -> None:
    tab.click(head(1))
    tab.click(head(2))
    assert sorts(tab) == [None, None, "ascending"]
    assert all(group == ["group", *sorted(group[1:], key=float)] for group in rows(tab, 2))


def test_names_sort_without_their_marks(tab: Tab) -> None:
    tab.click(head(0))
    assert [[name[1:].strip() for name in group[1:]] for group in rows(tab, 0)] == [ARMS, ARMS]


def test_what_is_missing_stands_last_whichever_way(tab: Tab) -> None:
    cell = f"document.querySelector('{TABLE}').tBodies[0].rows[2].cells[1]"
    tab.evaluate(f"{cell}.removeAttribute('data-v'), {cell}.textContent = '–'")
    for _ in ("up", "down"):
        tab.click(head(1))
        assert rows(tab, 1)[0][-1] == "–"
        assert [len(group) for group in rows(tab, 1)] == [5, 5]


def test_a_table_is_copied_as_it_stands(tab: Tab) -> None:
    tab.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    tab.click("#t-primary thead tr:last-child th:nth-child(2)")
    tab.click(".tbl:has(#t-primary) .tools button")
    copied = list(csv.reader(io.StringIO(tab.evaluate("navigator.clipboard.readText()"))))
    assert tab.evaluate("document.querySelector('.tbl:has(#t-primary) .tools button').innerText") == "Copied"
    shown = tab.evaluate(
        "[...document.querySelector('#t-primary').rows].map(row => [...row.cells].map(cell => cell.innerText))"
    )
    assert {len(row) for row in copied} == {6}, "a field for every column"
    assert [row[0].split()[0] for row in copied] == [row[0].split()[0] for row in shown]
    assert [row[1] for row in copied if row[1]] == [row[1].replace("−", "-") for row in shown if len(row) > 1]
    assert all(float(row[1]) for row in copied[1:] if row[1]), "numbers that a spreadsheet reads"


# ------------------------------------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize(
    ("selector", "kind"), [("section.s2 figure svg", "svg"), (".gallery td img", "img"), (".panels img", "img")]
)
def test_a_picture_is_enlarged_and_escape_or_a_click_puts_it_back(tab: Tab, selector: str, kind: str) -> None:
    is_open = "document.querySelector('dialog').open"
    inside = "(e => e && [e.tagName.toLowerCase(), e.getBoundingClientRect().width])(document.querySelector('dialog').firstElementChild)"
    small = tab.evaluate(f"document.querySelector('{selector}').getBoundingClientRect().width")
    assert not visible(tab, "dialog")
    tab.click(selector)
    assert tab.evaluate(is_open)
    tag, large = tab.evaluate(inside)
    assert tag == kind
    assert large > small
    tab.press("Escape")
    assert not tab.evaluate(is_open)
    assert tab.evaluate(inside) is None, "no second copy of its ids stays behind"

    tab.evaluate(f"document.querySelector('{selector}').focus()")
    tab.press("Enter")
    assert tab.evaluate(is_open)
    tab.click("dialog")
    assert not tab.evaluate(is_open)


# ----------------------------------------------------------------------------------------------------------- languages


def test_the_language_switches_everything_that_is_said_twice(tab: Tab) -> None:
    def state() -> tuple[Any, ...]:
        pressed = tab.evaluate("[...document.querySelectorAll('[aria-pressed=true]')].map(e => e.dataset.setlang)")
        return (
            tab.evaluate("document.documentElement.lang"),
            pressed,
            tab.evaluate("document.querySelector('#s2').innerText.replace(/\\s+/g, '')"),
            tab.evaluate("document.querySelector('.tools button').innerText"),
        )

    design, words = Text(*("".join(text.split()) for text in vars(TERMS["s2"]).values())), TERMS["tool.csv"]
    tab.evaluate("document.querySelectorAll('main svg').forEach(e => e.remove())")  # drawn in the report's languages
    assert state() == ("en", ["both"], f"2{design.en}{design.ko}", words.en)
    tab.click("[data-setlang=ko]")
    assert state() == ("ko", ["ko"], f"2{design.ko}", words.ko)
    korean = tab.evaluate("document.querySelector('main').innerText")
    tab.click("[data-setlang=en]")
    assert state() == ("en", ["en"], f"2{design.en}", words.en)
    english = tab.evaluate("document.querySelector('main').innerText")
    tab.click("[data-setlang=both]")
    assert state() == ("en", ["both"], f"2{design.en}{design.ko}", words.en)
    assert "Read this before quoting" in english
    assert "Read this before quoting" not in korean
    assert "결론 유보" in korean
    assert not any("가" <= letter <= "힣" for letter in english)


def test_korean_words_say_that_they_are_korean(tab: Tab) -> None:
    strange = tab.evaluate(
        """(() => { const found = [], walk = document.createTreeWalker(document.querySelector('main'), 4);
        while (walk.nextNode()) if (/[가-힣]/.test(walk.currentNode.data)
          && walk.currentNode.parentElement.closest('[lang]').lang !== 'ko'
          && !walk.currentNode.parentElement.closest('svg')) found.push(walk.currentNode.data);
        return found; })()"""
    )
    assert strange == []


# -------------------------------------------------------------------------------------------- the jump bar and widths


@pytest.mark.parametrize("width", [1100, 400])
def test_the_jump_bar_goes_to_every_section_and_does_not_cover_it(browser: Tab, page: Path, width: int) -> None:
    browser.open(page, width=width)
    numbers = browser.evaluate("[...document.querySelectorAll('nav.top a')].map(e => e.hash)")
    assert numbers == [f"#s{n}" for n in range(1, 12)]
    first = "document.querySelector('nav.top').getBoundingClientRect().bottom <= document.querySelector('.id').getBoundingClientRect().top"
    assert browser.evaluate(first)
    for name in ("#s5", "#s9"):
        browser.click(f"nav.top a[href='{name}']")
        top, bar = browser.evaluate(
            f"[document.querySelector('{name}').getBoundingClientRect().top,"
            " document.querySelector('nav.top').getBoundingClientRect().bottom]"
        )
        assert bar <= top < 400


def test_at_the_width_of_a_phone_only_boxes_scroll(browser: Tab, page: Path) -> None:
    browser.open(page, width=400)
    found = browser.evaluate(
        """(() => ({page: document.documentElement.scrollWidth,
        scrolling: [...document.querySelectorAll('.tbl')].filter(e => e.scrollWidth > e.clientWidth).length,
        columns: getComputedStyle(document.querySelector('.strip')).gridTemplateColumns.split(' ').length,
        wide: [...document.querySelectorAll('nav, main *')].filter(e => e.getBoundingClientRect().right > 400
          && !e.closest('.tbl, figure, table.gallery')).map(e => e.outerHTML.slice(0, 80))}))()"""
    )
    assert found["page"] <= 400
    assert found["wide"] == []
    assert found["scrolling"] > 0
    assert found["columns"] == 1


# ------------------------------------------------------------------------------------------- paper, and without scripts


def test_on_paper_there_are_no_tools(tab: Tab) -> None:
    tools = "nav.top, .tools, dialog, button"
    assert visible(tab, tools) > 10
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert visible(tab, tools) == 0
    assert visible(tab, "main section") == 11


def test_without_scripts_the_page_is_complete_and_offers_no_dead_tool(browser: Tab, page: Path) -> None:
    browser.open(page)
    browser.evaluate("document.querySelectorAll('.tools').forEach(e => e.remove())")
    with_scripts = browser.evaluate("document.querySelector('main').innerText")
    browser.open(page, scripts=False)
    assert browser.evaluate("document.body.classList.contains('js')") is False
    assert browser.evaluate("document.querySelector('main').innerText") == with_scripts
    assert visible(browser, "button") == 0
    assert visible(browser, "nav.top a") == 11
    assert browser.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    held = browser.evaluate("document.querySelector('#results').textContent")
    assert json.loads(held)["study"] == "made_up"
