"""Scores that were made elsewhere: analyse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.cli.app import app
from study.cli.options import REPORTS, Lang, Reports
from study.cli.work import summarise
from study.errors import StudyError


@app.command()
def analyse(
    scores: Annotated[
        Path,
        typer.Argument(metavar="SCORES", help="csv, csv.gz, tsv or parquet: arm, seed, image_id, metric, value, ..."),
    ],
    protocol: Annotated[Path, typer.Option("--protocol", help="the analysis file (YAML)")],
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="class probabilities: arm, seed, image_id, label, p_0, p_1, ..."),
    ] = None,
    reports: Reports = REPORTS,
    lang: Lang = None,
) -> None:
    """Statistics and report of a score table that was made elsewhere."""
    from study.conclude.outside import conclude_scores

    if lang not in (None, "en", "ko", "both"):
        raise StudyError(f"--lang: found '{lang}'; allowed: en, ko, both")
    languages = ["en", "ko"] if lang == "both" else [lang] if lang else None
    summarise(conclude_scores(scores, protocol, predictions=predictions, reports=reports, languages=languages))
