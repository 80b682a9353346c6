"""The one training loop behind every stage.

Nothing in it remembers a random state: order, crops, masks and dropout of a step come from
generators named by stage, seed, purpose, epoch and batch. A checkpoint therefore holds
weights, optimiser and history only, and training that was interrupted goes on bit for bit as
if it had not been. Several processes may share a training (`team`): all draw the same numbers
and take the same steps, each from its share of the films; the leader judges, keeps and writes.

Networks are not compiled (`torch.compile`): measured on a CPU, a fine-tuning step of ViT-S/16 at 224 px took 5.25 s
compiled and 5.30 s as it is, after 42 s of compiling, which is longer than many a stage.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Generator, Tensor, nn

from study.errors import Stopped
from study.records import StageContext
from study.rng import numpy_generator, seed_of, torch_generator
from study.train.averaging import follow
from study.train.device import reproducible
from study.train.events import Events
from study.train.rates import Group, parameter_groups, rate
from study.train.team import Left, Team

__all__ = ["Draw", "InParts", "Progress", "Schedule", "Step", "Task", "Trained", "fit", "parameter_groups", "rate"]

CHECKPOINT_S = 60.0
"""Seconds between checkpoints of a stage that nobody stops."""

State = dict[str, Tensor]


class Draw(NamedTuple):
    """The random numbers of one training step, and which of its films are this process's."""

    words: tuple[str | int, ...]
    epoch: int
    batch: int
    team: Team = Team()

    def generator(self, purpose: str) -> Generator:
        """CPU generator of this step for one purpose, such as `crop`."""
        return torch_generator(*self.words, purpose, self.epoch, self.batch)

    def numpy(self, purpose: str) -> np.random.Generator:
        """As `generator`, for distributions that torch draws without one."""
        return numpy_generator(*self.words, purpose, self.epoch, self.batch)

    def share(self, count: int) -> slice:
        """Which of `count` films go through the network here: all but in a shared training."""
        return self.team.share(count)


class Step(NamedTuple):
    """The loss of one batch [] and further scalars to average over the epoch."""

    loss: Tensor
    series: Mapping[str, Tensor]


class Trainable(Protocol):
    """What a stage trains."""

    module: nn.Module
    n_films: int

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        """Further entries of the history, from the epoch's means or from validation films."""


class Task(Trainable, Protocol):
    """What takes a batch at once."""

    def step(self, picked: Tensor, draw: Draw) -> Step:
        """Loss of this process's share of the films at positions `picked`, with gradients; drawn for all of them."""


@runtime_checkable
class InParts(Trainable, Protocol):
    """What can take a batch in parts, so that the network's memory is that of a part; processes share every part."""

    parts: int

    def steps(self, picked: Tensor, draw: Draw) -> Iterator[Step]:
        """Losses of the parts, which add up, over the processes too, to that of the films at positions `picked`."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: AdamW, linear warm-up, half a cosine to `min_lr`.

    Attributes:
        words: name of the stage's random numbers, such as `("mae", seed)`.
        warmup: share of the steps with rising rate.
        betas: of AdamW.
        maximise: history entry whose earliest highest value selects the epoch, None = last epoch.
        clip_grad: largest norm of a step's gradient, 0 = any; the norm before goes into the history.
        ema: decay of the moving average of the weights, which is what is judged and kept; 0 = the weights themselves.
    """

    words: tuple[str | int, ...]
    epochs: int
    batch_size: int
    lr: float
    warmup: float
    betas: tuple[float, float]
    maximise: str | None = None
    min_lr: float = 0.0
    clip_grad: float = 0.0
    ema: float = 0.0


@dataclass
class Progress:
    """Everything about a training in flight besides weights and optimiser."""

    step: int = 0
    history: list[dict[str, float | int | None]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    weight: float = 0.0
    best_epoch: int | None = None
    best_value: float | None = None
    diverged: bool = False
    films: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Trained(NamedTuple):
    """How a training went; the module holds the selected weights."""

    progress: Progress
    epoch: int | None
    device: str
    processes: int = 1


def fit(task: Task | InParts, groups: Sequence[Group], schedule: Schedule, context: StageContext) -> Trained:
    """Train `task.module`, going on from the newest checkpoint if there is one.

    The films of an epoch are dealt into batches whose sizes differ by one at most, so that none is
    left out. A loss that is not finite ends the training with the weights of the last epoch that
    ended well (or the best one), and `progress.diverged` says so.

    Args:
        task: module and losses.
        groups: from `parameter_groups`.
        schedule: length, rates, random numbers, selection.
        context: progress, stopping and checkpoints.

    Raises:
        Stopped: the context asked to stop; a checkpoint was kept.
        Left: another process has the result.
    """
    team = Team.here(most=_smallest_part(task, schedule))
    with reproducible(next(task.module.parameters()).device), team.whole_batches(task.module):
        run = _Run(task, groups, schedule, context, team)
        run.restore()
        with run.events:
            while run.progress.step < run.of and not run.progress.diverged:
                run.advance()
        if not team.leads:
            raise Left
        return run.finish()


def _smallest_part(task: Task | InParts, schedule: Schedule) -> int:
    """Films that go through the network together at the least: as many processes can share them."""
    smallest = task.n_films // math.ceil(task.n_films / schedule.batch_size)
    return max(1, smallest // (task.parts if isinstance(task, InParts) else 1))


class _Run:
    """One training, or one process's part in it."""

    def __init__(
        self, task: Task | InParts, groups: Sequence[Group], schedule: Schedule, context: StageContext, team: Team
    ) -> None:
        self.task, self.schedule, self.context, self.team = task, schedule, context, team
        self.device = next(task.module.parameters()).device
        self.per_epoch = math.ceil(task.n_films / schedule.batch_size)
        self.of = self.per_epoch * schedule.epochs
        self.optimiser = torch.optim.AdamW(list(groups), lr=schedule.lr, betas=schedule.betas, fused=True)
        self.progress = Progress()
        self.weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        self.sound = _copy(task.module)
        self.best: State | None = None
        self.average = _copy(task.module) if schedule.ema and team.leads else None
        self.started = self.saved = time.monotonic()
        self.started_cpu = time.process_time()
        self.films_seen = 0
        self.batches: list[Tensor] = []
        self.lr = self.loss = math.nan
        self.events = Events(context.events if team.leads else None)

    def advance(self) -> None:
        """One step; at the end of an epoch, its history."""
        epoch, batch = divmod(self.progress.step, self.per_epoch)
        if batch == 0 or not self.batches:
            self.batches = self._deal(epoch)
        self.task.module.train()
        self._step(self.batches[batch], Draw(self.schedule.words, epoch, batch, self.team))
        if self.progress.diverged:
            return
        self.progress.step += 1
        if batch + 1 == self.per_epoch:
            self._end_epoch(epoch)
        self._report()
        self._keep()

    def restore(self) -> None:
        """Go on from the newest checkpoint."""
        kept = self.context.load_checkpoint()
        if kept is not None:
            state = torch.load(io.BytesIO(kept[1]), map_location=self.device, weights_only=True)
            self.task.module.load_state_dict(state["module"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = Progress(**state["progress"])
            if self.team.leads:
                self.sound, self.best, self.average = state["sound"], state["best"], state["average"]
        self.team.settle(self.task.module)
        self.events.open(after=len(self.progress.history))

    def finish(self) -> Trained:
        """Put the selected weights into the module."""
        self._clock()
        progress, epoch = self.progress, len(self.progress.history) or None
        if self.best is not None:
            self.task.module.load_state_dict(self.best)
            epoch = progress.best_epoch
        elif progress.diverged or self.average is not None:
            self.task.module.load_state_dict(self.sound)
        self.task.module.eval()
        return Trained(progress, epoch, self.device.type, self.team.size)

    def _deal(self, epoch: int) -> list[Tensor]:
        order = torch.randperm(self.task.n_films, generator=torch_generator(*self.schedule.words, "order", epoch))
        return list(order.tensor_split(self.per_epoch))

    def _step(self, picked: Tensor, draw: Draw) -> None:
        own = (self.team.rank,) if self.team.rank else ()  # dropped units are each process's own
        torch.manual_seed(seed_of(*draw.words, "noise", draw.epoch, draw.batch, *own))
        self._set_rate()
        self.optimiser.zero_grad()
        sums: dict[str, float] = {}
        passes = self._passes(picked, draw)
        while (result := self._next(passes)) is not None:
            scalars = {"loss": result.loss, **result.series}
            result.loss.backward()  # type: ignore[no-untyped-call]
            values = torch.stack([value.detach() for value in scalars.values()]).tolist()  # one wait for the device
            for name, value in zip(scalars, values, strict=True):
                sums[name] = sums.get(name, 0.0) + value
        sums = self.team.total(sums)
        self.loss = sums["loss"]
        if not math.isfinite(self.loss):
            self.progress.diverged = True
            return
        self.team.add_up(self.weights)
        if self.schedule.clip_grad:
            sums["grad_norm"] = float(nn.utils.clip_grad_norm_(self.weights, self.schedule.clip_grad))
        self.optimiser.step()
        if self.average is not None:
            follow(self.average, self.task.module, decay=self.schedule.ema, step=self.progress.step + 1)
        self._count(sums, len(picked))

    def _passes(self, picked: Tensor, draw: Draw) -> Iterator[Step]:
        if isinstance(self.task, InParts):
            yield from self.task.steps(picked, draw)
            return
        step = self.task.step(picked, draw)
        if self.team.alone:
            yield step
            return
        share = len(picked[draw.share(len(picked))]) / len(picked)
        yield Step(step.loss * share, {name: value * share for name, value in step.series.items()})

    def _next(self, passes: Iterator[Step]) -> Step | None:
        """The next forward pass; gradients are computed outside of mixed precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return next(passes, None)

    def _count(self, sums: Mapping[str, float], films: int) -> None:
        self.films_seen += films
        self.progress.films += films
        self.progress.weight += films
        for name, value in sums.items():
            self.progress.sums[name] = self.progress.sums.get(name, 0.0) + value * films

    def _set_rate(self) -> None:
        schedule = self.schedule
        self.lr = rate(self.progress.step, self.of, lr=schedule.lr, warmup=schedule.warmup, min_lr=schedule.min_lr)
        for group in self.optimiser.param_groups:
            group["lr"] = self.lr * group["lr_scale"]

    def _end_epoch(self, epoch: int) -> None:
        means = {name: value / self.progress.weight for name, value in self.progress.sums.items()}
        self.progress.sums, self.progress.weight = {}, 0.0
        if not self.team.leads:
            return
        live = _copy(self.task.module)
        state = live if self.average is None else {name: value.clone() for name, value in self.average.items()}
        if not all(bool(value.isfinite().all()) for value in state.values()):
            self.progress.diverged = True
            return
        self.task.module.eval()
        if self.average is not None:
            self.task.module.load_state_dict(state)
        numbers = {**means, **self.task.epoch_end(means)}
        if self.average is not None:
            self.task.module.load_state_dict(live)
        entry = {"epoch": epoch + 1, **{name: _defined(number) for name, number in numbers.items()}}
        self.progress.history.append(entry)
        self.events.write(epoch + 1, {**entry, "lr": self.lr, "images_per_s": self._speed()})
        self.sound = state
        value = entry.get(self.schedule.maximise or "")
        if value is not None and (self.progress.best_value is None or value > self.progress.best_value):
            self.progress.best_value, self.progress.best_epoch, self.best = value, epoch + 1, state

    def _report(self) -> None:
        self.context.progress(self.progress.step, self.of, loss=self.loss, images_per_s=self._speed())

    def _speed(self) -> float:
        return self.films_seen / max(time.monotonic() - self.started, 1e-9)

    def _keep(self) -> None:
        stop, self.progress.diverged = self.team.agreed(self.context.should_stop(), self.progress.diverged)
        if self.progress.step == self.of or self.progress.diverged:
            return
        if not stop and time.monotonic() - self.saved < CHECKPOINT_S:
            return
        if self.team.leads:
            self._clock()
            self.context.save_checkpoint(self.progress.step, self._state())
            self.saved = time.monotonic()
        if stop:
            raise Stopped(f"stopped after step {self.progress.step} of {self.of}; the checkpoint is kept")

    def _state(self) -> bytes:
        buffer = io.BytesIO()
        torch.save(
            {
                "module": self.task.module.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "progress": asdict(self.progress),
                "sound": self.sound,
                "best": self.best,
                "average": self.average,
            },
            buffer,
        )
        return buffer.getvalue()

    def _clock(self) -> None:
        now, now_cpu = time.monotonic(), time.process_time()
        self.progress.seconds += now - self.started
        self.progress.cpu_seconds += now_cpu - self.started_cpu
        self.started, self.started_cpu, self.films_seen = now, now_cpu, 0


def _defined(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _copy(module: nn.Module) -> State:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
