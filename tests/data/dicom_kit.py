"""DICOM files written by tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

DX = "1.2.840.10008.5.1.4.1.1.1.1"


def dataset(pixels: NDArray[Any], *, bits: int, photometric: str = "MONOCHROME2", **tags: Any) -> Dataset:
    """A digital radiograph with these stored values, of one frame unless `pixels` has more."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = DX
    made.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(pixels.sum()), str(tags)])
    made.SOPClassUID, made.SOPInstanceUID = DX, made.file_meta.MediaStorageSOPInstanceUID
    made.Modality, made.PatientID = "DX", tags.pop("PatientID", "P1")
    colour = photometric not in ("MONOCHROME1", "MONOCHROME2")
    made.Rows, made.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    made.SamplesPerPixel = 3 if colour else 1
    if colour:
        made.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        made.NumberOfFrames = len(pixels)
    made.PhotometricInterpretation = photometric
    made.BitsAllocated = pixels.dtype.itemsize * 8
    made.BitsStored, made.HighBit = bits, bits - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in tags.items():
        setattr(made, name, value)
    made.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    return made


def write(path: Path, pixels: NDArray[Any], **settings: Any) -> Path:
    """`dataset` as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset(pixels, **settings).save_as(path, enforce_file_format=True)
    return path


def deep(
    size: tuple[int, int], box: tuple[int, int, int, int] | None, *, bits: int = 12, seed: int = 0
) -> NDArray[np.uint16]:
    """A dark 12-bit film with a bright rectangle."""
    white = 2**bits - 1
    pixels = np.random.default_rng(seed).integers(0, white // 5, size[::-1]).astype(np.uint16)
    if box is not None:
        x0, y0, x1, y1 = box
        pixels[y0:y1, x0:x1] = white
    return pixels
