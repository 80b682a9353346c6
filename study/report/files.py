"""The numbers for machines: results.json, contrasts.csv, metrics.csv, and tables.tex for a paper."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from study.records import Effects, Finding, Mean
from study.report.table import Cell, Group, Head, Table
from study.report.terms import Language, Text

Results = Mapping[str, Any]
_NESTED = ("notes", "sentences_en", "sentences_ko")
_NUMBER = re.compile(r"[+−]?[\d,]*\.?\d+")
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "−": r"$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "σ": r"$\sigma$",
    "ρ": r"$\rho$",
    "√": r"$\surd$",
    "⁺": "$^{+}$",
    "†": r"$^{\dagger}$",
    "●": r"$\bullet$",
    "○": r"$\circ$",
    "△": r"$\triangle$",
    "□": r"\framebox{\phantom{x}}",
    "·": r"$\cdot$",
    "–": "--",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
}


def results_json(results: Results) -> str:
    """The results as JSON; refuses NaN."""
    return json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def contrasts_csv(results: Results) -> str:
    """One row per contrast, full precision, verdict and the question that the adjusted p belongs to at the end."""
    further = {field.name for field in fields(Effects)}  # a base's fields come first; they are read last
    names = sorted((field.name for field in fields(Finding) if field.name not in _NESTED), key=further.__contains__)
    rows = []
    for contrast in results["contrasts"]:
        verdict = contrast["verdict"] or {"kind": "", "way": ""}
        words = [verdict["kind"], verdict["way"], _adjusted(contrast), " ".join(contrast["notes"])]
        rows.append([*(contrast[name] for name in names), *words])
    return _csv([*names, "verdict", "direction", "p_adjusted_question", "notes"], rows)


def _adjusted(contrast: Mapping[str, Any]) -> str:
    """What the adjusted p is of; nothing where there is none."""
    if contrast["p_adjusted"] is None:
        return ""
    return "these trained models" if contrast["status"] == "insufficient_runs" else "retraining and new images"


def metrics_csv(results: Results) -> str:
    """One row per arm, model, attribution and metric, controls included."""
    names = [field.name for field in fields(Mean)]
    rows = [[mean[name] for name in names] for mean in (*results["means"], *results["controls"])]
    return _csv(names, rows)


def rows_csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Any table of rows as CSV in the form of the others."""
    return _csv(head, list(rows))


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV with a byte-order mark: Excel on Korean Windows reads it wrongly without."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return "\ufeff" + sink.getvalue()


def tables_tex(tables: Sequence[Table], language: Language, *, study: str) -> str:
    """The tables in booktabs style with siunitx `S` columns; each compiles alone."""
    head = "% Needs \\usepackage{booktabs} and \\usepackage{siunitx}; Korean text needs kotex (LuaLaTeX, XeLaTeX).\n"
    return head + "\n".join(_table(table, language, study) for table in tables)


def escape(text: str) -> str:
    """Text for LaTeX."""
    return "".join(_TEX.get(character, character) for character in text)


def _table(table: Table, language: Language, study: str) -> str:
    kinds = ["l", *(_column(table, place) for place in range(len(table.heads) - 1))]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.caption.lang(language))}}}",
        rf"\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', f'{study}-{table.key}')}}}",
        rf"\begin{{tabular}}{{{''.join(kinds)}}}",
        r"\toprule",
    ]
    if table.spans:
        lines += _spans(table.spans, language)
    lines.append(" & ".join(f"{{{escape(head.text.lang(language))}}}" for head in table.heads) + r" \\")
    for group in table.groups:
        lines += [r"\midrule", *_group(group, len(table.heads), kinds, language)]
    notes = " ".join(escape(note.lang(language)) for note in table.notes)
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [r"\par\smallskip", rf"{{\footnotesize {notes}}}"] if notes else []
    return "\n".join([*lines, r"\end{table}", ""])


def _spans(spans: Sequence[Head], language: Language) -> list[str]:
    cells, rules, column = [], [], 1
    for head in spans:
        text = escape(head.text.lang(language))
        cells.append(rf"\multicolumn{{{head.span}}}{{c}}{{{text}}}" if text else "")
        rules += [rf"\cmidrule(lr){{{column}-{column + head.span - 1}}}"] if text else []
        column += head.span
    return [" & ".join(cells) + r" \\", "".join(rules)]


def _column(table: Table, place: int) -> str:
    """`S` for a column of bare numbers, `r` for other numbers, `l` for words."""
    if table.heads[place + 1].kind != "number":
        return "l"
    cells = [line.cells[place] for group in table.groups for line in group.lines]
    texts = [cell.plain.en + (f" {cell.detail.en}" if cell.detail else "") for cell in cells]
    bare = [text for text in texts if _NUMBER.fullmatch(text)]
    if not bare or len(bare) + texts.count("–") < len(texts):
        return "r"
    whole = max(len(text.lstrip("+−").replace(",", "").partition(".")[0]) for text in bare)
    decimals = max(len(text.partition(".")[2]) for text in bare)
    signed = any(text[0] in "+−" for text in bare)
    form = f"table-format={'+' if signed else ''}{whole}.{decimals}"
    return f"S[{form},retain-explicit-plus]" if signed else f"S[{form}]"


def _group(group: Group, columns: int, kinds: Sequence[str], language: Language) -> list[str]:
    rows = []
    if group.label:
        rows.append(rf"\multicolumn{{{columns}}}{{l}}{{{escape(group.label.lang(language))}}} \\")
    for line in group.lines:
        cells = [_cell(cell, kind, language) for cell, kind in zip(line.cells, kinds[1:], strict=True)]
        head = escape(line.head.lang(language)) + _detail(line.detail, language)
        rows.append(" & ".join([head, *cells]) + r" \\")
    return rows


def _cell(cell: Cell, kind: str, language: Language) -> str:
    text = cell.plain.lang(language)
    if kind.startswith("S"):
        return text.replace("−", "-").replace(",", "") if _NUMBER.fullmatch(text) else f"{{{escape(text)}}}"
    after = escape(text.removeprefix(cell.strong)) + _detail(cell.detail, language)
    return (rf"\textbf{{{escape(cell.strong)}}}" if cell.strong else "") + after


def _detail(detail: Text, language: Language) -> str:
    """The second line of a cell, behind the first one in small print."""
    return rf" {{\footnotesize {escape(detail.lang(language))}}}" if detail else ""
