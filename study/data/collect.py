"""Many files to one array: decoded by several threads, written film by film, never all in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.data.artifact import IMAGES, new_array
from study.data.decode import IMAGE_FILES, Decoded, Decoder, Unreadable, depth, is_deep, quiet
from study.data.fingerprint import THREADS
from study.data.frames import on_film
from study.data.manifest import Row
from study.data.resize import Rule, place
from study.records import Quarantined

DECODED = "decoded.npy"
"""Films before selection and scaling; removed at the end."""

IN_FLIGHT = 8 * THREADS
"""Films decoded ahead of the one being written; bounds the memory."""


@dataclass(frozen=True)
class Entry:
    """What is known of a film that was read.

    Attributes:
        row: of the manifest, its boxes in pixels of the upright film, its patient perhaps from the file.
        boxes: [K, 4] int32, in the square.
        outside: boxes of the manifest that do not touch the film.
        clipped: how many boxes were cut at the film's edge.
        size: width and height of the upright film, pixels.
        content: sha256 of the file.
        peak, unit, note, spacing: as in `study.data.decode.Decoded`.
        moved: whether the boxes were drawn on another rendering of the film.
    """

    row: Row
    boxes: NDArray[np.int32]
    outside: tuple[Sequence[float], ...]
    clipped: int
    size: tuple[int, int]
    content: str
    peak: float | None
    unit: bool
    note: str
    spacing: tuple[float, float] | None = None
    moved: bool = False

    @property
    def deep(self) -> bool:
        """Whether the file holds more than 8 bits."""
        return self.unit or self.peak is not None


@dataclass
class Collected:
    """Films that were read, in the order of the `DECODED` file, and files that were not."""

    entries: list[Entry] = field(default_factory=list)
    broken: list[Quarantined] = field(default_factory=list)


class _Read(NamedTuple):
    pixels: NDArray[np.float32]
    entry: Entry


def collect(
    rows: Sequence[Row], folder: Path, *, image_size: int, rule: Rule, out: Path, decoder: Decoder = IMAGE_FILES
) -> Collected:
    """Decode and resize all films into the `DECODED` file in `out`; a broken one leaves no gap.

    The file is uint8, or uint16 with raw values where any film has more than 8 bits.
    """
    collected = Collected()
    with quiet(), ThreadPoolExecutor(THREADS) as pool:
        deep = any(pool.map(partial(is_deep, decoder=decoder), [folder / row.image for row in rows]))
        shape = (len(rows), image_size, image_size)
        pixels = new_array(out / DECODED, shape=shape, dtype=np.uint16 if deep else np.uint8)
        read = partial(_read, folder=folder, size=image_size, rule=rule, decoder=decoder)
        for start in range(0, len(rows), IN_FLIGHT):
            for result in pool.map(read, rows[start : start + IN_FLIGHT]):
                if isinstance(result, Quarantined):
                    collected.broken.append(result)
                else:
                    pixels[len(collected.entries)] = result.pixels.astype(pixels.dtype)
                    collected.entries.append(result.entry)
        pixels.flush()
    return collected


def write_images(entries: Sequence[Entry], kept: Sequence[int], out: Path) -> None:
    """Copy the kept films from the `DECODED` file to the images, with one white for the dataset."""
    decoded = np.load(out / DECODED, mmap_mode="r")
    images = new_array(out / IMAGES, shape=(len(kept), *decoded.shape[1:]), dtype=decoded.dtype)
    gain = 65535 / (2 ** source_bits(entries) - 1)
    for place_, source in enumerate(kept):
        entry = entries[source]
        if decoded.dtype == np.uint8 or entry.unit:
            images[place_] = decoded[source]
        else:
            factor = gain if entry.deep else 257
            images[place_] = np.minimum(decoded[source] * factor + 0.5, 65535).astype(np.uint16)
    images.flush()
    (out / DECODED).unlink()


def source_bits(entries: Sequence[Entry]) -> int:
    """Bit depth of the dataset's films: 8, or the depth that holds every value of its deep films."""
    peaks = [entry.peak for entry in entries if entry.peak is not None]
    return depth(peaks) if peaks else 8


def _read(row: Row, *, folder: Path, size: int, rule: Rule, decoder: Decoder) -> _Read | Quarantined:
    try:
        content = file_bytes(folder / row.image)
        film = decoder.decode(content)
        boxes = on_film(row.boxes, row.frame, size=film.image.size, orientation=film.orientation)
    except Unreadable as reason:
        return Quarantined(row.image, str(reason))
    width, height = film.image.size
    placement = place(width, height, size=size, rule=rule)
    moved = row.frame not in (None, (1, 1)) and boxes != row.boxes
    row = replace(row, boxes=boxes, patient=row.patient or film.patient)
    entry = Entry(
        row=row,
        boxes=placement.boxes(row.boxes),
        outside=tuple(placement.outside(row.boxes)),
        clipped=placement.clipped(row.boxes),
        size=(width, height),
        content=hashlib.sha256(content).hexdigest(),
        peak=film.peak,
        unit=film.unit,
        note=film.note,
        spacing=film.spacing,
        moved=moved,
    )
    return _Read(_whole_values(placement.film(film.image), film), entry)


def _whole_values(square: NDArray[np.float32], film: Decoded) -> NDArray[np.float32]:
    """Values to store: raw ones, or 0 to 65535 for floats in [0, 1]; the filter's overshoot is cut."""
    if film.unit:
        return np.asarray(np.floor(np.clip(square, 0, 1) * 65535 + 0.5))
    return np.asarray(np.floor(np.clip(square, 0, 255 if film.peak is None else film.peak) + 0.5))


def file_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        Unreadable: with the system's reason.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Unreadable("the file does not exist") from None
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
