"""Films and everything known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "val", "test", "unlabelled"]


@dataclass(frozen=True)
class Quarantined:
    """A file that was left out of a dataset, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Decoded, resized, cached radiographs with everything known about them.

    Attributes:
        name: as in the protocol.
        images: [N, H, W] uint8 or uint16, grey, memory mapped read-only.
        image_ids: N distinct names, stable between machines.
        labels: [N] int64, index into `classes`; -1 where unlabelled.
        classes: class names, in a stable order.
        splits: N values of `Split`; `unlabelled` films are for pretraining only.
        clusters: N patient ids, or the image id where no patient is known.
        boxes: N arrays [K, 4] int32 in pixels of `images`; K = 0 where no box was drawn.
        mean, std: of the training split's films (plus unlabelled ones), on the scale [0, 1].
        parts: [N, H, W] uint8 label maps (0 = none, k = `part_names[k - 1]`), or None.
        part_names: names of the parts, empty without part masks.
        quarantined: files left out, with the reason for each.
        facts: counts and choices for the report (split counts, channels, resize rule, ...).
    """

    name: str
    images: NDArray[Any]
    image_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    splits: tuple[Split, ...]
    clusters: tuple[str, ...]
    boxes: tuple[NDArray[np.int32], ...]
    mean: float
    std: float
    parts: NDArray[np.uint8] | None = None
    part_names: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, *splits: Split) -> NDArray[np.int64]:
        """Indices of the films in these splits, in stored order."""
        return np.flatnonzero(np.isin(np.asarray(self.splits), splits))
