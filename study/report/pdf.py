"""The PDF: A4, tagged, with outline and attachments, the same bytes for the same report.

WeasyPrint needs Pango when it is imported, so it is imported here, inside the functions, and
a machine without it still gets the page and the data files.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from PIL import ImageFile

from study.errors import DependencyError

INSTALL = "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
_DESCRIPTIONS = {
    "results.json": "all results, unrounded",
    "contrasts.csv": "one row per contrast",
    "tables.tex": "the tables for LaTeX",
}


class RenderingError(RuntimeError):
    """WeasyPrint complained: a missing glyph, an unknown option, something it tried to fetch."""


class Laid(NamedTuple):
    """A laid-out document: its pages, and on which page each first-level bookmark lies (from 1)."""

    document: Any
    pages: int
    starts: dict[str, int]


def weasyprint() -> Any:
    """The module, or the one command that makes it importable.

    Raises:
        DependencyError: Pango is not installed.
    """
    try:
        with warnings.catch_warnings():
            # without libharfbuzz-subset0 the import warns that a later release will need it
            warnings.simplefilter("ignore", DeprecationWarning)
            truncated = ImageFile.LOAD_TRUNCATED_IMAGES
            import weasyprint

            # Its import lets Pillow read broken images everywhere in this process; our films must not be.
            ImageFile.LOAD_TRUNCATED_IMAGES = truncated
    except OSError as error:
        raise DependencyError(
            f"the PDF needs system libraries that are not here ({error}); the HTML page and the data files were "
            f"written\ninstall them with: {INSTALL}"
        ) from error
    return weasyprint


def lay_out(page: str) -> Laid:
    """Break a page into sheets of paper.

    Raises:
        RenderingError: WeasyPrint logged a warning, such as a character without a glyph.
    """
    module = weasyprint()
    from weasyprint.urls import URLFetcher

    with _strict():
        fetcher = URLFetcher(allowed_protocols=("data",))
        document = module.HTML(string=page, url_fetcher=fetcher).render(pdf_variant="pdf/ua-1")
    starts = {label: position[0] + 1 for label, position, _, _ in document.make_bookmark_tree()}
    return Laid(document, len(document.pages), starts)


def write_pdf(laid: Laid, path: Path, *, attachments: Sequence[Path], date: str) -> None:
    """Write the document with the data files attached; all its times are the report's date."""
    module = weasyprint()
    moment = _moment(date)
    attached = [
        module.Attachment(
            string=file.read_bytes(),
            name=file.name,
            description=_DESCRIPTIONS.get(file.name, file.name),
            relationship="Data",
            created=moment,
            modified=moment,
        )
        for file in attachments
    ]
    laid.document.metadata.attachments.extend(attached)
    with _strict():
        laid.document.write_pdf(path, pdf_variant="pdf/ua-1")


def _moment(date: str) -> datetime:
    try:
        return datetime.fromisoformat(date[:10]).replace(tzinfo=UTC)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)


class _Collector(logging.Handler):
    """Keeps what WeasyPrint logs: it does not raise, it only tells."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _strict() -> Iterator[None]:
    logger, collector = logging.getLogger("weasyprint"), _Collector()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagated
    if collector.messages:
        listed = "\n".join(dict.fromkeys(collector.messages))
        raise RenderingError(f"the PDF is not what the page says:\n{listed}")
