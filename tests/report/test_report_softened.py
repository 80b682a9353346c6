"""Maps of single pixels are softened for the eye; others, and every value, stay as they are."""

import base64
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report_builder import Made, made_up

from study.records import ReportInput
from study.report.gallery import gallery
from study.report.notes import Notes
from study.report.results import results as make_results
from study.report.sheets import sheets
from study.report.softened import SIGMA, softened, speckled


def point(side: int = 64) -> Any:
    """A map of one bright pixel."""
    values = np.zeros((side, side), np.float32)
    values[20, 40] = 1.0
    return values


def blob(side: int = 64) -> Any:
    rows, columns = np.mgrid[:side, :side] / side
    return np.exp(-((rows - 0.3) ** 2 + (columns - 0.6) ** 2) / 0.04).astype(np.float32)


def test_a_softened_pixel_is_a_gaussian_of_the_same_place_and_height() -> None:
    soft = softened(point())
    assert np.unravel_index(soft.argmax(), soft.shape) == (20, 40)
    assert soft.max() == pytest.approx(1.0)
    step = 2  # at this distance a Gaussian has fallen to exp(-d²/2σ²)
    assert soft[20, 40 + step] == pytest.approx(np.exp(-(step**2) / (2 * (SIGMA * 64) ** 2)), rel=1e-3)


def test_flat_and_undefined_maps_stay_as_they_are() -> None:
    for values in (np.zeros((8, 8), np.float32), np.full((8, 8), np.nan, np.float32)):
        assert softened(values) is values
        assert not speckled([values])


def test_single_pixels_are_speckled_and_blobs_and_noise_are_not() -> None:
    noise = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    assert speckled([point(), point(), blob()])
    assert not speckled([blob(), blob(), point()])
    assert not speckled([noise])
    assert not speckled([])


@pytest.fixture(scope="module")
def report() -> ReportInput:
    return made_up(Made(methods=True))


def with_maps(report: ReportInput, values: Any) -> ReportInput:
    """The report with one map everywhere in its gallery."""
    rows = [replace(row, maps=tuple(replace(m, attribution=values(64)) for m in row.maps)) for row in report.gallery]
    rows = [replace(row, image=np.zeros((64, 64), np.uint8)) for row in rows]
    return replace(report, gallery=tuple(rows))


def brightest(report: ReportInput) -> tuple[int, str]:
    """How many pixels of the first map are coloured, and the sentence above the gallery."""
    made = gallery(report, make_results(report, Notes()))
    source = made.tables[0].lines[0].thumbnails[1].source.partition(",")[2]
    with Image.open(BytesIO(base64.b64decode(source))) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return int((pixels.max(axis=2) > 60).sum()), made.lead.en


def test_the_gallery_says_that_its_maps_are_softened_and_values_stay(report: ReportInput) -> None:
    pixels, lead = brightest(with_maps(report, point))
    assert "Softened for the eye" in lead
    assert "(Gaussian, σ = 3% of the side; values are of the map as it is)" in lead
    bare, plain = brightest(with_maps(report, blob))
    assert "Softened" not in plain
    assert bare > pixels > 300  # one pixel of 64 × 64 is 16 of the picture's


def test_only_speckled_methods_of_a_sheet_are_softened(report: ReportInput) -> None:
    row = report.methods[0]
    named = [replace(m, map=(point if place == 1 else blob)(row.image.shape[0])) for place, m in enumerate(row.maps)]
    square = replace(row, image=np.zeros((row.image.shape[0],) * 2, np.uint8), maps=tuple(named))
    results = make_results(report, Notes())
    made = sheets(replace(report, methods=(square,)), results)
    title = made.sheets[0].panels[2].title
    assert made.lead.en.endswith(f"as it is): {title.en}.")
    assert made.lead.ko.endswith(f"원래 맵의 것임): {title.ko}.")
