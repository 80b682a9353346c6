"""Signed distances by hand, and texture filters by their variance."""

import numpy as np
import pytest

from study.data.geometry import Ends, Plane, Point, capsule, chord, circle, edge, ellipse, pixel_grid, smooth_union
from study.data.nuisance import Normal, Uniform, draw
from study.data.spectrum import COARSE, FINE, LUNG, band, detector_grain, restore, transform
from study.rng import numpy_generator


def at(x: float, y: float) -> Plane:
    return Plane(np.array([[x]], dtype=np.float32), np.array([[y]], dtype=np.float32))


def test_pixel_centres_run_from_minus_one_to_one() -> None:
    grid = pixel_grid(4)
    assert grid.x[0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert grid.y[:, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]


def test_a_circle_is_negative_inside() -> None:
    assert circle(at(3, 4), Point(0, 0), 2).item() == pytest.approx(3)
    assert circle(at(0, 0), Point(0, 0), 2).item() == pytest.approx(-2)


def test_an_ellipse_is_zero_on_its_outline_also_when_turned() -> None:
    assert ellipse(at(0, 2), Point(0, 0), Point(1, 2)).item() == pytest.approx(0, abs=1e-5)
    assert ellipse(at(2, 0), Point(0, 0), Point(1, 2), np.float32(np.pi / 2)).item() == pytest.approx(0, abs=1e-5)
    assert ellipse(at(1.5, 0), Point(0, 0), Point(1, 2)).item() > 0


def test_a_capsule_ends_round_and_tapers() -> None:
    start, end, radii = Point(0, 0), Point(4, 0), Ends(1.0, 0.5)
    assert capsule(at(-2, 0), start, end, radii).item() == pytest.approx(1)
    assert capsule(at(2, 1), start, end, radii).item() == pytest.approx(0.25)
    assert capsule(at(6, 0), start, end, radii).item() == pytest.approx(1.5)


def test_a_smooth_union_is_the_nearer_shape_away_from_the_seam() -> None:
    near, far = np.array([0.1]), np.array([0.9])
    assert smooth_union(near, far, 0.2).item() == pytest.approx(0.1)
    assert smooth_union(near, near, 0.2).item() == pytest.approx(0.1 - 0.2 / 4)


def test_the_beam_crosses_half_a_circle_and_not_more() -> None:
    assert chord(np.array([-0.1, 0.0, 0.5, 1.0, 3.0]), 1.0) == pytest.approx([0, 0, np.sqrt(0.75), 1, 1])


def test_an_edge_is_a_ramp() -> None:
    assert edge(np.array([-1.0, -0.1, 0.0, 0.1, 1.0]), 0.2) == pytest.approx([1, 0.75, 0.5, 0.25, 0])


@pytest.mark.parametrize("size", [32, 33, 64, 128])
@pytest.mark.parametrize("name", [FINE, COARSE, LUNG])
def test_textures_have_unit_variance_at_every_size(size: int, name: tuple[float, float]) -> None:
    white = numpy_generator("test", size).standard_normal((40, size, size), dtype=np.float32)
    texture = restore(transform(white) * band(size, *name), size)
    assert texture.std() == pytest.approx(1, abs=0.05)


def test_detector_noise_has_unit_variance() -> None:
    white = numpy_generator("test").standard_normal((40, 64, 64), dtype=np.float32)
    assert restore(transform(white) * detector_grain(64), 64).std() == pytest.approx(1, abs=0.02)


def test_draws_keep_their_limits_and_their_film() -> None:
    table = {"a": Normal(1.0, 5.0, 0.0, 2.0), "b": Uniform(3.0, 4.0)}
    together = draw(table, [numpy_generator("film", k) for k in range(200)])
    assert together["a"].shape == (200, 1, 1)
    assert together["a"].min() == 0
    assert together["a"].max() == 2
    assert together["b"].min() >= 3
    assert together["b"].max() < 4
    alone = draw(table, [numpy_generator("film", 7)])
    assert alone["a"].item() == together["a"][7].item()
