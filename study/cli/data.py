"""Films before there is a protocol: data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from study.cli.app import app
from study.cli.options import PROTOCOLS
from study.errors import StudyError


@app.command()
def data(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="a folder of films, or the file that describes one")],
    contact: Annotated[
        Path | None, typer.Option("--contact", metavar="FILE.png", help="write a sheet of some films with their boxes")
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write everything found, as JSON")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="decode all films, not some hundred")] = False,
) -> None:
    """Look at films: which format, how many, labels, boxes, patients, what is broken or there twice."""
    from study.data import contact_sheet, plain, told
    from study.examine import examine

    look = examine(path, every=every)
    if json_ is not None:
        _write(json_, json.dumps(plain(look), indent=1, ensure_ascii=False) + "\n")
    if contact is not None:
        print(f"contact sheet of {contact_sheet(look.found, contact)} films: {contact}\n")
    together = PROTOCOLS.is_dir() and Path(os.path.abspath(path)).is_relative_to(Path.cwd())
    print(told(look, start=PROTOCOLS if together else None), end="")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf8")
    except OSError as error:
        raise StudyError(f"{path} cannot be written ({error.strerror})") from None
