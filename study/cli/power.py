"""Before a study, and after one: how many seeds, how many images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from study.cli.app import app
from study.cli.options import REPORTS, Name, Reports, read_protocol
from study.errors import StoreError, StudyError

Sd = Annotated[float | None, typer.Option(metavar="SD", help="spread instead of a pilot's, metric units")]
Sizes = Annotated[str | None, typer.Option(metavar="N,N,...", help="sizes to compare, with commas")]


@app.command()
def power(
    name: Name,
    pilot: Annotated[
        str | None, typer.Option("--pilot", metavar="STUDY", help="finished study to learn from: its name or folder")
    ] = None,
    sd_run: Sd = None,
    sd_arm_image: Sd = None,
    sd_residual: Sd = None,
    delta: Annotated[
        float | None, typer.Option("--delta", help="true difference to be found; default: the metric's margin")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="instead of the primary question's")] = None,
    attribution: Annotated[str | None, typer.Option("--attribution", help="instead of the primary question's")] = None,
    model: Annotated[str | None, typer.Option("--model", help="default: the protocol's first")] = None,
    seeds: Sizes = None,
    images: Sizes = None,
    out: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="also write the grid as data")] = None,
    reports: Reports = REPORTS,
) -> None:
    """Show what so many seeds and images would find, and what they cost."""
    from study.conclude.power import Wishes, planned
    from study.conclude.power_data import as_data
    from study.conclude.power_text import as_text

    wishes = Wishes(
        pilot=pilot,
        sds=(sd_run, sd_arm_image, sd_residual),
        delta=delta,
        metric=metric,
        attribution=attribution,
        model=model,
        seeds=_sizes("--seeds", seeds),
        images=_sizes("--images", images),
    )
    made = planned(read_protocol(name), wishes, reports)
    print(as_text(made), end="")
    if out is not None:
        _write(out, json.dumps(as_data(made), ensure_ascii=False, allow_nan=False, indent=1))


def _sizes(option: str, text: str | None) -> tuple[int, ...] | None:
    """`3,5,8` as numbers, ascending and each once."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    wrong = [word for word in words if not word.isdecimal() or not int(word)]
    if wrong:
        raise StudyError(f"{option}: found '{wrong[0]}'; must be whole numbers above 0 with commas, such as 3,5,8")
    return tuple(sorted({int(word) for word in words}))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf8")
    except OSError as error:
        raise StoreError(f"--json {path}: cannot be written: {error.strerror}; name another file") from None
    print(f"\nwrote {path}")
