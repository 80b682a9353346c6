"""What the processes that share a training tell each other; a process alone says nothing.

Every process takes its share of each batch. Losses add up to the whole batch's, so gradients are added and not
averaged, and the sum is the gradient of one process with all films. Batch normalisation takes its moments over all
shares; only noise inside the network (dropout, dropped paths) is drawn by every process for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class Left(Exception):
    """Not an error: this process has nothing more to do for the stage."""


class Parted(Exception):
    """The other processes of the training do not answer any more; why, they or their end will tell."""


@dataclass(frozen=True)
class Team:
    """The processes that share a training, and which of them this is.

    Attributes:
        rank: of this process; the one with 0 leads: it judges, keeps and writes.
        size: number of processes.
        group: through which they talk, None for all there are.
    """

    rank: int = 0
    size: int = 1
    group: Any = None

    @classmethod
    def here(cls, most: int) -> Team:
        """The team that this process belongs to, of at most so many.

        Raises:
            Left: there are enough without this one.
        """
        if not dist.is_initialized():
            return cls()
        rank, size = dist.get_rank(), min(dist.get_world_size(), most)
        group = dist.new_group(list(range(size))) if size < dist.get_world_size() else None
        if rank >= size:
            raise Left
        if rank == 0 and group is not None:
            print(
                f"{size} of {dist.get_world_size()} processes share this training: its smallest step has no more films"
            )
        return cls(rank, size, group)

    @property
    def alone(self) -> bool:
        """Whether there is nobody to talk to."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this process judges, keeps and writes."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` films are this process's; shares differ by one at most."""
        each, more = divmod(count, self.size)
        start = self.rank * each + min(self.rank, more)
        return slice(start, start + each + (self.rank < more))

    def total(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The numbers of all processes added up, name by name."""
        if self.alone:
            return dict(sums)
        values = self.added(torch.tensor(list(sums.values()), dtype=torch.float64))
        return dict(zip(sums, values.tolist(), strict=True))

    def add_up(self, weights: Sequence[Tensor]) -> None:
        """Give every process the sum of all gradients, in place."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if self.alone or not gradients:
            return
        flat = self.added(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        for gradient, part in zip(
            gradients, torch.split(flat, [gradient.numel() for gradient in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    def added(self, values: Tensor) -> Tensor:
        """`values` with those of all other processes added, in place."""
        with _contact():
            dist.all_reduce(values, group=self.group)
        return values

    def agreed(self, *flags: bool) -> tuple[bool, ...]:
        """The leader's flags, for everybody."""
        if self.alone:
            return flags
        said = torch.tensor(flags, dtype=torch.uint8)
        with _contact():
            dist.broadcast(said, src=0, group=self.group)
        return tuple(bool(flag) for flag in said)

    def settle(self, module: nn.Module) -> None:
        """Give every process the leader's weights and buffers."""
        if self.alone:
            return
        for value in module.state_dict().values():
            with _contact():
                dist.broadcast(value, src=0, group=self.group)

    def whole_batches(self, module: nn.Module) -> AbstractContextManager[object]:
        """Where batch normalisation in training sees the films of all processes."""
        norms = (isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())
        return nullcontext() if self.alone or not any(norms) else _WholeBatches(self)


@contextmanager
def _contact() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what torch raises when a connection breaks or the time is up
        raise Parted(str(error)) from error


class _WholeBatches(TorchFunctionMode):
    """Replaces `F.batch_norm` in training mode, whichever layer calls it, by `_WholeBatchNorm`."""

    def __init__(self, team: Team) -> None:
        super().__init__()
        self.team = team

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.batch_norm and (kwargs or {}).get("training"):
            return _batch_norm(*args, **(kwargs or {}), team=self.team)
        return func(*args, **(kwargs or {}))


def _batch_norm(
    images: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    *,
    training: bool,
    momentum: float,
    eps: float,
    team: Team,
) -> Tensor:
    """`F.batch_norm` with mean and variance of all processes' films."""
    assert training
    channels = images.shape[1]
    weight = images.new_ones(channels) if weight is None else weight
    bias = images.new_zeros(channels) if bias is None else bias
    normalised, mean, variance, count = _WholeBatchNorm.apply(images, weight, bias, eps, team)  # type: ignore[no-untyped-call]
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(mean.to(running_mean), momentum)
        running_var.lerp_((variance * count / (count - 1)).to(running_var), momentum)
    out: Tensor = normalised
    return out


class _WholeBatchNorm(torch.autograd.Function):
    """y = w (x - mean) / sqrt(variance + eps) + b per channel, with the moments of all processes' films."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, eps: float, team: Team
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = images.float()
        own = values.new_tensor([values.numel() / values.shape[1]])
        summed = team.added(torch.cat([_per_channel(values), own]))
        count = summed[-1]
        mean = summed[:-1] / count
        centred = values - _shaped(mean, values)
        variance = team.added(_per_channel(centred.square())) / count
        inverse = (variance + eps).rsqrt()
        ctx.save_for_backward(images, weight, mean, inverse, count)
        ctx.team = team
        scaled = centred * _shaped(inverse * weight.float(), values) + _shaped(bias.float(), values)
        ctx.mark_non_differentiable(mean, variance, count)
        return scaled.to(images.dtype), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        images, weight, mean, inverse, count = ctx.saved_tensors
        down = gradients[0].float()
        normal = (images.float() - _shaped(mean, images)) * _shaped(inverse, images)
        to_bias, to_weight = _per_channel(down), _per_channel(down * normal)  # of these films only: added up later
        everywhere = ctx.team.added(torch.cat([to_bias, to_weight])) / count
        of_bias, of_weight = (_shaped(part, images) for part in everywhere.chunk(2))
        to_images = (down - of_bias - normal * of_weight) * _shaped(inverse * weight.float(), images)
        return to_images.to(images.dtype), to_weight.to(weight.dtype), to_bias.to(weight.dtype), None, None


def _per_channel(values: Tensor) -> Tensor:
    """[B, C, ...] -> [C] sums."""
    return values.transpose(0, 1).flatten(1).sum(dim=1)


def _shaped(channels: Tensor, like: Tensor) -> Tensor:
    """[C] -> [1, C, 1, ...]."""
    return channels.reshape(1, -1, *[1] * (like.ndim - 2))
