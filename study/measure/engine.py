"""The perturbation engine: every curve of one baseline from as few forward passes as there can be.

Deleting the k most relevant pixels and inserting the P - k least relevant ones into the blank image
are the same image, so of the four curves (deletion and insertion, MoRF and LeRF) two are the others
reversed (metrics reference, section 4), and both orders share their two ends. That leaves 2n images
for the four curves, where separate runs score 4(n + 1).

Order: pixels by value, all channels of a pixel together, equal values row by row from the top left,
in MoRF (decreasing) and in LeRF (increasing) alike, so that a tie favours neither order.
An insertion undoes a deletion of the opposite order and meets equal values in reverse.

References: Petsiuk et al., RISE, BMVC 2018, arXiv:1806.07421; Samek et al., IEEE TNNLS 2017, arXiv:1509.06321.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from study.measure.baselines import blank
from study.measure.scale import constant, finite
from study.records import Curves, ExplainedBatch
from study.registry import METRICS

Order = Literal["morf", "lerf"]
ORDERS: tuple[Order, Order] = ("morf", "lerf")

MAX_BYTES = 32 * 2**20
MAX_ROWS = 64
STEPS: int = METRICS["deletion"].parameters["steps"]
"""Steps of a curve where nobody says otherwise."""


class _Rows(NamedTuple):
    """Perturbed images to score: the first `replaced` pixels of an order of an image are blank; all [R] int64."""

    images: Tensor
    orders: Tensor
    replaced: Tensor


def perturb(
    batch: ExplainedBatch,
    *,
    baseline: str,
    steps: int | None = None,
    step_pixels: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> Curves:
    """Deletion curves of a batch in both orders; the insertion curves are these reversed.

    Args:
        batch: reads `images`, `targets`, `attributions` [B, H, W] (signed, any scale) and `predict`.
        baseline: `zero`, `mean` or `blur`.
        steps: number of equal steps (to the pixel); 16 where neither this nor `step_pixels` is given.
        step_pixels: pixels per step instead, the last step may be smaller (RISE).
        max_bytes: bound on the perturbed images that exist at a time.

    Returns:
        Probabilities of the target, [B, n + 1] float64, first the original and last the blank image.
        NaN where the map is constant or not finite: its pixels have no order, and nothing is scored.

    Raises:
        UnsupportedError: an unknown baseline.
        ValueError: both `steps` and `step_pixels`, or one below 1.
    """
    height, width = batch.attributions.shape[-2:]
    counts = step_counts(height * width, steps=steps, step_pixels=step_pixels)
    defined = finite(batch.attributions) & ~constant(batch.attributions)
    usable = defined.nonzero()[:, 0].cpu()
    interior = counts[1:-1]
    per_image = _Rows(
        images=torch.zeros(2 * len(counts) - 2, dtype=torch.int64),
        orders=torch.cat((torch.zeros_like(counts), torch.ones_like(interior))),
        replaced=torch.cat((counts, interior)),
    )
    probabilities = _probabilities(batch, _repeated(per_image, usable), baseline=baseline, max_bytes=max_bytes)
    scores = probabilities.view(len(usable), len(per_image.replaced))
    morf, between = scores[:, : len(counts)], scores[:, len(counts) :]
    lerf = torch.cat((morf[:, :1], between, morf[:, -1:]), dim=1)
    return Curves(
        deletion_morf=_in_place_of_nan(morf, usable, len(batch.images)),
        deletion_lerf=_in_place_of_nan(lerf, usable, len(batch.images)),
        fractions=(counts.double() / (height * width)).to(morf.device),
        baseline=baseline,
    )


def insertion_curve(batch: ExplainedBatch, curves: Curves, order: Order, *, max_bytes: int = MAX_BYTES) -> Tensor:
    """Insertion curve of one order, [B, n + 1] float64, from the blank to the original image.

    Insertion starts from the other end, so where the steps do not divide the image evenly it stops at
    numbers of pixels that deletion passed over. Only those are scored; for even steps there are none.

    Args:
        batch: that `curves` were made of.
        curves: of `perturb`.
        order: which pixels are inserted first.
        max_bytes: as in `perturb`.
    """
    opposite = curves.deletion_lerf if order == "morf" else curves.deletion_morf
    pixels = batch.attributions.shape[-2] * batch.attributions.shape[-1]
    counts = counts_of(curves, pixels)
    wanted = pixels - counts
    missing = wanted[~torch.isin(wanted, counts)]
    known = opposite[:, torch.searchsorted(counts, wanted).clamp(max=len(counts) - 1).to(opposite.device)]
    if not len(missing):
        return known
    usable = opposite[:, 0].isfinite().nonzero()[:, 0].cpu()
    reverse = ORDERS.index("lerf" if order == "morf" else "morf")
    per_image = _Rows(torch.zeros_like(missing), torch.full_like(missing, reverse), missing)
    probabilities = _probabilities(
        batch, _repeated(per_image, usable), baseline=curves.baseline, max_bytes=max_bytes
    ).view(len(usable), len(missing))
    columns = (~torch.isin(wanted, counts)).nonzero()[:, 0].to(known.device)
    known[usable.to(known.device)[:, None], columns] = probabilities
    return known


def step_counts(pixels: int, *, steps: int | None = None, step_pixels: int | None = None) -> Tensor:
    """Pixels replaced after each step, [n + 1] int64 from 0 to `pixels`.

    Equal `steps` are laid out symmetrically (what is left after k steps was replaced after n - k), so
    that they serve insertion as well; only the middle of an odd number of pixels cannot be.
    """
    if steps is not None and step_pixels is not None:
        raise ValueError("give steps or step_pixels, not both")
    size = step_pixels if step_pixels is not None else steps if steps is not None else STEPS
    if size < 1:
        raise ValueError(f"a curve needs steps of at least one pixel and at least one step, not {size}")
    if step_pixels is not None:
        return torch.tensor([*range(0, pixels, step_pixels), pixels])
    n = min(size, pixels)
    first = torch.arange(n + 1) * pixels // n
    return torch.where(torch.arange(n + 1) * 2 <= n, first, pixels - first.flip(0))


def counts_of(curves: Curves, pixels: int) -> Tensor:
    """`step_counts` that these curves were made with, on the CPU."""
    return (curves.fractions.cpu() * pixels).round().long()


def area(curve: Tensor) -> Tensor:
    """Area under curves [B, n + 1] -> [B]: trapezoids of equal width, the whole axis being 1 (RISE)."""
    return (curve.sum(dim=1) - (curve[:, 0] + curve[:, -1]) / 2) / (curve.shape[1] - 1)


def _repeated(rows: _Rows, images: Tensor) -> _Rows:
    """The same rows for each of these images, image by image."""
    n = len(rows.replaced)
    return _Rows(images.repeat_interleave(n), rows.orders.repeat(len(images)), rows.replaced.repeat(len(images)))


def _in_place_of_nan(rows: Tensor, usable: Tensor, count: int) -> Tensor:
    whole = rows.new_full((count, rows.shape[1]), float("nan"))
    whole[usable.to(rows.device)] = rows
    return whole


def _probabilities(batch: ExplainedBatch, rows: _Rows, *, baseline: str, max_bytes: int) -> Tensor:
    """[R] float64 probability of the target for each row, streamed through one buffer across images and steps."""
    images = batch.images
    with torch.inference_mode():
        blanks, ranks = blank(images, baseline), _ranks(batch.attributions)
        size = max(1, min(MAX_ROWS, max_bytes // (images.shape[1:].numel() * images.element_size())))
        buffer = images.new_empty((min(size, max(len(rows.images), 1)), *images.shape[1:]))
        scores = [images.new_zeros(0, dtype=torch.float64)]
        for start in range(0, len(rows.images), size):
            chunk = _Rows(*(part[start : start + size] for part in rows))
            perturbed = _fill(buffer[: len(chunk.images)], images, blanks, ranks, chunk)
            probabilities = batch.predict(perturbed)
            targets = batch.targets[chunk.images.to(batch.targets.device)].to(probabilities.device)
            scores.append(probabilities.gather(1, targets[:, None])[:, 0].double().to(images.device))
    return torch.cat(scores)


def _fill(buffer: Tensor, images: Tensor, blanks: Tensor, ranks: Tensor, rows: _Rows) -> Tensor:
    """Write the perturbed images into `buffer`; one call per image and order, whose steps share their operands."""
    keys = torch.unique_consecutive(rows.images * len(ORDERS) + rows.orders, return_counts=True)
    start = 0
    for key, length in zip(keys[0].tolist(), keys[1].tolist(), strict=True):
        image, order = divmod(key, len(ORDERS))
        counts = rows.replaced[start : start + length].to(buffer.device, torch.int32)
        gone = ranks[order, image] < counts[:, None, None, None]  # [length, 1, H, W]
        torch.where(gone, blanks[image], images[image], out=buffer[start : start + length])
        start += length
    return buffer


def _ranks(maps: Tensor) -> Tensor:
    """[2, B, H, W] int32: place of each pixel in MoRF and in LeRF order."""
    flat = maps.flatten(1)
    places = torch.arange(flat.shape[1], dtype=torch.int32, device=maps.device).expand_as(flat)
    ranks = torch.empty((len(ORDERS), *flat.shape), dtype=torch.int32, device=maps.device)
    for rank, descending in zip(ranks, (True, False), strict=True):
        order = flat.sort(dim=1, descending=descending, stable=True).indices
        rank.scatter_(1, order, places)
    return ranks.view(len(ORDERS), *maps.shape)
