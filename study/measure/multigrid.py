"""A geometric multigrid cycle for means over neighbours with known pixels in arbitrary places.

The system is that of ROAD's imputation, times 12: with B = [1 2 1] x [1 2 1] and N = B - 4 (what the eight
neighbours contribute), A = W - N on the missing pixels, where W = N applied to an image of ones, so that pixels at
the border have fewer neighbours and all numbers are small integers.

One Jacobi step damps every wave of less than four pixels at least threefold, so that one before and one
after each coarser grid is enough. Coarser grids keep the stencil and add to its diagonal what ties a cell to the
known pixels inside it: half of the weights between its missing and its known pixels, divided by the share of pixels
missing; cells that are wholly known are held. Isolated known pixels therefore hold a large cell softly, closed
regions hold it firmly, and conjugate gradients with this cycle need about ten steps whatever the mask.

References: Brandt, Math. Comp. 31 (1977); Tatebe, The multigrid preconditioned conjugate gradient method, 1993.
"""

import torch
from torch import Tensor

COARSEST = 8
"""Grids of up to this side are solved directly."""

HELD = 0.999
"""Share of known pixels from which a coarse cell counts as known."""


def neighbours(padded: Tensor) -> Tensor:
    """Sum over the eight neighbours, direct ones twice: [..., h + 2, w + 2] with zeros around -> [..., h, w]."""
    beside = padded[..., :-2, :] + padded[..., 2:, :]
    column = torch.add(beside, padded[..., 1:-1, :], alpha=2)
    return torch.add(column[..., :-2], column[..., 2:]).add_(beside[..., 1:-1], alpha=2)


def bordered(field: Tensor, *, after: int = 1) -> Tensor:
    """A copy with one row and column of zeros before and `after` behind."""
    height, width = field.shape[-2:]
    padded = field.new_zeros(*field.shape[:-2], height + 1 + after, width + 1 + after)
    padded[..., 1 : height + 1, 1 : width + 1] = field
    return padded


class Stencil:
    """`neighbours` of one bordered buffer, again and again, without allocating."""

    def __init__(self, padded: Tensor) -> None:
        """`padded` [..., h + 2, w + 2], zeros around; its interior may change between calls."""
        self.above, self.below, self.centre = padded[..., :-2, :], padded[..., 2:, :], padded[..., 1:-1, :]
        self.beside, self.column = torch.empty_like(self.centre), torch.empty_like(self.centre)
        self.out = torch.empty_like(self.centre[..., 1:-1])
        self.left, self.right, self.middle = self.column[..., :-2], self.column[..., 2:], self.beside[..., 1:-1]

    def __call__(self) -> Tensor:
        """The sums, [..., h, w]; the same tensor every time."""
        torch.add(self.above, self.below, out=self.beside)
        torch.add(self.beside, self.centre, alpha=2, out=self.column)
        torch.add(self.left, self.right, out=self.out)
        return self.out.add_(self.middle, alpha=2)


class Cycle:
    """Multigrid V-cycles for a fixed number of fields of a fixed size; masks are loaded one after another."""

    def __init__(self, fields: tuple[int, int], size: tuple[int, int], like: Tensor) -> None:
        """Buffers for `fields` = (rows, channels) of `size` = (height, width), in the dtype and place of `like`."""
        self.grids = [_Grid(fields, size, like)]
        while max(size) > COARSEST:
            size = (size[0] // 2 + 1, size[1] // 2 + 1)
            self.grids.append(_Grid(fields, size, like))
            self.grids[-2].link(self.grids[-1])
        self.fine, self.last = self.grids[0], self.grids[-1]
        cells = self.last.residual[0, 0].numel()
        unit = torch.eye(cells, dtype=torch.float64, device=like.device).view(cells, *size)
        self.ties = neighbours(bordered(unit)).view(cells, cells)
        self.inverse = self.ties

    def load(self, missing: Tensor) -> None:
        """Set up for these masks, [rows, 1, h, w] of 0 and 1."""
        known = 1 - missing
        tied = neighbours(bordered(known)) * missing
        whole = torch.ones_like(missing[:1])
        self.fine.missing = missing
        diagonal = self.fine.degree.expand_as(missing)
        torch.div(missing, diagonal, out=self.fine.inverse_diagonal)
        for grid in self.grids[1:]:
            known, tied, whole = _restricted(known), _restricted(tied), _restricted(whole)
            share = known / whole
            diagonal = grid.degree + tied / 2 / (1.01 - share) + 12 * whole * (share > HELD)
            torch.reciprocal(diagonal, out=grid.inverse_diagonal)
        free = (missing if self.last is self.fine else torch.ones_like(diagonal)).double().flatten(1)
        matrix = torch.diag_embed(diagonal.double().flatten(1)) - free[:, :, None] * self.ties * free[:, None, :]
        self.inverse = torch.linalg.inv(matrix).to(missing.dtype)

    def run(self) -> Tensor:
        """An approximate solution for `fine.right`, [rows, channels, h, w]; zero at known pixels, overwritten next time."""
        return self._run(self.fine)

    def _run(self, grid: "_Grid") -> Tensor:
        if grid.coarser is None:
            # Not a matrix product: its sums depend on how many there are, and a film's score on its neighbours' then.
            solution = (grid.right.flatten(2)[:, :, None] * self.inverse[:, None]).sum(dim=3)
            return grid.solution.copy_(solution.view_as(grid.right))
        grid.smooth_from_zero()
        self._run(grid.coarser)
        grid.correct()
        return grid.smooth()


class _Grid:
    """One grid: its operator, right-hand side and solution. Coarse nodes lie on every other fine one, from the first.

    Behind the last fine row or column may lie one more coarse node, so buffers have two zeros there.
    """

    def __init__(self, fields: tuple[int, int], size: tuple[int, int], like: Tensor) -> None:
        height, width = size
        down, across = height // 2 + 1, width // 2 + 1
        self.coarser: _Grid | None = None
        self.missing: Tensor | None = None
        self.degree = neighbours(bordered(like.new_ones(1, 1, *size)))
        self.inverse_diagonal = like.new_zeros(fields[0], 1, *size)
        self.right = like.new_zeros(*fields, *size)
        around = like.new_zeros(*fields, height + 3, width + 3)
        self.solution = around[..., 1 : height + 1, 1 : width + 1]
        self.stencil = Stencil(around[..., :-1, :-1])
        around = like.new_zeros(*fields, height + 3, width + 3)
        self.residual = around[..., 1 : height + 1, 1 : width + 1]
        self.odd_rows = around[..., 0 : 2 * down : 2, :], around[..., 2 : 2 * down + 1 : 2, :]
        self.even_rows = around[..., 1 : 2 * down : 2, :]
        self.thin = like.new_zeros(*fields, down, width + 3)
        self.odd_columns = self.thin[..., 0 : 2 * across : 2], self.thin[..., 2 : 2 * across + 1 : 2]
        self.even_columns = self.thin[..., 1 : 2 * across : 2]
        narrow, wide = like.new_zeros(*fields, height, across), self.stencil.out
        self.between_rows, self.on_rows = narrow[..., 1::2, :], narrow[..., 0::2, :]
        self.between_columns, self.on_columns = wide[..., 1::2], wide[..., 0::2]
        self.first, self.second = narrow[..., : width // 2], narrow[..., 1 : width // 2 + 1]
        self.on = narrow[..., : (width + 1) // 2]

    def link(self, coarser: "_Grid") -> None:
        """Make this the next coarser grid."""
        height, coarse = self.right.shape[-2], coarser.solution
        self.coarser = coarser
        self.coarse = coarse[..., : (height + 1) // 2, :]
        self.upper, self.lower = coarse[..., : height // 2, :], coarse[..., 1 : height // 2 + 1, :]

    def smooth_from_zero(self) -> None:
        """One Jacobi step from zero, and what it leaves to the coarser grid."""
        torch.mul(self.right, self.inverse_diagonal, out=self.solution)
        left_over = self.stencil()
        if self.missing is None:
            self.residual.copy_(left_over)
        else:
            torch.mul(left_over, self.missing, out=self.residual)
        assert self.coarser is not None
        torch.add(*self.odd_rows, out=self.thin).mul_(0.5).add_(self.even_rows)
        torch.add(*self.odd_columns, out=self.coarser.right).mul_(0.5).add_(self.even_columns)

    def correct(self) -> None:
        """Add the coarser grid's solution, linearly interpolated, at the missing pixels."""
        self.on_rows.copy_(self.coarse)
        torch.add(self.upper, self.lower, out=self.between_rows).mul_(0.5)
        self.on_columns.copy_(self.on)
        torch.add(self.first, self.second, out=self.between_columns).mul_(0.5)
        if self.missing is None:
            self.solution.add_(self.stencil.out)
        else:
            self.solution.addcmul_(self.stencil.out, self.missing)

    def smooth(self) -> Tensor:
        """One Jacobi step."""
        return torch.mul(self.stencil().add_(self.right), self.inverse_diagonal, out=self.solution)


def _restricted(field: Tensor) -> Tensor:
    """Sums with weights 1, 1/2, 1/4 around every other pixel: [..., h, w] -> [..., h // 2 + 1, w // 2 + 1]."""
    down, across = field.shape[-2] // 2 + 1, field.shape[-1] // 2 + 1
    around = bordered(field, after=2)
    thin = (
        around[..., 1 : 2 * down : 2, :] + (around[..., 0 : 2 * down : 2, :] + around[..., 2 : 2 * down + 1 : 2, :]) / 2
    )
    odd = thin[..., 0 : 2 * across : 2] + thin[..., 2 : 2 * across + 1 : 2]
    return thin[..., 1 : 2 * across : 2] + odd / 2
