"""Chest phantom: lungs, heart, spine, ribs, clavicles, and in half of the films a lesion with a box.

A lesion is a nodule or, larger and softer, an opacity. All numbers are half-widths of the film.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.data.geometry import (
    Ends,
    Field,
    Plane,
    Point,
    capsule,
    circle,
    edge,
    ellipse,
    line,
    posed,
    smooth_union,
    thickness,
)
from study.data.nuisance import Normal, Table, Uniform, Values
from study.data.projection import Projection, paint
from study.data.spectrum import FINE, LUNG, Spectrum, texture

CLASSES = ("normal", "lesion")
PARTS = ("soft_tissue", "lung", "rib", "mediastinum", "spine", "clavicle", "humerus", "lesion")
TISSUE, LUNGS, RIB, MEDIASTINUM, SPINE, CLAVICLE, HUMERUS, LESION = range(1, 9)

FULL_EFFECT = 1.3
"""The `effect` at which lesions have the contrast written here; they fade in proportion below it."""

NUISANCES: Table = {
    "rotation": Normal(0.0, 0.035, -0.10, 0.10),
    "scale": Normal(1.0, 0.06, 0.86, 1.14),
    "shift_x": Normal(0.0, 0.04, -0.10, 0.10),
    "shift_y": Normal(0.0, 0.04, -0.10, 0.10),
    "obesity": Normal(0.0, 1.0, -2.0, 2.0),
    "lung_width": Normal(0.335, 0.02),
    "lung_height": Normal(0.80, 0.05),
    "lung_y": Normal(0.07, 0.03),
    "lung_tilt": Normal(0.10, 0.03),
    "diaphragm": Normal(0.50, 0.07),
    "heart": Normal(0.31, 0.035, 0.15),
    "density": Normal(1.0, 0.12, 0.7, 1.3),
    "vertebra_phase": Uniform(),
    "rib_phase": Uniform(),
    "gas": Uniform(),
    "side": Uniform(),
    "lesion_side": Uniform(),
    "lesion_x": Uniform(0.30, 0.58),
    "lesion_y": Uniform(-0.45, 0.42),
    "lesion_kind": Uniform(),
    "lesion_size": Uniform(),
    "lesion_contrast": Uniform(),
    "lesion_aspect": Uniform(0.75, 1.2),
    "lesion_angle": Uniform(0.0, float(np.pi)),
}

ACQUISITION: Table = {
    "scatter": Uniform(0.4, 1.2),
    "blur_px": Uniform(0.45, 0.80),
    "log_noise": Uniform(float(np.log(0.012)), float(np.log(0.040))),
    "black": Normal(-0.05, 0.05, -0.20, 0.10),
    "white": Normal(1.22, 0.10, 1.0, 1.5),
    "log_gamma": Normal(-0.10, 0.12, -0.40, 0.20),
}


def is_left(values: Values) -> NDArray[np.bool_]:
    """[N] bool: the letter names the left side."""
    return values["side"][:, 0, 0] < 0.5


def marker_corner(values: Values, chance: Field) -> NDArray[np.int64]:
    """[N] corner of the side letter: the top corner of the side it names (the patient faces us)."""
    return np.where(is_left(values), 1, 0) + np.zeros(chance.shape, dtype=np.int64)


def project(values: Values, *, labels: NDArray[np.int64], effect: float, grid: Plane, white: Spectrum) -> Projection:
    """Chests of these films.

    Args:
        values: draws of `NUISANCES`, [N, 1, 1] each.
        labels: [N], 0 without and 1 with a lesion.
        effect: contrast of lesions, relative to `FULL_EFFECT`.
        grid: pixels of the film.
        white: [N, S, S // 2 + 1] spectrum of white noise, for the texture of bone and lung.
    """
    size = grid.x.shape[-1]
    shift = Point(values["shift_x"], values["shift_y"])
    plane = posed(grid, rotation=values["rotation"], scale=values["scale"], shift=shift)
    parts = np.zeros(plane.x.shape, dtype=np.uint8)
    fine, mottle = texture(white, size, FINE), texture(white, size, LUNG)
    sides = Plane(np.abs(plane.x), plane.y)  # both halves of the body at once
    lung = _lung_distance(plane, sides, values)
    inside = edge(lung, 0.022)
    attenuation = _torso(plane, values, parts)
    attenuation += _lungs(sides, values, inside, mottle)
    paint(parts, lung, LUNGS)
    attenuation += _ribs(sides, values, parts)
    attenuation += _mediastinum(plane, values, parts)
    attenuation += _other_bones(plane, sides, values, fine=fine, parts=parts)
    gas = ellipse(plane, Point(0.42, values["diaphragm"] + 0.20), Point(0.13, 0.07))
    attenuation -= 0.14 * values["gas"] * edge(gas, 0.03)
    present = (labels == 1)[:, None, None]
    contrast, distance, outline = _lesion(plane, values, mottle)
    region = (distance < outline) & present
    attenuation += contrast * present * np.float32(effect / FULL_EFFECT) * (0.35 + 0.65 * inside)
    parts[region] = LESION
    return Projection(attenuation, parts, region)


def _torso(plane: Plane, values: Values, parts: NDArray[np.uint8]) -> Field:
    obesity = values["obesity"]
    trunk = ellipse(plane, Point(0.0, 0.45), Point(0.93 + 0.05 * obesity, 1.35))
    shoulders = capsule(plane, Point(-0.75, -0.50), Point(0.75, -0.50), Ends(0.28, 0.28))
    neck = capsule(plane, Point(0.0, -1.2), Point(0.0, -0.6), Ends(0.24, 0.30))
    body = smooth_union(smooth_union(trunk, shoulders, 0.15), neck, 0.15)
    paint(parts, body, TISSUE)
    return np.asarray((0.62 + 0.06 * obesity) * thickness(-body, 0.8) + 0.05 * edge(body, 1.3 / plane.x.shape[-1]))


def _lung_distance(plane: Plane, sides: Plane, values: Values) -> Field:
    """Two ellipses, cut by the domes of the diaphragm."""
    half = Point(values["lung_width"] + 0.02 * (plane.x < 0), values["lung_height"])
    lungs = ellipse(sides, Point(0.43, values["lung_y"]), half, -values["lung_tilt"])
    from_middle = sides.x - 0.45
    dome = values["diaphragm"] + 0.05 * (plane.x > 0) + 1.1 * from_middle * from_middle
    return np.asarray(np.maximum(lungs, (plane.y - dome) * 0.8))


def _lungs(sides: Plane, values: Values, inside: Field, mottle: Field) -> Field:
    """Air, and the vessels that branch from the hila."""
    x, y = (sides.x - 0.18) / 0.26, (sides.y - 0.05) / 0.40
    hila = np.exp(-x * x - y * y)
    air = 0.38 + 0.05 * values["obesity"]
    return np.asarray(inside * (0.030 * mottle * (0.3 + 1.3 * hila) + 0.10 * hila - air))


def _mediastinum(plane: Plane, values: Values, parts: NDArray[np.uint8]) -> Field:
    """Heart, great vessels with the aortic knob, and the lucent trachea."""
    heart = ellipse(plane, Point(0.13, 0.36), Point(values["heart"], 0.26), 0.55)
    vessels = capsule(plane, Point(0.01, -1.0), Point(0.02, 1.2), Ends(0.11, 0.16))
    shape = smooth_union(smooth_union(heart, vessels, 0.10), circle(plane, Point(0.12, -0.20), 0.085), 0.05)
    paint(parts, shape, MEDIASTINUM)
    trachea = capsule(plane, Point(0.0, -1.1), Point(0.0, -0.14), Ends(0.045, 0.04))
    shadow = 0.30 * edge(shape, 0.030) * (0.75 + 0.25 * thickness(-shape, 0.20))
    return np.asarray(shadow - 0.10 * edge(trachea, 0.02))


def _ribs(sides: Plane, values: Values, parts: NDArray[np.uint8]) -> Field:
    """Posterior ribs falling outwards, anterior ones rising; one coordinate repeats from rib to rib."""
    x, y, phase = sides.x, sides.y, values["rib_phase"]
    out = np.minimum(x * (1 / 0.86), 1.15)
    beyond = np.maximum(out - 0.75, 0)
    square = out * out
    rows = (y - 0.10 * out + 0.20 * square * square - 1.80 * beyond * beyond) * (1 / 0.185) + phase
    posterior = np.abs(rows - np.round(rows)) * (0.185 * 0.93) - 0.036
    behind = edge(np.abs(x - 0.47) - 0.40, 0.04) * edge(y - values["diaphragm"] - 0.25, 0.10)
    rows = (y + 0.60 * x) * (1 / 0.245) + 0.7 * phase
    anterior = np.abs(rows - np.round(rows)) * (0.245 * 0.80) - 0.032
    front = edge(np.abs(x - 0.60) - 0.22, 0.07) * edge(np.abs(y - 0.05) - 0.45, 0.10)
    parts[(posterior < 0) & (behind > 0.5) | (anterior < 0) & (front > 0.5)] = RIB
    ribs = behind * (0.095 * thickness(-posterior, 0.036) + 0.060 * line(posterior + 0.006, 0.013))
    return np.asarray(values["density"] * (ribs + front * (0.060 * thickness(-anterior, 0.032))))


def _other_bones(plane: Plane, sides: Plane, values: Values, *, fine: Field, parts: NDArray[np.uint8]) -> Field:
    """Spine, clavicles, scapular borders and humeral heads."""
    vertebrae = np.sqrt(np.abs(np.sin((plane.y + values["vertebra_phase"]) * (np.pi / 0.155))))
    spine = sides.x - 0.085
    tilt = 0.04 * np.where(plane.x > 0, np.float32(1), np.float32(-1))
    clavicle = capsule(sides, Point(0.10, -0.60), Point(0.80, tilt - 0.76), Ends(0.042, 0.036))
    scapula = capsule(sides, Point(0.80, -0.55), Point(0.70, 0.10), Ends(0.02, 0.015))
    shaft = capsule(sides, Point(1.02, -0.5), Point(1.10, 0.3), Ends(0.10, 0.08))
    humerus = smooth_union(circle(sides, Point(1.0, -0.58), 0.165), shaft, 0.06)
    for shape, part in ((spine, SPINE), (clavicle, CLAVICLE), (humerus, HUMERUS)):
        paint(parts, shape, part)
    bones = 0.09 * vertebrae * edge(spine, 0.02) * (1 + 0.15 * fine)
    bones += 0.22 * thickness(-clavicle, 0.04) * (1 + 0.15 * fine) + 0.08 * line(clavicle + 0.008, 0.013)
    bones += 0.10 * edge(scapula, 0.015)
    bones += 0.30 * thickness(-humerus, 0.16) * (1 + 0.24 * fine) + 0.12 * line(humerus + 0.015, 0.014)
    return np.asarray(values["density"] * bones)


def _lesion(plane: Plane, values: Values, mottle: Field) -> tuple[Field, Field, Field]:
    """Attenuation at full contrast, distance to the lesion, and the distance at which its box is drawn."""
    opacity = values["lesion_kind"] < 0.4
    size, contrast = values["lesion_size"], values["lesion_contrast"]
    radius = np.where(opacity, 0.15 + 0.09 * size, 0.07 + 0.05 * size)
    strength = np.where(opacity, 0.16 + 0.12 * contrast, 0.18 + 0.14 * contrast)
    side = np.where(values["lesion_side"] < 0.5, np.float32(-1), np.float32(1))
    centre = Point(side * values["lesion_x"], values["lesion_y"])
    half = Point(radius, radius * values["lesion_aspect"])
    distance = ellipse(plane, centre, half, values["lesion_angle"])
    soft = np.clip(0.5 - distance / (1.6 * radius), 0, 1) * (1 + 0.15 * mottle)
    depth = np.clip(-distance / radius, 0, 1)
    round_body = np.sqrt(depth * (2 - depth))
    return np.asarray(strength * np.where(opacity, soft, round_body)), distance, 0.2 * radius
