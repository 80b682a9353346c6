"""One image file to one grey film, or the reason why not.

Every kind that PIL reads is brought to grey: colour by luminance (ITU-R 601), palettes and
CMYK by way of RGB, transparency ignored, of several pages the first, turned upright by its EXIF orientation.
8-bit films stay 8 bit. Files with more (16-bit grey, 32-bit integers, floats) keep their raw values, whose
white is settled once for the whole dataset (`depth`).

A JPEG that lost its end is used when at least 95 % of its rows were decoded, which is noted; a
progressive one, whose loss is spread over the whole film, and any other truncated file are not.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
DEPTHS = (8, 10, 12, 14, 16)
LEAST_DECODED = 0.95
EMPTY_GREY = 128
"""What a JPEG decoder shows where it received no data."""

ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
"""EXIF orientations of films that lie on their side in the file."""


class Unreadable(Exception):
    """A file that is no usable film; the text is the reason, for people."""


@dataclass(frozen=True)
class Decoded:
    """A film as stored in its file.

    Attributes:
        image: mode L, or F with raw values for films of more than 8 bits.
        peak: largest raw value of a film of more than 8 bits, else None.
        unit: a float film whose values lie in [0, 1].
        note: what was done to read it, "" mostly.
        orientation: of the stored pixels, by EXIF; the image is upright.
        patient: who the file says it is of, "" where it does not.
        spacing: height and width of a pixel in mm, where the file says so.
    """

    image: Image.Image
    peak: float | None = None
    unit: bool = False
    note: str = ""
    orientation: int = 1
    patient: str = ""
    spacing: tuple[float, float] | None = None


class Header(NamedTuple):
    """What a file says of its film before its pixels are decoded.

    Attributes:
        size: width and height of the upright film.
        bits: per pixel.
        deep: whether its values need more than 8 bits once decoded.
        orientation, patient: as in `Decoded`.
    """

    size: tuple[int, int]
    bits: int
    deep: bool
    orientation: int = 1
    patient: str = ""


class Decoder(NamedTuple):
    """How files of a format are read; both raise `Unreadable`."""

    decode: Callable[[bytes], Decoded]
    header: Callable[[Path], Header]


def decode(content: bytes) -> Decoded:
    """The film in the bytes of an image file.

    Raises:
        Unreadable: empty, truncated, no image, too large or without usable values.
    """
    _refuse_others(content)
    with _reasons():
        image: Image.Image = Image.open(io.BytesIO(content))
        deep = image.mode in DEEP_MODES
        orientation = image.getexif().get(ORIENTATION, 1)
        pages = getattr(image, "n_frames", 1)
        notes = [f"the first of {pages} pages"] if pages > 1 else []
    try:
        with _reasons():
            image.load()
    except Unreadable:
        image, share = _without_its_end(content)
        notes.append(f"a truncated JPEG, {share:.0%} of its rows decoded".replace("%", " %"))
    with _reasons():
        image = ImageOps.exif_transpose(image)
        note = ", ".join(notes)
        film = _deep(image, note) if deep else Decoded(_grey(image), note=note)
        return replace(film, orientation=orientation)


def decode_mask(content: bytes) -> NDArray[np.bool_]:
    """[H, W] bool, upright: True wherever a pixel of the image is neither black nor wholly transparent.

    Palettes count by their colours, as a viewer shows them.

    Raises:
        Unreadable: empty, truncated, no image, too large or with several pages.
    """
    if not content:
        raise Unreadable("the file is empty")
    with _reasons():
        image: Image.Image = Image.open(io.BytesIO(content))
        if (pages := getattr(image, "n_frames", 1)) > 1:
            raise Unreadable(f"has {pages} pages; a mask has one")
        image = ImageOps.exif_transpose(image)
        if image.mode not in ("1", "L", "LA", "RGB", "RGBA", *DEEP_MODES):
            image = image.convert("RGBA")
        values = np.asarray(image) != 0
        if values.ndim == 2:
            return np.asarray(values)
        colours = len(image.getbands()) - image.mode.endswith("A")
        return np.asarray(values[..., :colours].any(axis=2) & values[..., colours:].all(axis=2))


def header(path: Path) -> Header:
    """Size, depth and orientation of an image file.

    Raises:
        Unreadable: absent, or not an image.
    """
    with _reasons(), Image.open(path) as image:
        orientation = image.getexif().get(ORIENTATION, 1)
        deep = image.mode in DEEP_MODES
        size = image.size[::-1] if orientation in TURNED else image.size
        return Header(size, 16 if deep else 8, deep, orientation)


IMAGE_FILES = Decoder(decode, header)
"""Whatever PIL reads."""


def is_deep(path: Path, decoder: Decoder = IMAGE_FILES) -> bool:
    """Whether the file holds more than 8 bits; False where it cannot be opened."""
    try:
        return decoder.header(path).deep
    except Unreadable:
        return False


def depth(peaks: list[float]) -> int:
    """The bit depth of a dataset's deep films: the least of `DEPTHS` that holds every raw value."""
    top = max(peaks, default=0.0)
    return next((bits for bits in DEPTHS if top < 2**bits), DEPTHS[-1])


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of image decoders: what matters of them is in reasons and notes.

    Filters belong to the process, so this is entered once around all threads that decode.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _refuse_others(content: bytes) -> None:
    if not content:
        raise Unreadable("the file is empty")
    if content[128:132] == b"DICM":
        raise Unreadable("a DICOM file; the format dicom reads these")


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn whatever an image decoder raises into a reason."""
    try:
        yield
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable("the file does not exist") from None
    except UnidentifiedImageError:
        raise Unreadable("not an image of a known kind") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise Unreadable(f"more than {limit} million pixels") from None
    except Exception as error:  # decoders raise anything from struct.error to SyntaxError on broken bytes
        truncated = "truncated" in str(error).lower() or isinstance(error, EOFError)
        reason = "the file is truncated" if truncated else f"cannot be decoded ({error or type(error).__name__})"
        raise Unreadable(reason) from None


def _without_its_end(content: bytes) -> tuple[Image.Image, float]:
    """A truncated baseline JPEG and the share of rows that were decoded.

    With an end marker put behind the last byte the decoder fills what is missing with plain
    grey; rows whose right end is such grey are counted as missing.
    """
    with _reasons():
        image: Image.Image = Image.open(io.BytesIO(content))
        if image.format != "JPEG" or image.mode not in ("L", "RGB") or "progressive" in image.info:
            raise Unreadable("the file is truncated")
        image = Image.open(io.BytesIO(content + b"\xff\xd9"))
        image.load()
    rows = np.asarray(image.convert("L"))[:, -16:]
    present = np.flatnonzero((np.abs(rows.astype(np.int16) - EMPTY_GREY) > 1).any(axis=1))
    share = (present[-1] + 1) / len(rows) if len(present) else 0.0
    if share < LEAST_DECODED:
        raise Unreadable(f"the file is truncated ({share:.0%} of its rows decoded)".replace("%", " %"))
    return image, share


def _grey(image: Image.Image) -> Image.Image:
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA"):
        image = image.convert("RGB")
    return image.convert("L")


def _deep(image: Image.Image, note: str) -> Decoded:
    values: NDArray[np.float32] = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise Unreadable("holds values that are not finite numbers")
    low, peak = float(values.min()), float(values.max())
    if low < 0 or peak > 65535:
        raise Unreadable(f"holds values from {low:g} to {peak:g}; 0 to 65535 is expected")
    unit = image.mode == "F" and peak <= 1
    return Decoded(Image.fromarray(values), peak=None if unit else peak, unit=unit, note=note)
