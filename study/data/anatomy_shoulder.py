"""Shoulder phantom: bone quality near the surgical neck decides the label.

The label moves a bone quality q (two overlapping normal populations). Low q thins the cortex and makes
the trabecular texture weaker and coarser, in a window around the greater tuberosity and the
surgical neck only. Density of all bones varies independently, so mean grey is no cue.
All numbers are half-widths of the film and were tuned by eye and by the accuracy of small models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.data.geometry import (
    Ends,
    Field,
    Plane,
    Point,
    Value,
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
from study.data.projection import Bone, Projection, paint
from study.data.spectrum import COARSE, FINE, Spectrum, texture

CLASSES = ("normal", "osteopenic")
PARTS = ("soft_tissue", "lung", "rib", "scapula", "glenoid", "clavicle", "humerus")
TISSUE, LUNG, RIB, SCAPULA, GLENOID, CLAVICLE, HUMERUS = range(1, 8)

OVERLAP = 0.55
"""Standard deviation of q within a class, where the class means are +1 and -1."""

NUISANCES: Table = {
    "quality": Normal(0.0, OVERLAP),
    "rotation": Normal(0.0, 0.09, -0.22, 0.22),
    "scale": Normal(1.0, 0.06, 0.86, 1.14),
    "shift_x": Normal(0.0, 0.06, -0.14, 0.14),
    "shift_y": Normal(0.0, 0.06, -0.14, 0.14),
    "obesity": Normal(0.0, 1.0, -2.0, 2.0),
    "head_x": Normal(-0.26, 0.025),
    "head_y": Normal(-0.17, 0.03),
    "head_radius": Normal(0.30, 0.018, 0.26, 0.34),
    "abduction": Normal(0.06, 0.07, -0.10, 0.22),
    "lung_x": Normal(1.12, 0.04),
    "lung_width": Normal(0.66, 0.04, 0.4),
    "density": Normal(1.0, 0.10, 0.75, 1.25),
    "glenoid_angle": Normal(0.12, 0.05),
    "acromion_y": Normal(-0.12, 0.015),
    "clavicle_bow": Normal(0.05, 0.02),
    "clavicle_slope": Normal(-0.10, 0.05),
    "cortex": Normal(1.0, 0.12, 0.7, 1.3),
    "trabecular": Normal(1.0, 0.08),
    "coarseness": Normal(0.0, 0.25),
    "texture": Normal(0.26, 0.04, 0.15, 0.40),
    "rib_phase": Uniform(),
    "side": Uniform(),
}

ACQUISITION: Table = {
    "scatter": Uniform(0.4, 1.3),
    "blur_px": Uniform(0.45, 0.80),
    "log_noise": Uniform(float(np.log(0.012)), float(np.log(0.040))),
    "black": Normal(-0.03, 0.05, -0.15, 0.10),
    "white": Normal(1.28, 0.10, 1.0, 1.6),
    "log_gamma": Normal(-0.12, 0.12, -0.40, 0.20),
    "collimation": Uniform(-0.08, 0.07),
    "collimated_edge": Uniform(0, 4),
}


def is_left(values: Values) -> NDArray[np.bool_]:
    """[N] bool: a left shoulder, shown mirrored."""
    return values["side"][:, 0, 0] < 0.5


def marker_corner(values: Values, chance: Field) -> NDArray[np.int64]:
    """[N] corner of the side letter (0 to 3: top left, top right, bottom left, bottom right).

    Mostly at the top; always on the side of the arm, where the film is dark.
    """
    return np.where(is_left(values), 1, 0) + np.where(chance < 0.8, 0, 2)


def project(values: Values, *, labels: NDArray[np.int64], effect: float, grid: Plane, white: Spectrum) -> Projection:
    """Shoulders of these films.

    Args:
        values: draws of `NUISANCES`, [N, 1, 1] each.
        labels: [N], 0 normal, 1 osteopenic.
        effect: separation of the classes; q = effect * (+-1 + normal(0, `OVERLAP`)), cut to +-2.2.
        grid: pixels of the film.
        white: [N, S, S // 2 + 1] spectrum of white noise, for the texture of bone.
    """
    size = grid.x.shape[-1]
    mirror = np.where(is_left(values), np.float32(-1), np.float32(1))[:, None, None]
    plane = posed(
        Plane(mirror * grid.x, grid.y),
        rotation=values["rotation"],
        scale=values["scale"],
        shift=Point(values["shift_x"], values["shift_y"]),
    )
    parts = np.zeros(plane.x.shape, dtype=np.uint8)
    attenuation = _soft_tissue(plane, values, parts) + _thorax(plane, values, parts)
    fine = texture(white, size, FINE)
    bones = _scapula(plane, values, fine, parts) + _clavicle(plane, values, fine, parts)
    window = _window(plane, values)
    means = np.where(labels == 0, np.float32(1), np.float32(-1))[:, None, None]
    quality = np.clip((means + values["quality"]) * np.float32(effect), -2.2, 2.2)
    distance = _humerus_distance(plane, values)
    bones += _humerus(plane, values, distance, quality=quality * window, textures=(fine, texture(white, size, COARSE)))
    paint(parts, distance, HUMERUS)
    return Projection(attenuation + values["density"] * bones, parts, (window > 0.45) & (distance < 0))


def _head(values: Values) -> Point:
    return Point(values["head_x"], values["head_y"])


def _shaft_end(values: Values) -> Point:
    """Where the shaft leaves the film, further out with the arm abducted."""
    return Point(values["head_x"] - 0.12 - values["abduction"], values["head_y"] + 1.55)


def _soft_tissue(plane: Plane, values: Values, parts: NDArray[np.uint8]) -> Field:
    """Arm, torso and neck, with the lucent fold between arm and chest wall."""
    head, end, obesity = _head(values), _shaft_end(values), values["obesity"]
    arm_radius = 0.40 + 0.05 * obesity
    arm = capsule(plane, Point(head.x - 0.02, head.y + 0.02), end, Ends(arm_radius, arm_radius * 0.86))
    torso = ellipse(plane, Point(1.05, 0.75), Point(1.10 + 0.05 * obesity, 1.52 + 0.04 * obesity))
    neck = capsule(plane, Point(0.15, -0.42 - 0.02 * obesity), Point(1.3, -0.80), Ends(0.26, 0.42))
    body = smooth_union(smooth_union(arm, torso, 0.10), neck, 0.12)
    paint(parts, body, TISSUE)
    tissue = (0.50 + 0.07 * obesity) * thickness(-body, 0.55) + 0.06 * edge(body, 1.3 / plane.x.shape[-1])
    fold = (head.x + end.x) * 0.5 + arm_radius * 0.97 + 0.05
    return np.asarray(tissue * (1 - 0.5 * line(plane.x - fold, 0.055) * np.clip((plane.y - 0.42) / 0.35, 0, 1)))


def _thorax(plane: Plane, values: Values, parts: NDArray[np.uint8]) -> Field:
    """Lung field and ribs; one coordinate repeats from rib to rib."""
    lung = ellipse(plane, Point(values["lung_x"], 0.80), Point(values["lung_width"], 1.12))
    paint(parts, lung, LUNG)
    period = 0.33
    across = (plane.x - (values["lung_x"] - values["lung_width"])) * (1 / 0.55)
    along = (plane.y + across * (0.30 - 0.42 * across)) * (1 / period) + values["rib_phase"]
    rib = np.abs(along - np.round(along)) * (period * 0.9) - 0.062
    paint(parts, np.maximum(rib, lung - 0.03), RIB)
    ribs = 0.17 * thickness(-rib, 0.062) + 0.09 * line(rib + 0.008, 0.018)
    return np.asarray(edge(lung - 0.03, 0.05) * ribs - 0.30 * edge(lung, 0.05))


def _scapula(plane: Plane, values: Values, fine: Field, parts: NDArray[np.uint8]) -> Field:
    """Blade, lateral border, neck with glenoid, coracoid, spine and acromion."""
    head = _head(values)
    joint = head.x + values["head_radius"]
    blade = ellipse(plane, Point(0.62, 0.25), Point(0.42, 0.62), 0.35)
    border = capsule(plane, Point(0.20, 0.06), Point(0.50, 0.86), Ends(0.050, 0.040))
    glenoid = ellipse(plane, Point(joint + 0.085, head.y + 0.07), Point(0.070, 0.21), values["glenoid_angle"])
    neck = capsule(plane, Point(joint + 0.12, head.y + 0.08), Point(joint + 0.36, head.y + 0.16), Ends(0.13, 0.10))
    coracoid = capsule(plane, Point(joint + 0.26, head.y - 0.16), Point(joint + 0.06, head.y - 0.10), Ends(0.055, 0.05))
    spine = capsule(plane, Point(0.95, head.y - 0.06), Point(head.x + 0.42, head.y - 0.30), Ends(0.035, 0.05))
    acromion_tip = Point(head.x - 0.10, _acromion_y(values) + 0.03)
    acromion = capsule(plane, Point(head.x + 0.40, head.y - 0.30), acromion_tip, Ends(0.045, 0.060))
    for shape in (blade, border, neck, coracoid, spine, acromion):
        paint(parts, shape, SCAPULA)
    paint(parts, glenoid, GLENOID)
    bones = 0.10 * edge(blade, 0.05) * (1 + 0.10 * fine)
    bones += Bone(0.05, 0.022, 4.2, 2.0).attenuation(border)
    bones += Bone(0.14, 0.022, 3.4, 1.25).attenuation(smooth_union(glenoid, neck, 0.05), 0.22 * fine)
    bones += Bone(0.06, 0.022, 3.0, 1.6).attenuation(coracoid)
    bones += Bone(0.05, 0.018, 2.6, 1.3).attenuation(spine)
    bones += Bone(0.06, 0.022, 4.0, 2.0).attenuation(acromion, 0.20 * fine)
    return np.asarray(bones)


def _acromion_y(values: Values) -> Field:
    return values["head_y"] - values["head_radius"] + values["acromion_y"]


def _clavicle(plane: Plane, values: Values, fine: Field, parts: NDArray[np.uint8]) -> Field:
    """An S-shaped bone from the acromion to the midline."""
    start = values["head_x"] + 0.10
    x = plane.x - start
    bow, slope = values["clavicle_bow"], values["clavicle_slope"]
    centre = _acromion_y(values) + slope * x + bow * np.sin(3.4 * x)
    tilt = slope + 3.4 * bow * np.cos(3.4 * x)
    distance = np.abs(plane.y - centre) / np.sqrt(1 + tilt * tilt) - (0.062 + 0.015 * np.clip(x, 0, 1))
    distance = np.maximum(distance, -x)
    paint(parts, distance, CLAVICLE)
    return Bone(0.075, 0.022, 3.6, 1.7).attenuation(distance, 0.18 * fine)


def _humerus_distance(plane: Plane, values: Values) -> Field:
    """Head, greater tuberosity and shaft as one outline."""
    head, radius = _head(values), values["head_radius"]
    tuberosity = circle(plane, Point(head.x - 0.60 * radius, head.y - 0.22 * radius), 0.52 * radius)
    shaft = capsule(plane, Point(head.x - 0.06, head.y + 0.30), _shaft_end(values), Ends(0.185, 0.125))
    return smooth_union(smooth_union(circle(plane, head, radius), tuberosity, 0.05), shaft, 0.16)


def _window(plane: Plane, values: Values) -> Field:
    """Weight in [0, 1] of the only region whose bone depends on the label."""
    head, radius = _head(values), values["head_radius"]
    x = (plane.x - (head.x - 0.22 * radius)) / (1.05 * radius)
    y = (plane.y - (head.y + 0.12 * radius)) / (1.25 * radius)
    distance = x * x + y * y
    return np.asarray(np.exp(-distance * distance))


def _humerus(plane: Plane, values: Values, distance: Field, *, quality: Field, textures: tuple[Field, Field]) -> Field:
    """Attenuation of the humerus; `quality` is q weighted by the window, `textures` are fine and coarse."""
    head = _head(values)
    below = plane.y - head.y
    along = np.clip(below * (1 / 0.9), 0, 1)
    cortex = (0.020 + 0.030 * along) * values["cortex"] * (1 + 0.26 * quality)
    trabecular = 1.05 * (1 - 0.45 * along) * values["trabecular"] * (1 + 0.10 * quality)
    fineness = 1 / (1 + np.exp(-1.6 * (quality + values["coarseness"])))
    fine, coarse = textures
    grain: Value = fineness * fine + (1 - fineness) * (0.9 * coarse)
    grain = grain * values["texture"] * (1 + 0.25 * quality) * (1 - 0.6 * along)
    radius = 0.30 - 0.16 * np.clip((below - 0.1) * (1 / 0.35), 0, 1)
    bone = Bone(radius, cortex, 3.9, trabecular).attenuation(distance, grain)
    scar = np.abs(below + 0.45 * (plane.x - head.x) - 0.10) - 0.008
    inside = edge(circle(plane, head, values["head_radius"]) + 0.03, 1.3 / plane.x.shape[-1])
    return np.asarray(bone + 0.05 * line(scar, 0.02) * inside)
