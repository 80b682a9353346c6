"""The files for machines and for papers: the numbers of results.json and nothing else, in forms that open."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from report_reading import formatted

from study.report import files
from study.report.render import RenderedReport
from study.report.results import plain
from study.report.table import Cell, Group, Head, Line, Table, word_head
from study.report.terms import TERMS, same

TEX_NUMBER = re.compile(r"(?<![\w.])\d+\.\d{3,5}(?![\d.])")
PERCENT = re.compile(r"(?<![\w.])\d+\.\d(?=[ $}&\\)])")
SHARE = re.compile(r"(?<![\w.])(\d+)\\%")
STUB = r"""\documentclass{article}
\usepackage{booktabs,siunitx,amssymb}
\usepackage[margin=1cm,a3paper]{geometry}
\begin{document}
\input{tables.tex}
\end{document}
"""


def rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf8")
    assert text.startswith("\ufeff"), "Excel on Korean Windows reads it wrongly without"
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def floats(content: Any) -> set[float]:
    """Every number of plain data that is no count."""
    if isinstance(content, dict):
        return set().union(*map(floats, content.values()))
    if isinstance(content, list):
        return set().union(*map(floats, content))
    return {content} if isinstance(content, float) else set()


def tex(rendered: RenderedReport) -> str:
    """The tables as text, signs as they stand in them."""
    return rendered.tables.read_text(encoding="utf8").replace("$-$", "-")


def test_results_are_json_with_null_and_never_nan(rendered: RenderedReport, rendered_results: Any) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in results.json")

    assert json.loads(rendered.results.read_text(encoding="utf8"), parse_constant=refuse)["schema"] == "report/1"
    assert all(math.isfinite(number) for number in floats(rendered_results))
    assert plain({"a": (math.nan, math.inf, 1.5)}) == {"a": [None, None, 1.5]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.results_json({"a": math.nan})


def test_every_number_of_the_csv_files_is_in_the_results_unrounded(
    rendered: RenderedReport, rendered_results: Any
) -> None:
    known = floats(rendered_results)
    found = [
        value
        for path in (rendered.contrasts, rendered.metrics)
        for row in rows(path)
        for value in row.values()
        if re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", value)
    ]
    assert len(found) > 200
    assert {value for value in found if float(value) not in known} == set()


def test_every_contrast_and_mean_of_the_results_is_a_line_of_its_file(
    rendered: RenderedReport, rendered_results: Any
) -> None:
    contrasts = {row["contrast_id"]: row for row in rows(rendered.contrasts)}
    assert set(contrasts) == {row["contrast_id"] for row in rendered_results["contrasts"]}
    for row in rendered_results["contrasts"]:
        for name in ("estimate", "ci_low", "ci_high", "p_value", "p_adjusted"):
            assert contrasts[row["contrast_id"]][name] == ("" if row[name] is None else repr(row[name]))
    means = [
        [row[name] for name in ("arm", "model", "attribution", "metric", "mean")] for row in rows(rendered.metrics)
    ]
    expected = [*rendered_results["means"], *rendered_results["controls"]]
    assert means == [
        [row["arm"], row["model"], row["attribution"], row["metric"], repr(row["mean"])] for row in expected
    ]


def test_every_number_of_the_latex_tables_is_in_the_results(rendered: RenderedReport, rendered_results: Any) -> None:
    text, values = tex(rendered), floats(rendered_results)
    decimals = set(TEX_NUMBER.findall(text))
    assert len(decimals) > 100
    assert decimals - formatted(rendered_results) == set()
    assert set(PERCENT.findall(text)) <= {f"{abs(value) * scale:.1f}" for value in values for scale in (1, 100)}
    levels = {"95", "90", "80"}
    assert set(SHARE.findall(text)) <= {f"{abs(value) * 100:.0f}" for value in values} | levels


def test_every_primary_number_is_in_the_latex_tables(rendered: RenderedReport, rendered_results: Any) -> None:
    table = next(part for part in tex(rendered).split(r"\begin{table}") if "tab:made-up-primary" in part)
    primary = [row for row in rendered_results["contrasts"] if row["verdict"]]
    assert primary
    for row in primary:
        for name in ("estimate", "ci_low", "ci_high", "p_adjusted"):
            shown = "< 0.001" if name == "p_adjusted" and row[name] < 0.001 else f"{abs(row[name]):.3f}"
            assert shown in table.replace("$<$", "<")


def test_latex_knows_every_sign_of_the_english_words() -> None:
    signs = {sign for text in TERMS.values() for sign in text.en if ord(sign) > 126} - {"š"}
    assert {sign for sign in signs if files.escape(sign) == sign} == set()


def test_what_stands_small_under_a_value_stands_behind_it_in_latex() -> None:
    lines = (
        Line(same("a"), (Cell(same("0.5"), detail=same("random 0.4")),), detail=same("mae → finetune")),
        Line(same("b"), (Cell(same(" ± 0.1"), strong="0.6", detail=same("random_1")),)),
    )
    table = Table("k", same("c"), (word_head(same("Arm")), Head(same("x"))), (Group(None, lines),))
    text = files.tables_tex([table], "en", study="s")
    assert r"\begin{tabular}{lr}" in text, "no column of bare numbers"
    assert r"a {\footnotesize mae $\rightarrow$ finetune} & 0.5 {\footnotesize random 0.4} \\" in text
    assert r"b & \textbf{0.6} $\pm$ 0.1 {\footnotesize random\_1} \\" in text


@pytest.mark.slow
def test_the_latex_tables_compile(rendered: RenderedReport, tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex here: braces and escapes are tested, but not that the tables compile")
    shutil.copy(rendered.tables, tmp_path / "tables.tex")
    (tmp_path / "paper.tex").write_text(STUB, encoding="utf8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").is_file()
