"""The `phantom` format: procedural radiographs on which the right answer is known.

Every film has a generator of its own, named by seed, anatomy, split and index: it looks the
same whatever the batch and however many films the other splits have. Labels alternate
with the index, so classes are balanced and no nuisance can depend on them. The only planted
link is the side letter's frame, and only in train and val.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.data import anatomy_chest, anatomy_shoulder
from study.data.artifact import IMAGES, PARTS, Films, finish, new_array
from study.data.geometry import pixel_grid
from study.data.nuisance import draw, white_noise
from study.data.radiograph import MARKER, collimate, expose, stamp
from study.data.reader import Reader
from study.data.spectrum import transform
from study.rng import numpy_generator

ANATOMIES: Mapping[str, ModuleType] = {"chest": anatomy_chest, "shoulder": anatomy_shoulder}
CONFOUNDED = ("train", "val")
"""Splits in which the side letter's frame follows the label."""

BATCH_PIXELS = 1 << 15
"""Rendered at a time: small enough for the arrays to stay in the processor's cache."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a protocol (`PhantomSettings`), as they arrive here."""

    anatomy: str
    images: int
    train: int
    val: int
    test: int
    effect: float
    marker: float
    seed: int
    format: str = "phantom"

    @property
    def counts(self) -> dict[str, int]:
        """Films per split, in stored order."""
        return {"train": self.train, "val": self.val, "test": self.test, "unlabelled": self.images}


class Rendered(NamedTuple):
    """Films of a batch.

    Attributes:
        images: [N, S, S] uint8.
        parts: [N, S, S] uint8, index + 1 into `part_names`.
        boxes: N arrays [K, 4] int32 around the region that decides the label, K = 0 or 1.
        labels: [N] int64, also where the split hides them.
        boxed: [N] bool, side letter in a frame.
    """

    images: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    boxes: list[NDArray[np.int32]]
    labels: NDArray[np.int64]
    boxed: NDArray[np.bool_]


def prepare(name: str, settings: Mapping[str, Any], *, image_size: int, root: Path, out: Path) -> None:
    """Render all films of the settings into `out`; `root` is not read."""
    recipe = Recipe(**settings)
    shape = (sum(recipe.counts.values()), image_size, image_size)
    images = new_array(out / IMAGES, shape=shape, dtype=np.uint8)
    parts = new_array(out / PARTS, shape=shape, dtype=np.uint8)
    ids: list[str] = []
    labels: list[int] = []
    splits: list[str] = []
    boxes: list[NDArray[np.int32]] = []
    for split, indices in _batches(recipe, image_size):
        here = slice(len(ids), len(ids) + len(indices))
        films = render(recipe, split, indices, image_size=image_size)
        images[here], parts[here] = films.images, films.parts
        ids += [f"{recipe.anatomy}-{split}-{index:05d}" for index in indices]
        hidden = split == "unlabelled"
        labels += [-1] * len(indices) if hidden else films.labels.tolist()
        boxes += [np.zeros((0, 4), dtype=np.int32)] * len(indices) if hidden else films.boxes
        splits += [split] * len(indices)
    images.flush()
    parts.flush()
    labelled = recipe.train + recipe.val + recipe.test > 0
    classes = ANATOMIES[recipe.anatomy].CLASSES if labelled else ()
    facts = {"format": "phantom", "anatomy": recipe.anatomy, "effect": recipe.effect, "marker": recipe.marker}
    films_table = Films(ids, labels, classes, splits, ids, boxes, part_names(recipe.anatomy), facts=facts)
    finish(films_table, name=name, out=out)


def digest(settings: Mapping[str, Any], *, root: Path) -> str:
    """`sha256:` of the settings: they are all that films depend on; `root` is not read."""
    text = json.dumps(dict(settings), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def part_names(anatomy: str) -> tuple[str, ...]:
    """Names of the parts 1, 2, ... of the part masks; the side letter comes last."""
    return (*ANATOMIES[anatomy].PARTS, "marker")


def render(recipe: Recipe, split: str, indices: range, *, image_size: int) -> Rendered:
    """These films of a split.

    Args:
        recipe: settings; the counts are not read.
        split: names the films' generators; the marker follows the label in train and val only.
        indices: which films; any range gives the same films.
        image_size: side in pixels, 32 or more.
    """
    anatomy = ANATOMIES[recipe.anatomy]
    generators = [numpy_generator("phantom", recipe.seed, recipe.anatomy, split, index) for index in indices]
    values, acquisition, letter = (draw(t, generators) for t in (anatomy.NUISANCES, anatomy.ACQUISITION, MARKER))
    white = transform(white_noise(generators, image_size))
    labels = np.asarray(indices, dtype=np.int64) % 2
    grid = pixel_grid(image_size)
    body = anatomy.project(values, labels=labels, effect=recipe.effect, grid=grid, white=white[:, 0])
    films = expose(body.attenuation, acquisition, white[:, 1])
    if "collimation" in acquisition:
        collimate(films, body.parts, acquisition)
    link = recipe.marker if split in CONFOUNDED else 0.0
    boxed = letter["box"][:, 0, 0] < 0.5 * (1 + link * (2 * labels - 1))
    covered = stamp(
        films,
        letter,
        left=anatomy.is_left(values),
        boxed=boxed,
        corner=anatomy.marker_corner(values, letter["corner"][:, 0, 0]),
    )
    body.parts[covered] = len(anatomy.PARTS) + 1
    images = (films * 255 + 0.5).astype(np.uint8)
    return Rendered(images, body.parts, [bounding_box(region) for region in body.region], labels, boxed)


def bounding_box(region: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The box around all True pixels, [1, 4] half open, or [0, 4] where there is none."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not len(rows):
        return np.zeros((0, 4), dtype=np.int32)
    return np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], dtype=np.int32)


def _batches(recipe: Recipe, image_size: int) -> Iterator[tuple[str, range]]:
    step = max(1, BATCH_PIXELS // image_size**2)
    for split, count in recipe.counts.items():
        for start in range(0, count, step):
            yield split, range(start, min(start + step, count))


PHANTOM = Reader(prepare, digest)
