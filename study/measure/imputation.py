"""ROAD's noise-free imputation: every missing pixel is the weighted mean of its neighbours.

Direct neighbours weigh 1/6, diagonal ones 1/12, divided by what of these lies inside the image; neighbours that are
missing too are unknowns of the same linear system. The system is symmetric and positive definite as soon as
one pixel is known, whatever the holes, and is solved by conjugate gradients with a multigrid cycle before them, in
batches over images, orders and steps, on any device. Vectors are float32; the residual is computed afresh in
float64 every few steps, so that rounding does not decide what is reached.

Reference: Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022,
arXiv:2202.00449; weights as in its code and in pytorch-grad-cam.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from torch import Tensor

from study.measure.multigrid import Cycle, Stencil, bordered, neighbours

TOLERANCE = 1e-5
"""Energy norm of the error, in units of the image's contrast, at which a solution is taken. No pixel is
further off than the norm times the root of its resistance to the known pixels, about 2 at the worst."""

FRESH = 4
"""Steps between two residuals in float64."""

MAX_ROUNDS = 15
"""Rounds of so many steps after which the system is factorised instead; ten steps are the rule."""

TRUSTED = 1e3
"""By how much the error may have shrunk since the last such residual for float32 sums to be believed."""

CACHED = 160_000
"""Pixels, of all fields together, that a CPU solves at a time: more would leave its cache."""

TINY = 1e-30
"""Stands in for zero where it is divided by."""

STRIP = 128
"""Rows of an image whose float64 residual is computed at a time."""

FIELD_BYTES, MASK_BYTES = 72, 40
"""Working memory per pixel of a field (a channel of an image) and of a mask."""


def impute(images: Tensor, missing: Tensor, *, max_bytes: int | None = None) -> Tensor:
    """Images with their missing pixels filled from the known ones.

    Args:
        images: [R, C, H, W] finite.
        missing: [R, H, W] bool.
        max_bytes: as in `impute_in_place`.

    Returns:
        [R, C, H, W], same dtype; known pixels unchanged, missing ones within 1e-4 of the exact solution in units
        of the image's contrast (1e-5 as a rule). NaN where no pixel of an image is known.
    """
    filled = images.clone()
    impute_in_place(filled, missing, max_bytes=max_bytes)
    return filled


def impute_in_place(images: Tensor, missing: Tensor, *, max_bytes: int | None = None) -> None:
    """`impute` that overwrites the missing pixels of `images`.

    Args:
        images: [R, C, H, W] finite at known pixels.
        missing: [R, H, W] bool.
        max_bytes: bound on the working memory; one channel of one image is solved in any case.
    """
    holes = missing.flatten(1).sum(dim=1)
    hopeless = holes == missing[0].numel() if len(missing) else holes.bool()
    channels = 1 if _grey(images) else images.shape[1]
    rows, together = _at_a_time(images, channels, max_bytes)
    solver: _Solver | None = None
    todo = ((holes > 0) & ~hopeless).nonzero()[:, 0]
    for part in torch.split(todo, rows) if len(todo) else ():
        for first in range(0, channels, together):
            chosen = images[part, first : min(first + together, channels)]
            if solver is None or solver.fields != chosen.shape[:2]:
                solver = _Solver(chosen)
            images[part, first : first + chosen.shape[1]] = solver.solve(chosen, missing[part]).to(images.dtype)
    if channels < images.shape[1]:
        images[:, 1:] = images[:, :1].clone()
    images[hopeless] = float("nan")


def impute_directly(images: Tensor, missing: Tensor) -> Tensor:
    """`impute` by one sparse factorisation per image, [R, C, H, W] float64: exact, slow, and on the CPU."""
    filled = images.double().cpu()
    for image, hole in zip(filled, missing.cpu().flatten(1).numpy(), strict=True):
        ties, degree = _graph(images.shape[-2], images.shape[-1])
        system = sparse.diags_array(degree[hole]) - ties[hole][:, hole]
        pixels = image.flatten(1).numpy()  # shares memory
        pixels[:, hole] = splu(sparse.csc_array(system)).solve(ties[hole][:, ~hole] @ pixels[:, ~hole].T).T
    return filled.to(images.device)


class _Solver:
    """Conjugate gradients for a fixed number of fields of a fixed size, whose buffers are used again and again."""

    def __init__(self, like: Tensor) -> None:
        self.fields, size = like.shape[:2], (like.shape[2], like.shape[3])
        single = torch.empty(0, dtype=torch.float32, device=like.device)
        self.cycle = Cycle((like.shape[0], like.shape[1]), size, single)
        around = single.new_zeros(*self.fields, size[0] + 2, size[1] + 2)
        self.direction, self.stencil = around[..., 1:-1, 1:-1], Stencil(around)
        self.change = single.new_zeros(*self.fields, *size)
        self.energy = single.new_ones(*self.fields, 1, 1)

    def solve(self, images: Tensor, missing: Tensor) -> Tensor:
        """[R, C, H, W] float64. What comes out of a field does not depend on those beside it."""
        hole = missing[:, None]
        filled, contrast = _started(images, hole)
        self.cycle.load(hole.float())
        self.direction.zero_()
        done = torch.zeros_like(self.energy, dtype=torch.bool)
        for _ in range(MAX_ROUNDS):
            _residual(filled, hole, contrast, out=self.cycle.fine.right)
            done |= self._round(done)
            filled.addcmul_(self.change.double(), contrast)
            if done.all():
                return filled
        stuck = (~done).flatten(1).any(dim=1)
        filled[stuck] = impute_directly(images[stuck], missing[stuck])
        return filled

    def _round(self, done: Tensor) -> Tensor:
        """Up to `FRESH` steps of the fields that are not `done`, summed in `change`; which of them are done now.

        Energies are squared norms of the error, estimated as residual * cycle(residual). A field pauses below the
        tolerance, and is done if the round began close enough to it.
        """
        residual, missing, degree = self.cycle.fine.right, self.cycle.fine.missing, self.cycle.fine.degree
        assert missing is not None
        self.change.zero_()
        near, small = done, done
        for step in range(FRESH):
            answer = self.cycle.run()
            energy = _dot(residual, answer)
            small = ~(energy > TOLERANCE**2)
            near = ~(energy > (TOLERANCE * TRUSTED) ** 2) if step == 0 else near
            going = ~(small | done)
            if not going.any():
                break
            self.direction.mul_((energy / self.energy).where(going, 1.0)).addcmul_(answer, going.float())
            self.energy = energy.where(going, self.energy).clamp(min=TINY)
            image = (degree * self.direction).sub_(self.stencil()).mul_(missing)
            pace = (energy / _dot(self.direction, image).clamp(min=TINY)).where(going, 0.0)
            self.change.addcmul_(pace, self.direction)
            residual.addcmul_(pace, image, value=-1)
        return small & near


def _started(images: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """Holes at the mean of the known pixels, and how far these are from it at most: [R, C, H, W], [R, C, 1, 1] float64."""
    filled = images.double().masked_fill_(hole, 0.0)
    size = filled.abs().amax(dim=(2, 3), keepdim=True)
    mean = filled.sum(dim=(2, 3), keepdim=True) / (~hole).sum(dim=(2, 3), keepdim=True)
    filled += mean * hole
    # Below a millionth of the values themselves lies the rounding of a float32 image.
    contrast = (filled - mean).abs_().amax(dim=(2, 3), keepdim=True)
    return filled, torch.maximum(contrast, 1e-6 * size).clamp_(min=TINY)


def _residual(filled: Tensor, hole: Tensor, contrast: Tensor, *, out: Tensor) -> None:
    """What the missing pixels lack to be the mean of their neighbours, in float64 into float32, strip by strip."""
    height, width = filled.shape[-2:]
    degree = neighbours(bordered(filled.new_ones(height, width)))
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        upper, lower = max(top - 1, 0), min(bottom + 1, height)
        strip = neighbours(bordered(filled[..., upper:lower, :]))[..., top - upper : bottom - upper, :]
        strip = strip.addcmul_(degree[top:bottom], filled[..., top:bottom, :], value=-1)
        out[..., top:bottom, :] = strip.div_(contrast).mul_(hole[..., top:bottom, :])


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=(2, 3), keepdim=True)


def _grey(images: Tensor) -> bool:
    """Whether all channels are the same, image by image, so that one need be solved."""
    return images.shape[1] > 1 and bool((images[:, 1:] == images[:, :1]).all())


def _at_a_time(images: Tensor, channels: int, max_bytes: int | None) -> tuple[int, int]:
    """Rows and channels that are solved together."""
    pixels = images.shape[-2] * images.shape[-1]
    allowed = max_bytes if max_bytes is not None else torch.iinfo(torch.int64).max
    together = channels if pixels * (FIELD_BYTES * channels + MASK_BYTES) <= allowed else 1
    rows = allowed // (pixels * (FIELD_BYTES * together + MASK_BYTES))
    if images.device.type == "cpu":
        rows = min(rows, CACHED // (together * pixels))
    return max(1, rows), together


def _graph(height: int, width: int) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Weights between all pixels of an image, 2 to direct neighbours and 1 to diagonal ones, and their sums."""
    lines = [sparse.diags_array([1.0, 2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n)) for n in (height, width)]
    ties = sparse.csr_array(sparse.kron(*lines) - 4 * sparse.eye_array(height * width))
    return ties, np.asarray(ties.sum(axis=1)).ravel()
