"""One DICOM file to one grey film between black and white, or the reason why not.

In this order: the modality transform (rescale slope and intercept, or its table), then what the setting `window`
says becomes black and white, then MONOCHROME1 is inverted. Padding is black. Colour (secondary captures)
becomes luminance. 8-bit films without a window and a rescale stay 8 bit; all others become 16 bit.

Reference: DICOM PS3.3, C.11.1 (modality), C.11.2 (VOI LUT: linear, linear exact, sigmoid).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut, convert_color_space

from study.data.decode import Decoded, Decoder, Header, Unreadable

Window = Literal["voi", "minmax", "full"]
Patients = Literal["hashed", "as_written", "ignore"]
Values = NDArray[np.float64]

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
HASH_DIGITS = 12
LUMINANCE = (0.299, 0.587, 0.114)


def decoder(window: Window, patients: Patients) -> Decoder:
    """How DICOM files are read with these settings."""
    return Decoder(partial(decode, window=window, patients=patients), partial(header, window=window, patients=patients))


def decode(content: bytes, *, window: Window, patients: Patients) -> Decoded:
    """The film in the bytes of a DICOM file.

    Raises:
        Unreadable: not DICOM, no or several frames, a compression or photometric interpretation that cannot be read,
            or truncated pixels.
    """
    if not content:
        raise Unreadable("the file is empty")
    with _reasons():
        dataset = pydicom.dcmread(io.BytesIO(content))
        _check(dataset)
        raw = dataset.pixel_array
        film = _film(raw, dataset, window)
        return replace(film, patient=patient(dataset, patients), spacing=_spacing(dataset))


def header(path: Path, *, window: Window, patients: Patients) -> Header:
    """Size, bits and patient of a DICOM file, without its pixels.

    Raises:
        Unreadable: as `decode`.
    """
    with _reasons():
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        _check(dataset)
        size = (int(dataset.Columns), int(dataset.Rows))
        return Header(size, int(dataset.BitsStored), _is_deep(dataset, window), patient=patient(dataset, patients))


def patient(dataset: Any, patients: Patients) -> str:
    """The patient's id as the setting wants it; "" where the file has none.

    A hash keeps ids out of tables and reports. It is no anonymisation: whoever has the list of ids can hash it too.
    """
    written = str(dataset.get("PatientID") or "").strip()
    if not written or patients == "ignore":
        return ""
    if patients == "as_written":
        return written
    return hashlib.sha256(written.encode("utf8")).hexdigest()[:HASH_DIGITS]


def _film(raw: NDArray[Any], dataset: Any, window: Window) -> Decoded:
    """The pixels as a viewer shows them: 8 bits as they are, everything else between 0 and 1."""
    if dataset.PhotometricInterpretation not in GREY:
        return Decoded(Image.fromarray(_luminance(raw, dataset)))
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    if not _is_deep(dataset, window):
        flat = (255 - raw if inverted else raw).astype(np.uint8)
        return Decoded(Image.fromarray(_padded(flat, raw, dataset)))
    shares = _windowed(raw, dataset, window)
    shown = _padded(1 - shares if inverted else shares, raw, dataset)
    return Decoded(Image.fromarray(shown.astype(np.float32)), unit=True)


def _check(dataset: Any) -> None:
    if "Rows" not in dataset or "BitsStored" not in dataset:
        raise Unreadable(f"holds no image (modality {dataset.get('Modality') or 'unknown'})")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise Unreadable(f"holds {frames} frames; one film per file is expected")
    kind = str(dataset.get("PhotometricInterpretation") or "nothing")
    if kind not in (*GREY, *COLOUR):
        raise Unreadable(f"has the photometric interpretation {kind}; {', '.join((*GREY, *COLOUR))} can be read")
    if kind in COLOUR and int(dataset.BitsAllocated) != 8:
        raise Unreadable(f"is a colour film of {dataset.BitsAllocated} bits; 8 can be read")


def _is_deep(dataset: Any, window: Window) -> bool:
    """Whether the film needs more than 8 bits: anything but 8-bit values that are shown as they are."""
    if dataset.PhotometricInterpretation in COLOUR:
        return False
    plain = int(dataset.BitsStored) == 8 and not int(dataset.get("PixelRepresentation") or 0)
    scaled = float(dataset.get("RescaleSlope", 1)) != 1 or float(dataset.get("RescaleIntercept", 0)) != 0
    table = bool(dataset.get("ModalityLUTSequence"))
    return not plain or scaled or table or window == "minmax" or (window == "voi" and _has_window(dataset))


def _has_window(dataset: Any) -> bool:
    return bool(dataset.get("VOILUTSequence")) or (
        dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None
    )


def _windowed(raw: NDArray[Any], dataset: Any, window: Window) -> Values:
    """Values between black (0) and white (1), before MONOCHROME1 is inverted."""
    values = np.asarray(apply_modality_lut(raw, dataset), dtype=np.float64)
    if window == "voi" and dataset.get("VOILUTSequence"):
        return _table(np.asarray(apply_modality_lut(raw, dataset)), dataset)
    if window == "voi" and _has_window(dataset):
        return _function(dataset)(values, _first(dataset.WindowCenter), _first(dataset.WindowWidth))
    low, high = _range(dataset) if window == "full" else _extent(values, raw, dataset)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1)) if high > low else np.zeros_like(values)


def _table(values: NDArray[Any], dataset: Any) -> Values:
    """Through the first VOI LUT; its last entry's bits are white."""
    table = dataset.VOILUTSequence[0]
    white = 2 ** int(table.LUTDescriptor[2]) - 1
    whole = values.astype(np.int64) if values.dtype.kind == "f" else values
    shown = np.asarray(apply_voi_lut(whole, dataset, prefer_lut=True), dtype=np.float64)
    return np.asarray(np.clip(shown / white, 0, 1))


def _function(dataset: Any) -> Callable[[Values, float, float], Values]:
    name = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    functions = {"LINEAR": _linear, "LINEAR_EXACT": _linear_exact, "SIGMOID": _sigmoid}
    if name not in functions:
        raise Unreadable(f"has the VOI LUT function {name}; {', '.join(functions)} can be read")
    return functions[name]


def _linear(values: Values, centre: float, width: float) -> Values:
    """PS3.3 C.11.2.1.2.1: black up to centre - 0.5 - (width - 1) / 2."""
    if width < 1:
        raise Unreadable(f"has a window of width {width:g}; at least 1 is expected")
    if width == 1:
        return np.asarray(values > centre - 0.5, dtype=np.float64)
    return np.asarray(np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1))


def _linear_exact(values: Values, centre: float, width: float) -> Values:
    """PS3.3 C.11.2.1.3.2."""
    if width <= 0:
        raise Unreadable(f"has a window of width {width:g}; more than 0 is expected")
    return np.asarray(np.clip((values - centre) / width + 0.5, 0, 1))


def _sigmoid(values: Values, centre: float, width: float) -> Values:
    """PS3.3 C.11.2.1.3.1."""
    if width <= 0:
        raise Unreadable(f"has a window of width {width:g}; more than 0 is expected")
    return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))


def _range(dataset: Any) -> tuple[float, float]:
    """The smallest and largest value that the bits can hold, after the modality transform."""
    bits = int(dataset.BitsStored)
    if dataset.get("ModalityLUTSequence"):
        return 0.0, 2.0 ** int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
    signed = bool(int(dataset.get("PixelRepresentation") or 0))
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    low, high = sorted(end * slope + intercept for end in ends)
    return low, high


def _extent(values: Values, raw: NDArray[Any], dataset: Any) -> tuple[float, float]:
    """The film's smallest and largest value, padding apart."""
    inside = values[~_padding(raw, dataset)]
    return (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)


def _padding(raw: NDArray[Any], dataset: Any) -> NDArray[np.bool_]:
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if value is None:
        return np.zeros(raw.shape, dtype=np.bool_)
    low, high = sorted((int(value), int(value if limit is None else limit)))
    return np.asarray((raw >= low) & (raw <= high))


def _padded(film: NDArray[Any], raw: NDArray[Any], dataset: Any) -> NDArray[Any]:
    return np.where(_padding(raw, dataset), film.dtype.type(0), film)


def _luminance(raw: NDArray[Any], dataset: Any) -> NDArray[np.uint8]:
    """[H, W] by ITU-R 601, as PIL does for other colour files."""
    kind = str(dataset.PhotometricInterpretation)
    shown = raw if kind in ("RGB", "YBR_ICT", "YBR_RCT") else convert_color_space(raw, kind, "RGB")
    return np.asarray(Image.fromarray(np.asarray(shown, dtype=np.uint8)).convert("L"))


def _spacing(dataset: Any) -> tuple[float, float] | None:
    """Height and width of a pixel in mm: in the patient where known, else at the detector."""
    written = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    return (float(written[0]), float(written[1])) if written is not None and len(written) == 2 else None


def _first(value: Any) -> float:
    return float(value[0]) if isinstance(value, pydicom.multival.MultiValue) else float(value)


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn whatever pydicom raises on a broken file into a reason."""
    try:
        yield
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable("the file does not exist") from None
    except InvalidDicomError:
        raise Unreadable("not a DICOM file") from None
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})") from None
    except Exception as error:  # pydicom raises anything from AttributeError to struct.error on broken bytes
        text = " ".join(str(error).split()) or type(error).__name__
        short = any(word in text.lower() for word in ("less than", "truncated", "end of", "expected length", "eof"))
        raise Unreadable(
            f"the file is truncated ({text[:160]})" if short else f"cannot be decoded ({text[:200]})"
        ) from None
