"""A contact sheet: some films of every class with their boxes, as one PNG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from study.data.collect import file_bytes
from study.data.decode import Decoded, Unreadable, depth, quiet
from study.data.found import Found
from study.data.frames import on_film
from study.data.manifest import Row
from study.data.resize import place
from study.errors import DataError

CELL, CAPTION, GAP, COLUMNS, FILMS = 220, 34, 8, 6, 24
FONT = Path(__file__).parents[2] / "report" / "fonts" / "StudySans-Regular.ttf"
"""The report's font, which has Hangul."""

BOX = (230, 159, 0)
PAPER, INK = (24, 24, 24), (235, 235, 235)


def contact_sheet(found: Found, path: Path, *, films: int = FILMS) -> int:
    """Write the sheet; returns how many films are on it.

    Classes take turns, films with boxes come first within a class, files that cannot be read are passed over. Each
    caption is the film's name and label; the box is drawn around the pixels it names, after EXIF rotation.

    Raises:
        DataError: no film can be read, or the file cannot be written.
    """
    cells: list[Image.Image] = []
    with quiet():
        for row in _in_turn(found.rows):
            if len(cells) == films:
                break
            try:
                cells.append(_cell(row, found))
            except Unreadable:
                continue
    if not cells:
        raise DataError(f"{found.source}: no film can be read, so there is no contact sheet")
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    width, height = CELL + GAP, CELL + CAPTION + GAP
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    for k, cell in enumerate(cells):
        sheet.paste(cell, (GAP + k % columns * width, GAP + k // columns * height))
    try:
        sheet.save(path, "PNG")
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error})") from None
    return len(cells)


def _in_turn(rows: Sequence[Row]) -> list[Row]:
    """One film of each class after the other, spread over the folder, those with boxes first."""
    classes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        classes[row.label].append(row)
    queues = []
    for label in sorted(classes, key=lambda name: (not name, name)):
        listed = classes[label]
        step = max(1, len(listed) // FILMS)
        spread = [listed[k] for start in range(step) for k in range(start, len(listed), step)]
        queues.append(sorted(spread, key=lambda row: not row.boxes))
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[k] for k in range(longest) for queue in queues if k < len(queue)]


def _cell(row: Row, found: Found) -> Image.Image:
    """A film of the sheet with its boxes and caption; raises `Unreadable`."""
    film = found.decoder.decode(file_bytes(found.folder / row.image))
    boxes = on_film(row.boxes, row.frame, size=film.image.size, orientation=film.orientation)
    placement = place(*film.image.size, size=CELL, rule="letterbox")
    pixels = placement.film(film.image) * _gain(film)
    cell = Image.new("RGB", (CELL, CELL + CAPTION), PAPER)
    cell.paste(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert("RGB"))
    draw = ImageDraw.Draw(cell)
    for x0, y0, x1, y1 in placement.boxes(boxes).tolist():
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=BOX, width=2)
    font = ImageFont.truetype(str(FONT), 13)
    for k, text in enumerate((row.image, row.label or "no label")):
        draw.text((0, CELL + 1 + 16 * k), _fitted(text, font), fill=BOX if k and row.boxes else INK, font=font)
    return cell


def _gain(film: Decoded) -> float:
    """From a film's values to 0 to 255."""
    if film.unit:
        return 255.0
    return 1.0 if film.peak is None else 255 / (2 ** depth([film.peak]) - 1)


def _fitted(text: str, font: ImageFont.FreeTypeFont) -> str:
    """The end of a text that fits the cell."""
    if font.getlength(text) <= CELL:
        return text
    while text and font.getlength("…" + text) > CELL:
        text = text[1:]
    return "…" + text
