"""The perturbation engine: every curve of one baseline from as few forward passes as there can be.

Deleting the k most relevant pixels and inserting the P - k least relevant ones into the blank image
are the same image, so of the four curves (deletion and insertion, MoRF and LeRF) two are the others
reversed (metrics reference, section 4), and both orders share their two ends. That leaves 2n images
for the four curves, where separate runs score 4(n + 1). Metrics of equal (baseline, steps, tile) share
their curves through `curves_of`.

Order: pixels by value, or whole tiles by the sum of their values, all channels of a pixel together, equal values row
by row from the top left, in MoRF (decreasing) and in LeRF (increasing) alike, so that a tie favours neither order.
An insertion undoes a deletion of the opposite order and meets equal values in reverse.

References: Petsiuk et al., RISE, BMVC 2018, arXiv:1806.07421; Samek et al., IEEE TNNLS 2017, arXiv:1509.06321;
Rong et al., ROAD, ICML 2022, arXiv:2202.00449.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.baselines import BASELINES, ROAD
from study.measure.orders import ROAD_STEPS, STEPS, Order, grid, road_counts, step_counts
from study.measure.stream import MAX_BYTES, Plan, probabilities
from study.records import Curves, ExplainedBatch
from study.registry import unknown

__all__ = [
    "MAX_BYTES",
    "STEPS",
    "area",
    "check_whole",
    "curves_of",
    "insertion_curve",
    "known_curves",
    "perturb",
    "step_counts",
]


def perturb(
    batch: ExplainedBatch,
    *,
    baseline: str,
    steps: int | None = None,
    step_pixels: int | None = None,
    tile: int = 1,
    max_bytes: int | None = None,
) -> Curves:
    """Deletion curves of a batch in both orders; the insertion curves are these reversed.

    Args:
        batch: reads `images`, `targets`, `attributions` [B, H, W] (signed, any scale) and `predict`.
        baseline: `zero`, `mean` or `blur`, which replace what is removed, or `road`, which imputes it.
        steps: number of equal steps (to the pixel or tile), at most one per pixel or tile. Where neither this
            nor `step_pixels` is given, 16 (`road`: 10), and one tile per step where tiles are removed.
        step_pixels: pixels per step instead, the last step may be smaller (RISE).
        tile: side in pixels of the squares that leave together, from the top left; the last ones are cut.
        max_bytes: bound on the working memory of the engine, 64 MiB (256 MiB on a CUDA device) unless told.
            One image is ordered, one perturbed image scored and one channel imputed (110 bytes per pixel) in
            any case; what `predict` needs, and the result, are not counted.

    Returns:
        Probabilities of the target, [B, n + 1] float64, first of the original and last of the blank image, with
        the shares of pixels (or tiles) removed. `road` ends one step earlier: nothing would be left to
        impute from. NaN where the map is not finite, or constant, or all tiles carry equal heat: there is no order,
        and nothing is scored.

    Raises:
        UnsupportedError: an unknown baseline.
        ValueError: both `steps` and `step_pixels`, `step_pixels` with tiles, or a number below 1.
    """
    if baseline not in BASELINES:
        raise UnsupportedError(unknown("baseline", baseline, BASELINES))
    units = _units(batch, tile)
    counts = _counts(units, baseline, steps=steps, step_pixels=step_pixels, tile=tile)
    whole = bool(counts[-1] == units)
    plan = Plan(baseline, tile, (counts, counts[1:-1] if whole else counts[1:]))
    scores = probabilities(batch, plan, max_bytes=max_bytes)
    morf, between = scores[:, : len(counts)], scores[:, len(counts) :]
    ends = (morf[:, :1], between, morf[:, -1:]) if whole else (morf[:, :1], between)
    return Curves(
        deletion_morf=morf,
        deletion_lerf=torch.cat(ends, dim=1),
        fractions=(counts.double() / units).to(morf.device),
        baseline=baseline,
        tile=tile,
    )


def curves_of(batch: ExplainedBatch, *, baseline: str, steps: int | None, tile: int = 1) -> Curves:
    """The batch's curves of these settings where it brings them, else computed; arguments as in `perturb`."""
    known = known_curves(batch, batch.curves, baseline=baseline, steps=steps, tile=tile)
    return known if known is not None else perturb(batch, baseline=baseline, steps=steps, tile=tile)


def known_curves(
    batch: ExplainedBatch, curves: Iterable[Curves], *, baseline: str, steps: int | None, tile: int = 1
) -> Curves | None:
    """The first of `curves` that `perturb` would have made of this batch with these settings, by whatever model."""
    units = _units(batch, tile)
    wanted = _counts(units, baseline, steps=steps, tile=tile)
    for known in curves:
        if (known.baseline, known.tile) == (baseline, tile) and torch.equal(_removed(known, units), wanted):
            return known
    return None


def insertion_curve(batch: ExplainedBatch, curves: Curves, order: Order, *, max_bytes: int | None = None) -> Tensor:
    """Insertion curve of one order, [B, n + 1] float64, from the blank to the original image.

    Insertion starts from the other end, so where the steps do not divide the image evenly it stops at
    numbers of pixels that deletion passed over. Only those are scored; for even steps there are none.

    Args:
        batch: that `curves` were made of.
        curves: of `perturb`.
        order: which pixels are inserted first.
        max_bytes: as in `perturb`.

    Raises:
        UnsupportedError: curves that do not reach a blank image (`road`).
    """
    check_whole(curves)
    opposite = curves.deletion_lerf if order == "morf" else curves.deletion_morf
    units = _units(batch, curves.tile)
    counts = _removed(curves, units)
    wanted = units - counts
    passed_over = ~torch.isin(wanted, counts)
    known = opposite[:, torch.searchsorted(counts, wanted).clamp(max=len(counts) - 1).to(opposite.device)]
    if passed_over.any():
        missing, none = wanted[passed_over], wanted[:0]
        plan = Plan(curves.baseline, curves.tile, (none, missing) if order == "morf" else (missing, none))
        known[:, passed_over.to(known.device)] = probabilities(batch, plan, max_bytes=max_bytes).to(known.device)
    return known


def check_whole(curves: Curves) -> None:
    """Refuse curves without the blank image at their end.

    Raises:
        UnsupportedError: such curves.
    """
    if curves.fractions[-1] != 1:
        raise UnsupportedError(f"baseline '{curves.baseline}' has no blank image at its end; use zero, mean or blur")


def area(curve: Tensor) -> Tensor:
    """Area under curves [B, n + 1] -> [B]: trapezoids of equal width, the whole axis being 1 (RISE)."""
    return (curve.sum(dim=1) - (curve[:, 0] + curve[:, -1]) / 2) / (curve.shape[1] - 1)


def _units(batch: ExplainedBatch, tile: int) -> int:
    """Pixels or tiles of an image."""
    rows, columns = grid((batch.attributions.shape[-2], batch.attributions.shape[-1]), tile)
    return rows * columns


def _counts(units: int, baseline: str, *, steps: int | None, step_pixels: int | None = None, tile: int = 1) -> Tensor:
    if tile > 1 and step_pixels is not None:
        raise ValueError("step_pixels counts single pixels; tiles are removed in equal steps")
    if steps is None and step_pixels is None:
        steps = units if tile > 1 else ROAD_STEPS if baseline == ROAD else STEPS
    return (road_counts if baseline == ROAD else step_counts)(units, steps=steps, step_pixels=step_pixels)


def _removed(curves: Curves, units: int) -> Tensor:
    """The numbers of units that these curves were made with, on the CPU."""
    return (curves.fractions.cpu() * units).round().long()
