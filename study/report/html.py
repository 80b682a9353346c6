"""The page: templates filled from the results, for the screen and for the PDF.

Both come from the same templates. On the screen figures stand inline (a picture in `<img>`
cannot use the page's fonts), every text is there in both languages, and there are tools; for
the PDF figures are image data (inline they take longer and log every path).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from study.report import asides, contrast_tables, designs, fact_tables
from study.report.cells import alone
from study.report.class_tables import classification, concepts, per_class
from study.report.contrast_pictures import MOST_ESTIMATIONS
from study.report.control_tables import controls_table
from study.report.cross_tables import cross_tables
from study.report.design_tables import dose_tables, factor_tables
from study.report.effect_tables import effect_tables, equivalence_table, undefined_table
from study.report.finding_tables import balance
from study.report.front import Front
from study.report.gallery import Gallery
from study.report.labels import speaker
from study.report.layers import layer_tables
from study.report.methods import glossary, methods
from study.report.notes import Notes
from study.report.omnibus_tables import arm_rank_tables, omnibus_table
from study.report.outside import planned, spoken
from study.report.picture import Picture
from study.report.pictures import Pictures
from study.report.rank_tables import rank_tables
from study.report.reliability_tables import buy_next, components_table, reliability_table, run_agreement_tables
from study.report.table import Table
from study.report.tables import metric_tables
from study.report.terms import TERMS, Language, Text, fill

FOLDER = Path(__file__).parent
SECTIONS = range(1, 13)
WORTH_CUTTING = 1.25
"""A table in print is cut only where it has more than this many times the rows that it may have."""
LONGEST_WORD = 16
"""Letters of a word that a head cell keeps whole."""
SHORT_NAME = 24
"""Latin letters of the head of a row that stays in one line; Hangul counts twice."""
FIRST_WIDE = "\u1100"
"""The first Hangul letter."""
UNBROKEN = re.compile(" (?=[↑↓]|100 )")
"""Spaces of a column's head at which no line ends: before an arrow, and inside `× 100`."""
METRIC_GROUPS = ("agreement", "faithfulness", "masking", "sanity", "other")


@dataclass(frozen=True)
class Content:
    """Everything the templates read.

    Attributes:
        results: the whole report as plain data.
        front: page 1.
        pictures, gallery, notes: as their modules say.
        tables: name -> tables, in their order.
        sections: numbers of the sections that have something to say.
        second: whether headlines of page 1 stand in the second language too.
    forest_rest: the whole forest plot where page 1 could show only its beginning.
    cut: the three lists of page 1 in full, where page 1 could not show them.
    faces: the font rules.
    """

    results: Mapping[str, Any]
    front: Front
    pictures: Pictures
    gallery: Gallery
    notes: Notes
    tables: Mapping[str, Sequence[Table]]
    sections: tuple[int, ...]
    second: bool = True
    forest_rest: tuple[Picture, ...] = ()
    cut: Front | None = None
    faces: str = ""


def content(results: Mapping[str, Any], front: Front, pictures: Pictures, gallery: Gallery, notes: Notes) -> Content:
    """The tables of every section, and which sections stay."""
    tables = _tables(results)
    sections = tuple(n for n in SECTIONS if _stays(n, tables, pictures, gallery, notes))
    tables["checklist"] = [fact_tables.checklist(results, sections)]
    return Content(results, front, pictures, gallery, notes, tables, sections)


def _tables(results: Mapping[str, Any]) -> dict[str, list[Table]]:
    single = {
        "design": fact_tables.design(results),
        "classification": classification(results),
        "primary": contrast_tables.primary(results),
        "chance": contrast_tables.chance(results),
        "equivalence": equivalence_table(results),
        "undefined": undefined_table(results),
        "secondary": contrast_tables.others(results, "secondary"),
        "exploratory": contrast_tables.others(results, "exploratory"),
        "checks": fact_tables.checks(results),
        "missing": fact_tables.missing(results),
        "deviations": fact_tables.deviations(results),
        "quarantined": fact_tables.quarantined(results),
        "omnibus": omnibus_table(results),
        "reliability": reliability_table(results),
        "components": components_table(results),
        "provenance": fact_tables.provenance(results),
    }
    tables = {name: [table] if table else [] for name, table in single.items()}
    tables |= {which: metric_tables(results, which) for which in METRIC_GROUPS}
    return tables | {
        "effects": effect_tables(results),
        "balance": balance(results),
        "per_class": per_class(results),
        "concepts": concepts(results),
        "cross": cross_tables(results),
        "factors": factor_tables(results),
        "dose": dose_tables(results),
        "ranks": rank_tables(results),
        "arm_ranks": arm_rank_tables(results),
        "run_agreement": run_agreement_tables(results),
        "layers": layer_tables(results),
    }


def _stays(n: int, tables: Mapping[str, Any], pictures: Pictures, gallery: Gallery, notes: Notes) -> bool:
    """The rule of what is left out, by section."""
    if n == 3:
        return bool(tables["agreement"])
    if n == 4:
        found = any(tables[name] for name in (*METRIC_GROUPS[1:], "cross"))
        return found or bool(pictures.curves)
    if n == 5:
        compared = any(tables[name] for name in ("primary", "secondary", "exploratory", "ranks", "layers", "omnibus"))
        return compared or bool(tables["classification"] and not tables["agreement"])
    if n == 6:
        return bool(pictures.estimation)
    if n == 8:
        return bool(gallery.tables or gallery.methods.sheets or notes.by_hand)
    if n == 12:
        return bool(notes.questions or notes.plan)
    return True


class Page:
    """One rendering: counts figures and tables, speaks the asked languages."""

    def __init__(self, languages: Sequence[Language], *, web: bool, spoken: Callable[[str], str] = str) -> None:
        self._spoken = spoken
        self.first = languages[0]
        self.second = languages[1] if len(languages) > 1 else None
        self.web = web
        self._figures, self._tables = count(1), count(1)

    def say(self, text: Text) -> Markup:
        """Body text: the first language, on the screen also the second one behind the switch."""
        first = escape(self._spoken(text.lang(self.first)))
        if self.second is None or not self.web or text.en == text.ko:
            return first
        second = escape(self._spoken(text.lang(self.second)))
        template = '<span class="l1">{}</span><span class="l2" lang="{}">{}</span>'
        return Markup(template).format(first, self.second, second)

    def both(self, text: Text) -> Markup:
        """Headings, verdict lines, glossary: the first language, then the second in secondary colour."""
        first = escape(self._spoken(text.lang(self.first)))
        if self.second is None or text.en == text.ko:
            return first
        second = escape(self._spoken(text.lang(self.second)))
        template = '<span class="b1">{}</span> <span class="b2" lang="{}">{}</span>'
        return Markup(template).format(first, self.second, second)

    def block(self, text: Text, css: str = "") -> Markup:
        """Both languages as paragraphs of their own."""
        first = Markup('<p class="{} b1">{}</p>').format(css, self._spoken(text.lang(self.first)))
        if self.second is None or text.en == text.ko:
            return first
        second = self._spoken(text.lang(self.second))
        second = Markup('<p class="{} b2" lang="{}">{}</p>').format(css, self.second, second)
        return first + second

    def only(self, text: Text) -> str:
        """The first language alone, for attributes and running titles."""
        return self._spoken(text.lang(self.first))

    def other(self, text: Text) -> str:
        """The second language alone."""
        return self._spoken(text.lang(self.second or self.first))

    def wordy(self, text: Text) -> bool:
        """Whether a word is so long that a head cell must break it, or the table would leave the page."""
        return max(map(len, self.only(text).split()), default=0) > LONGEST_WORD

    def whole(self, name: Text) -> bool:
        """Whether the head of a row is so short that it stays in one line."""
        return sum(2 if letter >= FIRST_WIDE else 1 for letter in self.only(name)) <= SHORT_NAME

    def head(self, text: Text) -> Markup:
        """A column's head, whose arrow does not stand in a line of its own."""
        return Markup(UNBROKEN.sub("\N{NO-BREAK SPACE}", self.say(text)))

    def term(self, key: str, **values: object) -> Markup:
        """Body text by its key."""
        return self.say(fill(key, **values))

    def heading(self, key: str) -> Markup:
        """A heading by its key."""
        return self.both(TERMS[key])

    def figure(self, picture: Picture, svg: str) -> Markup:
        """The figure itself, or one panel of it: inline on the screen, image data in the PDF."""
        alt = self.only(fill("alt", caption=picture.caption))
        if self.web:
            return Markup(svg)
        data = base64.b64encode(svg.encode("utf8")).decode("ascii")
        return Markup('<img class="fig" alt="{}" src="data:image/svg+xml;base64,{}">').format(alt, data)

    def figure_label(self) -> Markup:
        """`Figure 3.`, counted in the order of the page."""
        return self.term("label.figure", n=next(self._figures))

    def table_label(self) -> Markup:
        """`Table 3.`, counted in the order of the page."""
        return self.term("label.table", n=next(self._tables))

    def some(self, tables: Sequence[Table], most: int) -> Sequence[Table]:
        """All tables on the screen, the first of them in print."""
        return tables if self.web else tables[:most]

    def printed(self, table: Table) -> Table:
        """The table as far as it fits: in print the first rows and where the rest is, unless that saves next to none."""
        if self.web or table.print_lines is None or table.n_lines <= table.print_lines * WORTH_CUTTING:
            return table
        more = fill("more.file", n=table.n_lines - table.print_lines, file=table.rest)
        return replace(table, groups=table.first(table.print_lines), notes=(more, *table.notes))


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Templates with autoescape on; an undefined name is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(content: Content, languages: Sequence[Language], *, web: bool, only: int | None = None) -> str:
    """One self-contained page.

    Args:
        content: what to show.
        languages: the body's language, then the second one if there is one.
        web: for the screen (inline figures, both languages, tools, data), else for the PDF.
        only: render this section alone, for measuring it.
    """
    sections = content.sections if only is None else (only,)
    results = content.results
    return (
        environment()
        .get_template("base.html")
        .render(
            page=Page(languages, web=web, spoken=speaker(results)),
            web=web,
            c=content,
            r=results,
            sections=sections,
            second=content.second,
            css=_static("report.css") + (_static("screen.css") if web else Markup("")),
            script=_static("report.js") if web else "",
            data=Markup(_embedded(results)) if web else "",
            faces=Markup(content.faces),
            date=asides.date(results["date"]),
            methods=methods(results),
            glossary=glossary(results, web=web),
            controls=[controls_table(results, model, every=web) for model in results["models"]],
            control_sentences=asides.controls(results),
            statistics_notes=asides.statistics_notes(results, most=asides.MOST_NOTES if web else asides.MOST_IN_PRINT),
            warnings=asides.warnings(results, content.notes),
            headings={n: "s5.ranks" if n == 5 and alone(results) else f"s{n}" for n in SECTIONS},
            alone=alone(results),
            scope=asides.scope(results),
            design_readings={"factors": designs.headlines(results), "dose": designs.readings(results)},
            buy_next=buy_next(results),
            left_out=asides.left_out((n for n in SECTIONS if n not in content.sections), results),
            spoken=partial(spoken, results),
            missing_none=spoken(results, "missing.none") if planned(results) else TERMS["missing.unplanned.outside"],
            most_estimations=MOST_ESTIMATIONS,
            fill=fill,
            terms=TERMS,
        )
    )


def _static(name: str) -> Markup:
    return Markup((FOLDER / "static" / name).read_text(encoding="utf8"))


def _embedded(results: Mapping[str, Any]) -> str:
    """JSON that cannot end its script element."""
    return json.dumps(results, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
