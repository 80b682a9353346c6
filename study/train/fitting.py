"""Weights from elsewhere -> the trunk of a model: what does not fit is resized where that is defined, else refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from study.errors import StudyError
from study.train.checkpoint import Checkpoint, State
from study.train.models import is_head, trunk
from study.train.weights import DECODER, listed

POSITIONS = "pos_embed"
_DECODER = re.compile(r"^(mask_token$|decoder[._]|model\.decoder\.|(model\.)?segmentation_head\.)")
_UNCOUNTED = "num_batches_tracked"
"""Counters of BatchNorm that old files lack; they change nothing at inference."""


class Colours(NamedTuple):
    """Normalisations before and after: three means and deviations, and the films' own; None: sum kernels only."""

    means: Sequence[float]
    stds: Sequence[float]
    grey_mean: float
    grey_std: float


@dataclass
class Fitted:
    """What became of every tensor of a checkpoint.

    Attributes:
        taken: names that were copied.
        adapted: what was resized or converted, in words.
        left_out: names that were not used, by what they are.
        absent: names that the file lacks and that keep their own value.
    """

    taken: list[str] = field(default_factory=list)
    adapted: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """`150 of 150 tensors; pos_embed 14 x 14 -> 8 x 8; left out: 2 head, 36 decoder`."""
        parts = [f"{len(self.taken)} of {len(self.taken) + len(self.absent)} tensors", *self.adapted]
        if self.left_out:
            parts.append("left out: " + ", ".join(f"{len(names)} {what}" for what, names in self.left_out.items()))
        return "; ".join(parts)


def fit_trunk(checkpoint: Checkpoint, module: nn.Module, *, colours: Colours | None = None) -> Fitted:
    """Copy a checkpoint into the trunk of `module`, in place.

    Heads, decoders and what a mean-pooled ViT has no place for (`norm`) are left out. Position tables of another grid
    are interpolated (bicubic, without antialiasing; rows of class and register tokens stay), fixed sine-cosine tables
    as well: recomputing them would stretch the coordinates that the weights were trained with. RGB kernels become
    grey ones by their sum, which is exact for grey films that were repeated in three equal channels; with `colours`
    also the normalisation per channel is undone (exact but for padded borders).

    Raises:
        StudyError: no name matches, or any name is missing, not known, or of another shape.
    """
    fitted, wanted = Fitted(), trunk(module)
    stored = _without_the_rest(checkpoint.state, wanted, fitted)
    if not stored.keys() & wanted.keys():
        raise StudyError(
            f"{checkpoint.source}: no name in it is one of the model's, so nothing can be taken\n"
            f"  in the file: {listed(sorted(checkpoint.state))}\n  in the model: {listed(sorted(wanted))}"
        )
    shapes = {name: list(value.shape) for name, value in stored.items()}
    _positions(stored, wanted, module, fitted)
    _channels(stored, wanted, colours, fitted)
    fixed = {name for name, value in module.named_parameters() if not value.requires_grad}
    fitted.absent = sorted(
        name for name in wanted.keys() - stored.keys() if name.endswith(_UNCOUNTED) or name in fixed & {POSITIONS}
    )
    _check(stored, wanted, shapes, absent=fitted.absent, source=checkpoint.source)
    with torch.no_grad():
        for name, value in stored.items():
            wanted[name].copy_(value)
    fitted.taken = sorted(stored)
    return fitted


def decoder_of(checkpoint: Checkpoint, module: Any) -> State:
    """The file's MAE decoder under the names that an `mae` stage carries on; empty where it has none.

    Of three predicted channels the mean is kept: that of a grey film that stood in all three.
    """
    state = checkpoint.state
    own = {name: value for name, value in state.items() if name.startswith(DECODER)}
    if f"{DECODER}predict.weight" not in own:  # a decoder of another kind
        own = {}
    if own or "decoder_embed.weight" not in state or not hasattr(module, "patch_embed"):
        return own
    found = {"mask_token": state["mask_token"]}
    for theirs, ours in _NAMES.items():
        found |= {ours + name.removeprefix(theirs): state[name] for name in state if name.startswith(theirs)}
    if isinstance(module.norm, nn.Identity):
        found |= {f"before.{name.removeprefix('norm.')}": state[name] for name in state if name.startswith("norm.")}
    pixels = module.patch_embed.proj.weight[0].numel()
    for name in ("predict.weight", "predict.bias"):
        if len(found[name]) == 3 * pixels:
            found[name] = found[name].reshape(pixels, 3, *found[name].shape[1:]).mean(dim=1)
    return {DECODER + name: value for name, value in found.items()}


_NAMES = {
    "decoder_embed.": "embed.",
    "decoder_blocks.": "blocks.",
    "decoder_norm.": "norm.",
    "decoder_pred.": "predict.",
}


def _without_the_rest(state: State, wanted: State, fitted: Fitted) -> State:
    kept: State = {}
    for name, value in state.items():
        if what := _not_the_trunk(name, wanted):
            fitted.left_out.setdefault(what, []).append(name)
        else:
            kept[name] = value
    return kept


def _not_the_trunk(name: str, wanted: State) -> str | None:
    if name in wanted:
        return None
    if _DECODER.match(name):
        return "decoder"
    if is_head(name):
        return "head"
    return "norm" if name in ("norm.weight", "norm.bias") and "blocks.0.norm1.weight" in wanted else None


def _positions(stored: State, wanted: State, module: Any, fitted: Fitted) -> None:
    """Interpolate the table of another grid."""
    if POSITIONS not in stored or POSITIONS not in wanted:
        return
    table, target = stored[POSITIONS], wanted[POSITIONS]
    if table.shape == target.shape or table.ndim != 3 or table.shape[2] != target.shape[2]:
        return
    grid = module.patch_embed.grid_size
    prefix = target.shape[1] - grid[0] * grid[1]
    side = math.isqrt(max(table.shape[1] - prefix, 0))
    if side * side + prefix != table.shape[1] or not side:
        return
    resized = resample_abs_pos_embed(
        table, list(grid), [side, side], num_prefix_tokens=prefix, interpolation="bicubic", antialias=False
    )
    stored[POSITIONS] = resized
    fitted.adapted.append(f"positions {side} x {side} to {grid[0]} x {grid[1]}")


def _channels(stored: State, wanted: State, colours: Colours | None, fitted: Fitted) -> None:
    """Fit the first convolution to the films' channels."""
    for name in stored.keys() & wanted.keys():
        kernel, target = stored[name], wanted[name]
        if kernel.ndim != 4 or kernel.shape[1] == target.shape[1] or kernel[:, 0].shape != target[:, 0].shape:
            continue
        if {kernel.shape[1], target.shape[1]} != {1, 3}:
            continue
        if colours is not None and target.shape[1] == 1:
            _undo_normalisation(stored, wanted, name, colours)
        stored[name] = adapt_channels(stored[name], target.shape[1])
        how = "sum" if colours is None else "exact"
        fitted.adapted.append(f"{kernel.shape[1]} to {target.shape[1]} channels ({how})")


def adapt_channels(kernel: Tensor, channels: int) -> Tensor:
    """A kernel [D, 3, h, w] for grey images, or [D, 1, h, w] for grey images repeated three times: equal outputs."""
    grey = kernel.sum(dim=1, keepdim=True)
    return grey.expand(-1, channels, -1, -1) / channels


def _undo_normalisation(stored: State, wanted: State, name: str, colours: Colours) -> None:
    """Scale the kernel per channel, and shift the bias or the mean of the BatchNorm behind it."""
    means, stds = (torch.tensor(values, dtype=torch.float64) for values in (colours.means, colours.stds))
    kernel = stored[name].double()
    shift = (kernel.sum(dim=(2, 3)) * (colours.grey_mean - means) / stds).sum(dim=1)
    stored[name] = (kernel * (colours.grey_std / stds)[:, None, None]).to(stored[name].dtype)
    bias = name.removesuffix("weight") + "bias"
    behind = next((other for other in wanted if other.endswith("running_mean")), None)
    if bias in stored:
        stored[bias] = (stored[bias].double() + shift).to(stored[bias].dtype)
    elif behind in stored:
        stored[behind] = (stored[behind].double() - shift).to(stored[behind].dtype)
    else:
        raise StudyError(
            f"channels: exact is not defined for {name}, which has neither a bias nor a BatchNorm; use sum"
        )


def _check(stored: State, wanted: State, shapes: dict[str, list[int]], *, absent: Sequence[str], source: str) -> None:
    problems = {
        "missing in the file": sorted(wanted.keys() - stored.keys() - set(absent)),
        "not known to the model": sorted(stored.keys() - wanted.keys()),
        "other shape": [
            f"{name} {shapes[name]} for {list(wanted[name].shape)}"
            for name in sorted(stored.keys() & wanted.keys())
            if stored[name].shape != wanted[name].shape
        ],
    }
    if any(problems.values()):
        rows = [f"  {kind}: {listed(names)}" for kind, names in problems.items() if names]
        raise StudyError(
            f"{source}: the weights do not fit the model\n" + "\n".join(rows) + "\n"
            "use a file of the same architecture; heads and decoders may differ, the trunk may not"
        )
