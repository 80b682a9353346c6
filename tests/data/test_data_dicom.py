"""DICOM files, written here by pydicom: what is black and white in them, and what is refused."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_kit import dataset as dicom_dataset
from dicom_kit import deep, write
from film_kit import BOXES, SIZES, assert_boxes_lie_on_bright_pixels, marked, named, prepared, save, write_csv
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from study import data
from study.data.decode import Decoded, Unreadable
from study.data.dicom_pixels import decode, header
from study.errors import DataError
from study.protocol.data import DicomSettings, ImagefolderSettings

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def encoded(pixels: Any, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    dicom_dataset(pixels, **settings).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def film(pixels: Any, *, window: Any = "voi", patients: Any = "hashed", **settings: Any) -> Decoded:
    return decode(encoded(pixels, **settings), window=window, patients=patients)


def values(pixels: Any, **settings: Any) -> np.ndarray:
    return np.asarray(film(pixels, **settings).image, dtype=np.float64)


def test_twelve_bits_without_a_window_go_from_smallest_to_largest_or_over_all_bits() -> None:
    half = RAMP // 2 + 500  # 500 to 2547
    assert film(half, bits=12).unit
    np.testing.assert_allclose(values(half, bits=12), (half - 500.0) / 2047, atol=1e-6)
    np.testing.assert_allclose(values(half, bits=12, window="minmax"), (half - 500.0) / 2047, atol=1e-6)
    np.testing.assert_allclose(values(half, bits=12, window="full"), half / 4095, atol=1e-6)


def test_monochrome1_is_inverted() -> None:
    bright = values(RAMP, bits=12)
    np.testing.assert_allclose(values(RAMP, bits=12, photometric="MONOCHROME1"), 1 - bright, atol=1e-6)
    flat = (RAMP // 16).astype(np.uint8)
    assert np.array_equal(values(flat, bits=8, photometric="MONOCHROME1"), 255 - flat)


def test_eight_bits_without_a_window_stay_eight_bits() -> None:
    flat = (RAMP // 16).astype(np.uint8)
    shown = film(flat, bits=8)
    assert (shown.image.mode, shown.unit) == ("L", False)
    assert np.array_equal(np.asarray(shown.image), flat)
    assert film(flat, bits=8, WindowCenter=100, WindowWidth=50).unit
    assert film(flat, bits=8, window="minmax").unit


def test_the_window_of_the_file_by_hand() -> None:
    # centre 2000, width 1001: black up to 2000 - 0.5 - 500 = 1499.5, white above 2499.5, 1999.5 is the middle
    shown = values(RAMP, bits=12, WindowCenter=2000, WindowWidth=1001).ravel()
    assert shown[1499] == 0
    assert shown[2500] == 1
    assert shown[1999] == pytest.approx(0.5 - 0.5 / 1000, abs=1e-6)
    assert shown[2000] == pytest.approx(0.5 + 0.5 / 1000, abs=1e-6)
    assert values(RAMP, bits=12, window="full", WindowCenter=2000, WindowWidth=1001).ravel()[1499] > 0.3


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2.5, -1024)])
def test_windows_are_those_of_pydicom(function: str, slope: float, intercept: float) -> None:
    tags = {
        "WindowCenter": 1500,
        "WindowWidth": 900,
        "VOILUTFunction": function,
        "RescaleSlope": slope,
        "RescaleIntercept": intercept,
    }
    read = dcmread(io.BytesIO(encoded(RAMP, bits=12, **tags)))
    theirs = np.asarray(apply_voi_lut(apply_modality_lut(read.pixel_array, read), read), dtype=np.float64)
    low, high = intercept, 4095 * slope + intercept
    np.testing.assert_allclose(values(RAMP, bits=12, **tags), (theirs - low) / (high - low), atol=1e-6)


def test_of_several_windows_the_first_is_used() -> None:
    one = values(RAMP, bits=12, WindowCenter=2000, WindowWidth=1001)
    two = values(RAMP, bits=12, WindowCenter=[2000, 40], WindowWidth=[1001, 80])
    assert np.array_equal(one, two)


def test_a_voi_table_goes_before_the_window() -> None:
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 10]  # 4096 entries from value 0, of 10 bits
    item.LUTData = (np.arange(4096)[::-1] // 4).astype("<u2").tobytes()
    tags = {"VOILUTSequence": Sequence([item]), "WindowCenter": 1, "WindowWidth": 2}
    np.testing.assert_allclose(values(RAMP, bits=12, **tags), (4095 - RAMP) // 4 / 1023, atol=1e-6)


def test_signed_and_rescaled_values_keep_their_order() -> None:
    signed = (RAMP.astype(np.int16) - 2048).astype(np.int16)
    np.testing.assert_allclose(values(signed, bits=12, window="full"), RAMP / 4095, atol=1e-6)
    falling = values(RAMP, bits=12, RescaleSlope=-1, RescaleIntercept=4095)
    np.testing.assert_allclose(falling, 1 - RAMP / 4095, atol=1e-6)


def test_padding_is_black_and_does_not_stretch_the_values() -> None:
    padded = RAMP // 2 + 1000
    padded[:8] = 4095
    for photometric in ("MONOCHROME2", "MONOCHROME1"):
        shown = values(padded, bits=12, PixelPaddingValue=4095, photometric=photometric)
        assert not shown[:8].any()
        assert shown[8:].max() == 1


def test_colour_becomes_luminance() -> None:
    red = np.zeros((8, 8, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert (values(red, bits=8, photometric="RGB") == 76).all()


def test_the_patient_is_hashed_kept_or_ignored() -> None:
    digest = hashlib.sha256(b"H-0042").hexdigest()[:12]
    assert film(RAMP, bits=12, PatientID=" H-0042 ").patient == digest
    assert film(RAMP, bits=12, PatientID="H-0042", patients="as_written").patient == "H-0042"
    assert film(RAMP, bits=12, PatientID="H-0042", patients="ignore").patient == ""
    assert film(RAMP, bits=12, PatientID="").patient == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"^the file is empty$"),
        (b"no film at all" * 40, r"^not a DICOM file$"),
        (encoded(np.stack([RAMP, RAMP]), bits=12), r"^holds 2 frames; one film per file is expected$"),
        (encoded(RAMP, bits=12)[:-3000], r"^the file is truncated \("),
        (
            encoded(RAMP, bits=12, photometric="MONOCHROME2", VOILUTFunction="CUBIC", WindowCenter=1, WindowWidth=9),
            r"^has the VOI LUT function CUBIC",
        ),
        (encoded(RAMP, bits=12, WindowCenter=1, WindowWidth=0), r"^has a window of width 0"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(content, window="voi", patients="hashed")


def test_reports_without_an_image_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    made = dicom_dataset(RAMP, bits=12)
    for tag in ("Rows", "Columns", "PixelData", "BitsStored"):
        delattr(made, tag)
    made.Modality = "SR"
    made.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    with pytest.raises(Unreadable, match=r"^holds no image \(modality SR\)$"):
        header(tmp_path / "report.dcm", window="voi", patients="hashed")
    made = dicom_dataset(RAMP, bits=12)
    made.PhotometricInterpretation = "PALETTE COLOR"
    made.save_as(tmp_path / "palette.dcm", enforce_file_format=True)
    with pytest.raises(Unreadable, match=r"^has the photometric interpretation PALETTE COLOR; MONOCHROME1, "):
        decode((tmp_path / "palette.dcm").read_bytes(), window="voi", patients="hashed")


def test_a_compression_that_no_library_here_can_read_says_so() -> None:
    made = dicom_dataset(RAMP, bits=12)
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.70"  # JPEG lossless
    made.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00\xff\xd8\xff\xd9"
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    with pytest.raises(Unreadable, match=r"^cannot be decoded \(.*JPEG Lossless"):
        decode(buffer.getvalue(), window="voi", patients="hashed")


def test_a_folder_of_dicom_files_with_a_table_of_labels(tmp_path: Path) -> None:
    rows = []
    for k in range(20):
        size, box = SIZES[k % 4], BOXES[k % 4]
        name = (f"st udy/촬영 {k:02d}.dcm", f"{k:02d}.DCM", f"1.2.840.{k}")[k % 3]
        inverted = k % 2 == 0
        pixels = deep(size, box, seed=k)
        write(
            tmp_path / "films" / name,
            4095 - pixels if inverted else pixels,
            bits=12,
            photometric="MONOCHROME1" if inverted else "MONOCHROME2",
            PatientID=f"H{k // 2}",
            PixelSpacing=[0.1 + k / 100, 0.2],
        )
        rows.append({"image": name, "label": "xy"[k // 2 % 2], "boxes": [box]})
    (tmp_path / "films" / "notes.txt").write_text("no film")
    (tmp_path / "films" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "films" / "broken.dcm").write_bytes(b"no film")
    write_csv(tmp_path / "labels.csv", rows, ("image", "label", "boxes"))
    dataset = prepared(DicomSettings(folder="films", labels="labels.csv"), tmp_path, image_size=60)
    assert dataset.images.dtype == np.uint16
    assert_boxes_lie_on_bright_pixels(dataset, least=20)
    assert [(file.path, file.reason) for file in dataset.quarantined] == [("broken.dcm", "not a DICOM file")]
    assert dataset.facts["patients"] == 10
    assert set(dataset.clusters) == {hashlib.sha256(f"H{k}".encode()).hexdigest()[:12] for k in range(10)}
    spacing = dataset.facts["pixel_spacing_mm"]
    assert (spacing["smallest"], spacing["largest"], spacing["films_without"]) == (0.1, pytest.approx(0.29), 0)
    splits: dict[str, set[str]] = {}
    for cluster, split in zip(dataset.clusters, dataset.splits, strict=True):
        splits.setdefault(cluster, set()).add(split)
    assert all(len(found) == 1 for found in splits.values())


def test_eight_bit_dicom_and_png_give_the_same_films(tmp_path: Path) -> None:
    for k in range(20):
        pixels = marked((60, 40), None, seed=k)
        save(tmp_path / "png" / "ab"[k % 2] / f"{k:02d}.png", pixels)
        write(tmp_path / "dcm" / "ab"[k % 2] / f"{k:02d}.dcm", pixels, bits=8, PatientID="")
    write_csv(
        tmp_path / "labels.csv", [{"image": f"{k:02d}", "label": "ab"[k % 2]} for k in range(20)], ("image", "label")
    )
    png = prepared(ImagefolderSettings(folder="png"), tmp_path)
    dicom = prepared(DicomSettings(folder="dcm", labels="labels.csv"), tmp_path)
    assert np.array_equal(png.images, dicom.images)
    assert named(png) == named(dicom)


def test_it_is_recognised_and_looked_at_without_labels(tmp_path: Path) -> None:
    write(tmp_path / "films" / "a", RAMP, bits=12)
    guess = data.guesses(tmp_path / "films")[0]
    assert (guess.format, guess.how) == ("dicom", "1 DICOM files such as a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no DICOM files \(\.dcm, \.dic, \.dicom, \.ima, or without suffix\)"):
        prepared(DicomSettings(folder="empty"), tmp_path)
