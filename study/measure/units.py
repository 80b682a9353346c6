"""Units of a layer: the activations that are strong for each, and where on the films they lie."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from study.errors import UnsupportedError

MAX_BYTES = 32 * 2**20


def top_quantiles(chunks: Iterable[Tensor], *, n_images: int, quantile: float) -> Tensor:
    """The exact quantile 1 - `quantile` of each unit's activations, linear between neighbours.

    Streamed: of each unit at most about twice the largest `quantile` of its values is kept.

    Args:
        chunks: [b, U, h, w], `n_images` in all.
        n_images: how many images come.
        quantile: share in (0, 1).

    Returns:
        [U] float32; NaN or infinite where such values are among the largest.

    Raises:
        UnsupportedError: other shapes, or another number of images.
    """
    pending: list[Tensor] = []  # [U, n] each; the first is what remains of all before
    place = 0.0
    for maps in one_by_one(chunks, n_images):
        pending.append(maps.flatten(1))
        place = quantile * (n_images * pending[-1].shape[1] - 1)  # from the largest value down
        keep = int(place) + 2
        if sum(values.shape[1] for values in pending) >= 2 * keep:
            pending = [torch.cat(pending, dim=1).topk(keep, dim=1, sorted=False).values]
    top = torch.cat(pending, dim=1).sort(dim=1, descending=True).values.double()
    upper, lower = (top[:, min(int(place) + k, top.shape[1] - 1)] for k in (0, 1))
    return torch.lerp(upper, lower, place - int(place)).float()


def overlaps(maps: Tensor, labels: Tensor, thresholds: Tensor, *, n_labels: int, max_bytes: int) -> Tensor:
    """How many pixels of each unit's mask (upsampled activation above the threshold) hold each label.

    Args:
        maps: [M, h, w] of one image.
        labels: [H, W] int64 in [0, n_labels).
        thresholds: [M].
        n_labels: of the columns.
        max_bytes: bound on what is upsampled at a time.

    Returns:
        [M, n_labels] int64.
    """
    size = (labels.shape[0], labels.shape[1])
    at_a_time = max(1, max_bytes // (4 * 4 * labels.numel()))  # interpolation holds four of float32
    counts = [labels.new_zeros(0, n_labels)]
    for start in range(0, len(maps), at_a_time):
        part, level = maps[start : start + at_a_time], thresholds[start : start + at_a_time]
        unit, row, column = (upsampled(part, size) > level[:, None, None]).nonzero(as_tuple=True)
        cells = unit * n_labels + labels[row, column]
        counts.append(torch.bincount(cells, minlength=len(part) * n_labels).view(len(part), n_labels))
    return torch.cat(counts)


def upsampled(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear interpolation with half-pixel centres, [M, h, w] -> [M, H, W].

    A weighted sum of equal values can come out above them by rounding, and whole plateaus at a unit's
    threshold would count as exceeding it. `lerp` adds a share of their difference, which is then 0.
    """
    for axis in (2, 1):
        here, there = maps.shape[axis], size[axis - 1]
        centres = (torch.arange(there, dtype=torch.float64) + 0.5) * (here / there) - 0.5
        centres = centres.clamp(0, here - 1)
        lower = centres.floor().long()
        upper = (lower + 1).clamp(max=here - 1).to(maps.device)
        shares = (centres - lower).to(maps).view(-1, *(1,) * (2 - axis))
        maps = torch.lerp(maps.index_select(axis, lower.to(maps.device)), maps.index_select(axis, upper), shares)
    return maps


def one_by_one(chunks: Iterable[Tensor], n_images: int) -> Iterator[Tensor]:
    """The maps [U, h, w] of one image after the other; refuses any other number of them than `n_images`."""
    count, shape = 0, None
    for chunk in chunks:
        if chunk.ndim != 4 or shape not in (None, chunk.shape[1:]):
            found = " x ".join(str(side) for side in chunk.shape)
            raise UnsupportedError(f"activations must be [b, U, h, w], alike for all images; found {found}")
        count, shape = count + len(chunk), chunk.shape[1:]
        if count > n_images:
            break
        yield from chunk.float()
    if count != n_images:
        found_count = f"more than {n_images}" if count > n_images else str(count)
        raise UnsupportedError(f"there are activations of {found_count} images and part masks of {n_images}")
