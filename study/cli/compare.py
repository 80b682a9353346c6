"""Two reports side by side: compare."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from study.cli.app import app
from study.cli.options import REPORTS, Reports
from study.errors import StudyError

Which = Annotated[
    str, typer.Argument(help="a study's name (its latest report), NAME@N (report N), a report's folder or results.json")
]


@app.command()
def compare(
    a: Which,
    b: Which,
    out: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="also write it as data")] = None,
    reports: Reports = REPORTS,
    lang: Annotated[str, typer.Option("--lang", help="en or ko")] = "en",
) -> None:
    """Show what changed between two reports of a study, or what two studies say of equal contrasts."""
    from study.report.compared import as_data
    from study.report.compared import compare as compared

    if lang not in ("en", "ko"):
        raise StudyError(f"--lang: found '{lang}'; allowed: en, ko")
    one, two = (_results(name, reports) for name in (a, b))
    found = compared(one, two)
    if out is not None:
        text = json.dumps(as_data(found, one, two), indent=1, ensure_ascii=False, allow_nan=False)
        try:
            out.write_text(text + "\n", encoding="utf8")
        except OSError as error:
            raise StudyError(f"--json {out}: cannot be written: {error.strerror}") from error
    _print(found, lang)


def _print(found: Any, lang: str) -> None:
    from study.report import numbers
    from study.report.compared import interval_text, pair_name, side_text
    from study.report.terms import TERMS, fill

    console = Console(highlight=False)

    def say(text: Any) -> str:
        return str(text.lang(lang))

    if found.same_study:
        console.print(f"[bold cyan]{say(fill('compare.changed', a=found.a, b=found.b))}[/]")
        for text in found.changes:
            console.print(f"- {say(text)}", markup=False)
        console.print()
    if found.contrasts:
        table = _table(
            say(fill("compare.common", alpha=numbers.plain(found.alpha))),
            [say(TERMS["col.contrast"]), found.a, found.b, f"{found.b} − {found.a}"],
        )
        for row in found.contrasts:
            difference = numbers.difference(row.difference, row.unit)
            interval = interval_text(row.ci_low, row.ci_high, row.unit)
            why = interval if row.why_not is None else fill("compare.no_interval", why=row.why_not)
            cells = (pair_name(row), side_text(row.a, row.unit), side_text(row.b, row.unit))
            table.add_row(*map(say, cells), f"{difference} ({say(why)})")
        console.print(table)
    else:
        console.print(say(TERMS["compare.none"]))
    if found.only_a or found.only_b:
        console.print(say(fill("compare.only", a=found.a, b=found.b, n_a=found.only_a, n_b=found.only_b)))
    console.print()
    if found.differing:
        table = _table(say(TERMS["compare.differ"]), [say(TERMS["col.item"]), found.a, found.b])
        for each in found.differing:
            table.add_row(say(each.what), each.a, each.b)
        console.print(table)
    else:
        console.print(say(TERMS["compare.same"]))
    for text in found.notes:
        console.print(f"\n{say(text)}", markup=False)


def _table(title: str, heads: list[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", title_style="bold cyan")
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


# -------------------------------------------------------------------------- which report


def _results(name: str, reports: Path) -> dict[str, Any]:
    path = _find(name, reports)
    try:
        results = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read as a report's results ({error})") from error
    if not isinstance(results, dict) or not str(results.get("schema", "")).startswith("report/"):
        raise StudyError(f"{path}: this is no results.json of a report")
    return results


def _find(name: str, reports: Path) -> Path:
    """The results.json that a name means.

    Raises:
        StudyError: there is none; says which there are.
    """
    path = Path(name)
    if path.is_file():
        return path
    if (path / "results.json").is_file():
        return path / "results.json"
    study, at, number = name.rpartition("@") if "@" in name else (name, "", "")
    known = sorted(folder.parent.name for folder in reports.glob("*/results.json"))
    if study not in known:
        near = difflib.get_close_matches(study, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise StudyError(
            f"there is no report '{name}', as a path or in {reports}/{hint}\nknown: {', '.join(known) or 'none'}"
        )
    numbered = _numbers(reports / study)
    if not at:
        return reports / study / "results.json"
    if not number.isdecimal() or int(number) not in numbered:
        there = ", ".join(f"{study}@{n}" for n in sorted(numbered))
        raise StudyError(f"there is no report '{name}'\nknown: {there}")
    return numbered[int(number)]


def _numbers(folder: Path) -> dict[int, Path]:
    """Report number -> its results.json, the earlier ones and the present one."""
    found = {
        int(path.parent.name): path
        for path in (folder / "earlier").glob("*/results.json")
        if path.parent.name.isdecimal()
    }
    latest = json.loads((folder / "results.json").read_text(encoding="utf8"))
    return {**found, int(latest["report"]): folder / "results.json"}
