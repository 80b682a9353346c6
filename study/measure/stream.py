"""Perturbed images made, scored and forgotten within a fixed number of bytes.

Images are ordered a few at a time; their perturbed copies fill one buffer across images, orders and steps, which the
model sees as soon as it is full. So neither the number of images nor that of steps changes what is held.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from study.batching import rows_at_a_time
from study.measure.baselines import ROAD, blank
from study.measure.imputation import impute_in_place
from study.measure.orders import over_pixels, ranks, tile_sums
from study.measure.scale import constant, finite
from study.records import ExplainedBatch

MAX_BYTES = 64 * 2**20
"""Working memory on a CPU."""

CUDA = 4
"""How much more of it there is on a CUDA device."""

ORDERING, ORDERED = 40, 8
"""Bytes per pixel of an image while its pixels are being ordered, and afterwards."""


class Plan(NamedTuple):
    """What to score of every image: after how many units have left, in MoRF and in LeRF order, [n] int64 each."""

    baseline: str
    tile: int
    counts: tuple[Tensor, Tensor]


class Portions(NamedTuple):
    """How many images are ordered, and how many perturbed ones scored, at a time; bytes left to impute with."""

    images: int
    rows: int
    imputing: int


def portions(images: Tensor, *, baseline: str, rows: int | None = None, max_bytes: int | None = None) -> Portions:
    """Shares of the working memory for images [B, C, H, W], of which at most `rows` (None: any number) are there to be scored."""
    more = CUDA if images.device.type == "cuda" else 1
    allowed = MAX_BYTES * more if max_bytes is None else max_bytes
    pixels = images.shape[-2] * images.shape[-1]
    one = images.shape[1] * images.element_size()
    blanks = one if baseline == "blur" else 0
    ordering, row = pixels * (ORDERING + 3 * blanks), pixels * (one + 3)
    together = max(1, min(len(images), allowed // 4 // ordering))
    left = allowed - together * ordering
    most = rows_at_a_time(images) if rows is None else min(rows, rows_at_a_time(images))
    at_a_time = max(1, min(most, (left // 2 if baseline == ROAD else left) // row))
    return Portions(together, at_a_time, allowed - together * pixels * ORDERED - at_a_time * row)


def probabilities(batch: ExplainedBatch, plan: Plan, *, max_bytes: int | None = None) -> Tensor:
    """[B, both numbers of counts] float64 probability of the target, MoRF columns first; NaN rows without an order."""
    images, size = batch.images, (batch.images.shape[-2], batch.images.shape[-1])
    columns = sum(len(counts) for counts in plan.counts)
    share = portions(images, baseline=plan.baseline, rows=columns * len(images), max_bytes=max_bytes)
    scores = images.new_full((len(images), columns), float("nan"), dtype=torch.float64)
    with torch.inference_mode():
        stream = _Stream(batch, scores, share, impute=plan.baseline == ROAD)
        for image, places, nothing in _ordered(batch, plan, share.images):
            column = 0
            for place, counts in zip(places, plan.counts, strict=True):
                left = counts.to(place.device, torch.int32)
                while len(left):
                    now, left = left[: stream.room], left[stream.room :]
                    gone = over_pixels(place < now[:, None, None], plan.tile, size)
                    stream.put(image, range(column, column + len(now)), gone, nothing)
                    column += len(now)
        stream.flush()
    return scores


def _ordered(batch: ExplainedBatch, plan: Plan, together: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Images that have an order: number, places of their units [2, h, w] int32, and what replaces them [C, H, W]."""
    for first in range(0, len(batch.images), together):
        here = slice(first, first + together)
        maps, images = batch.attributions[here], batch.images[here]
        heat = tile_sums(maps, plan.tile)
        usable = finite(maps) & ~constant(maps) & ~constant(heat)
        if not usable.any():
            continue
        places = ranks(heat)
        blanks = images if plan.baseline == ROAD else blank(images, plan.baseline)
        for row in usable.nonzero()[:, 0].tolist():
            yield first + row, places[:, row], blanks[row]


class _Stream:
    """One buffer of perturbed images on their way through the model, filled across images, orders and steps."""

    def __init__(self, batch: ExplainedBatch, scores: Tensor, share: Portions, *, impute: bool) -> None:
        """`scores` [B, columns] receives the probability of the target."""
        self.batch, self.scores, self.share, self.impute = batch, scores, share, impute
        self.buffer = batch.images.new_empty(share.rows, *batch.images.shape[1:])
        holes = (share.rows if impute else 0, *batch.images.shape[-2:])
        self.holes = torch.empty(holes, dtype=torch.bool, device=batch.images.device)
        self.images: list[int] = []
        self.columns: list[int] = []

    @property
    def room(self) -> int:
        """How many more images fit in."""
        return len(self.buffer) - len(self.images)

    def put(self, image: int, columns: range, gone: Tensor, nothing: Tensor) -> None:
        """Add copies of one image, without the pixels `gone` [k, H, W], for these columns of its scores."""
        here = slice(len(self.images), len(self.images) + len(gone))
        torch.where(gone[:, None], nothing, self.batch.images[image], out=self.buffer[here])
        if self.impute:
            self.holes[here] = gone
        self.images += [image] * len(gone)
        self.columns += columns
        if not self.room:
            self.flush()

    def flush(self) -> None:
        """Score what is there."""
        count = len(self.images)
        if not count:
            return
        if self.impute:
            impute_in_place(self.buffer[:count], self.holes[:count], max_bytes=self.share.imputing)
        probabilities = self.batch.predict(self.buffer[:count])
        images = torch.tensor(self.images)
        targets = self.batch.targets[images.to(self.batch.targets.device)].to(probabilities.device)
        found = probabilities.gather(1, targets[:, None])[:, 0].double().to(self.scores.device)
        self.scores[images.to(found.device), torch.tensor(self.columns, device=found.device)] = found
        self.images.clear()
        self.columns.clear()
