"""Network dissection: which units of a layer answer to which human-recognisable concepts.

A unit is a detector of the concept whose pixels its strongest activations cover best. The number of distinct
concepts that a layer detects is its interpretability: a property of the model and of the probe films, not of
one image. There is no natural set of concepts for radiographs, so the number is comparable only between
models that were dissected with the same part masks.

Reference: Bau et al., Network Dissection, CVPR 2017, arXiv:1704.05796, section 2 (metrics reference, section 6).
The public code differs in two places. It reads the threshold off a sketch of quantiles, here it is exact; and
it leaves out a unit's pixels in images whose category the unit's mask does not meet (their IoU is then a
little higher), here they are left out only where the category is not in the image, as the paper has it.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.units import MAX_BYTES, one_by_one, overlaps, top_quantiles
from study.registry import unknown

NONE = -1
"""Concept of a unit that meets none."""

Activations = Callable[[], Iterator[Tensor]]


@dataclass(frozen=True)
class Dissection:
    """What every unit of a layer answers to.

    Attributes:
        concept_names: C names.
        thresholds: [U] float32, exceeded by the strongest activations; NaN where a unit had values that are
            not finite.
        concepts: [U] int64 index of the best concept, the first of equals; -1 where the unit meets none or `iou` is NaN.
        iou: [U] float64 in [0, 1], with that concept; 0 where there is none, NaN where the unit's activations
            are not finite or none of the concepts is in any image.
        min_iou: above which a unit is a detector.
        present: [C] bool, the concept is in some image.
        unique_resamples: [R] float64, `n_unique` of every resample of the images, at the thresholds of all images.
            Their spread says how much the count depends on the films. It is no interval around `n_unique`: chance
            lifts the best of several concepts above `min_iou`, so they tend to lie higher.
    """

    concept_names: tuple[str, ...]
    thresholds: Tensor
    concepts: Tensor
    iou: Tensor
    min_iou: float
    present: Tensor
    unique_resamples: Tensor

    @property
    def is_detector(self) -> Tensor:
        """[U] bool."""
        return self.iou > self.min_iou

    @property
    def detected(self) -> dict[str, int]:
        """Concept -> number of its detectors, in the order of the names; concepts without one are left out."""
        counts = Counter(self.concepts[self.is_detector].tolist())
        return {self.concept_names[concept]: counts[concept] for concept in sorted(counts)}

    @property
    def n_detectors(self) -> float:
        """Units that detect a concept; NaN where `iou` is NaN for every unit."""
        return float(self.is_detector.sum()) if self.iou.isfinite().any() else math.nan

    @property
    def n_unique(self) -> float:
        """Distinct concepts that are detected; NaN where `iou` is NaN for every unit. Higher is better."""
        return float(len(self.detected)) if self.iou.isfinite().any() else math.nan

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without resamples; every unit with its concept, None where it meets none."""
        names = [self.concept_names[concept] if concept >= 0 else None for concept in self.concepts.tolist()]
        return {
            "n_units": len(names),
            "n_detectors": self.n_detectors,
            "n_unique_detectors": self.n_unique,
            "detected": self.detected,
            "concepts": dict(zip(self.concept_names, self.present.tolist(), strict=True)),
            "units": {"concept": names, "iou": self.iou.tolist(), "threshold": self.thresholds.tolist()},
        }


class _Tally(NamedTuple):
    """Pixels, summed over images; row 0 counts every image once, the others are resamples of the images.

    `both`: in a unit's mask and a concept [R, U, C]; `units`: in a unit's mask, in images that hold the
    concept's category [R, U, C]; `areas`: in a concept [R, C]. All float64, whole numbers.
    """

    both: Tensor
    units: Tensor
    areas: Tensor


class _Concepts(NamedTuple):
    """Label maps [N, H, W] and `related` [C, C] float64: 1 where two concepts share a category."""

    labels: NDArray[Any]
    related: Tensor


def dissect(
    activations: Activations,
    parts: NDArray[Any],
    part_names: Sequence[str],
    *,
    categories: Mapping[str, str | None] | None = None,
    quantile: float = 0.005,
    min_iou: float = 0.04,
    thresholds: Tensor | None = None,
    resamples: Tensor | None = None,
    max_bytes: int = MAX_BYTES,
) -> Dissection:
    """The concept that each unit of a layer detects.

    T_u is exceeded by the share `quantile` of unit u's activations over all images and places; its mask is
    where the activation, upsampled bilinearly (half-pixel centres), is above T_u. For concept k with label L_k
    IoU_uk = sum |M_u and L_k| / sum |M_u or L_k| over images, M_u counting only in images that hold k's category.

    The activations are streamed, twice. Memory grows with the number of images only by what the thresholds
    need, at most twice the largest `quantile` of each unit's values (4 * U * 2 * quantile * N * h * w bytes);
    the sums take 16 * (1 + R) * U * C bytes, and the masks, upsampled one image after the other, `max_bytes`.

    Args:
        activations: called twice (once with `thresholds`), must give the same both times: [b, U, h, w] of any
            number of images at a time, in the order of `parts`.
        parts: [N, H, W] integer label maps, 0 = none, k = the concept `part_names[k - 1]`; may be memory mapped.
        part_names: C names.
        categories: name -> its category; names without one, or all without this, are of one category.
        quantile: share in (0, 1).
        min_iou: a detector has more than this.
        thresholds: [U], instead of the first pass.
        resamples: [R, N], how often each image is in each resample; of `resampled`.
        max_bytes: bound on the upsampled masks that exist at a time.

    Raises:
        UnsupportedError: no concepts, labels without a name, categories of unknown names, or activations that
            do not fit the label maps.
    """
    _check(parts, part_names, quantile)
    concepts = _Concepts(parts, _related(part_names, categories or {}))
    if thresholds is None:
        thresholds = top_quantiles(activations(), n_images=len(parts), quantile=quantile)
    weights = _weights(resamples, len(parts))
    images = one_by_one(activations(), len(parts))
    thresholds, tally = _tally(images, concepts, thresholds.float(), weights, max_bytes=max_bytes)
    best, iou = _best(tally, thresholds.isfinite())
    unique = [_unique(b[i > min_iou]) if i.isfinite().any() else math.nan for b, i in zip(best, iou, strict=True)]
    return Dissection(
        concept_names=tuple(part_names),
        thresholds=thresholds.cpu(),
        concepts=best[0],
        iou=iou[0],
        min_iou=min_iou,
        present=tally.areas[0] > 0,
        unique_resamples=torch.tensor(unique[1:], dtype=torch.float64),
    )


def resampled(clusters: Sequence[str], count: int, generator: torch.Generator) -> Tensor:
    """How often each image is in each of `count` bootstrap resamples of whole clusters (patients), [count, N]."""
    index = {cluster: k for k, cluster in enumerate(dict.fromkeys(clusters))}
    drawn = torch.randint(len(index), (count, len(index)), generator=generator)
    times = torch.zeros(count, len(index), dtype=torch.int64).scatter_add_(1, drawn, torch.ones_like(drawn))
    return times[:, [index[cluster] for cluster in clusters]]


def _check(parts: NDArray[Any], part_names: Sequence[str], quantile: float) -> None:
    if not part_names or not len(parts):
        raise UnsupportedError(
            f"dissection needs images with part masks; there are {len(parts)} images and {len(part_names)} parts"
        )
    if parts.ndim != 3:
        raise UnsupportedError(f"part masks are [N, H, W] label maps; these have {parts.ndim} axes")
    if not 0 < quantile < 1:
        raise UnsupportedError(f"quantile is a share between 0 and 1, such as 0.005; found {quantile:g}")


def _weights(resamples: Tensor | None, n_images: int) -> Tensor:
    """[1 + R, N] float64: every image once, then the resamples."""
    once = torch.ones(1, n_images, dtype=torch.float64)
    if resamples is None:
        return once
    if resamples.ndim != 2 or resamples.shape[1] != n_images:
        raise UnsupportedError(
            f"resamples must be [R, {n_images}], one column per image; found {list(resamples.shape)}"
        )
    return torch.cat((once, resamples.to(once)))


def _related(part_names: Sequence[str], categories: Mapping[str, str | None]) -> Tensor:
    strangers = [unknown("part", name, tuple(part_names)) for name in categories if name not in part_names]
    if strangers:
        raise UnsupportedError("\n".join(strangers))
    own = [categories.get(name) for name in part_names]
    return torch.tensor([[a == b for b in own] for a in own], dtype=torch.float64)


def _tally(
    images: Iterable[Tensor], concepts: _Concepts, thresholds: Tensor, weights: Tensor, *, max_bytes: int
) -> tuple[Tensor, _Tally]:
    """Thresholds, NaN for units with values that are not finite, and the sums over all images."""
    rows, n_concepts = len(weights), len(concepts.related)
    shape = (rows, len(thresholds), n_concepts)
    both, units = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    areas = torch.zeros(rows, n_concepts, dtype=torch.float64)
    for maps, part_map, weight in zip(images, concepts.labels, weights.T, strict=True):
        if len(maps) != len(thresholds):
            raise UnsupportedError(f"there are {len(thresholds)} thresholds for {len(maps)} units")
        labels = _labels(part_map, n_concepts)
        thresholds = thresholds.to(maps.device)
        thresholds = torch.where(maps.isfinite().all(dim=(1, 2)), thresholds, torch.nan)
        area = torch.bincount(labels.flatten(), minlength=n_concepts + 1)[1:].double()
        hit = (maps.amax(dim=(1, 2)) > thresholds).nonzero()[:, 0]  # other masks are empty: no mean exceeds them
        own = (maps[hit], labels.to(maps.device), thresholds[hit])
        counts = overlaps(*own, n_labels=n_concepts + 1, max_bytes=max_bytes).cpu().double()
        in_category = (area @ concepts.related > 0).double()
        areas += weight[:, None] * area
        both[:, hit.cpu()] += weight[:, None, None] * counts[:, 1:]
        units[:, hit.cpu()] += weight[:, None, None] * (counts.sum(dim=1)[:, None] * in_category)
    return thresholds, _Tally(both, units, areas)


def _labels(part_map: NDArray[Any], n_concepts: int) -> Tensor:
    labels = torch.from_numpy(part_map.astype("int64"))
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > n_concepts:
        raise UnsupportedError(f"a part mask holds labels {lowest} to {highest}; 0 to {n_concepts} have a meaning")
    return labels


def _best(tally: _Tally, finite: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the best concept and its IoU, [R, U] each, as in `Dissection`."""
    iou = tally.both / (tally.units + tally.areas[:, None] - tally.both)  # 0 / 0: neither unit nor concept anywhere
    iou, best = iou.nan_to_num(0).max(dim=2)
    undefined = ~finite.cpu() | (tally.areas.sum(dim=1) == 0)[:, None]
    return best.masked_fill(undefined | (iou == 0), NONE), iou.masked_fill(undefined, torch.nan)


def _unique(concepts: Tensor) -> float:
    return float(len(set(concepts.tolist())))
