"""Films and everything known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from study.errors import UnsupportedError

Split = Literal["train", "val", "test", "unlabelled"]


@dataclass(frozen=True)
class Quarantined:
    """A file that was left out of a dataset, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """Which of several findings each film has; several, or none, are possible.

    Attributes:
        present: [N, K] bool, K >= 2 findings in the order of `Dataset.classes`; all False where unlabelled.
        targets: [N] int64, the finding that maps of a film explain and that its boxes show; -1 for a film without
            findings, which is never explained.
    """

    present: NDArray[np.bool_]
    targets: NDArray[np.int64]


class NoLabels:
    """Stands where a dataset with findings would have one label per film: every use is refused.

    Args:
        dataset: name of the dataset.
    """

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset

    def _refuse(self, *_: object) -> Any:
        raise UnsupportedError(
            f"dataset '{self.dataset}': its films have several labels each or none, and this needs exactly one\n"
            "name one of them: `finding: Effusion` in place of `findings` (nih14), or leave `multilabel` out (csv)"
        )

    __getitem__ = __array__ = __len__ = __iter__ = __eq__ = __ne__ = __lt__ = __ge__ = _refuse
    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Dataset:
    """Decoded, resized, cached radiographs with everything known about them.

    Attributes:
        name: as in the protocol.
        images: [N, H, W] uint8 or uint16, grey, memory mapped read-only.
        image_ids: N distinct names, stable between machines.
        labels: [N] int64, index into `classes`; -1 where unlabelled. With `findings` there are none: using them raises
            UnsupportedError.
        classes: class names, in a stable order.
        splits: N values of `Split`; `unlabelled` films are for pretraining only.
        clusters: N patient ids, or the image id where no patient is known.
        boxes: N arrays [K, 4] int32 in pixels of `images`; K = 0 where no box was drawn. With `findings`: those of
            the film's target.
        mean, std: of the training split's films (plus unlabelled ones), on the scale [0, 1].
        parts: [N, H, W] uint8 label maps (0 = none, k = `part_names[k - 1]`), or None.
        part_names: names of the parts, empty without part masks.
        quarantined: files left out, with the reason for each.
        facts: counts and choices for the report (split counts, channels, resize rule, ...).
        findings: where a film may have several classes or none; None: exactly one, in `labels`.
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
    findings: Findings | None = None

    @property
    def targets(self) -> NDArray[np.int64]:
        """[N] the class that a film's maps explain: its label, or its target among several findings; -1: none."""
        return self.labels if self.findings is None else self.findings.targets

    @property
    def explained(self) -> NDArray[np.int64]:
        """Indices of the films that are explained and measured: test films with a target, in stored order."""
        rows = self.rows("test")
        return rows if self.findings is None else rows[self.findings.targets[rows] >= 0]

    def rows(self, *splits: Split) -> NDArray[np.int64]:
        """Indices of the films in these splits, in stored order."""
        return np.flatnonzero(np.isin(np.asarray(self.splits), splits))
