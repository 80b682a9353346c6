"""What every training stage is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from study.errors import DataError
from study.records import Dataset, Split, StageContext
from study.rng import seed_of
from study.train.device import device_for_training
from study.train.films import Films
from study.train.loop import Schedule, Trained
from study.train.models import Pool, build, family_of, placed, trunk
from study.train.weights import load_trunk, shared, take

IN_CHANS = 1


@dataclass(frozen=True)
class Assignment:
    """One training stage to do; the words are those of `study.train.train`."""

    kind: str
    settings: Mapping[str, Any]
    model: str
    dataset: Dataset
    initial: Path | None
    seed: int
    classes: tuple[str, ...]
    context: StageContext
    device: torch.device = field(default_factory=device_for_training)

    @property
    def image_size(self) -> int:
        """Side of the square films, pixels."""
        return int(self.dataset.images.shape[1])

    def module(self, *, num_classes: int, drop_path: float = 0.0, pool: Pool = "own") -> nn.Module:
        """The model with the preceding stage's trunk, or drawn from the seed.

        A fresh trunk depends on the seed and the model only, so that arms of one seed start alike. With another
        `pool` than the model's own, the norm that only a class token's head has in front of it starts fresh.
        """
        form: dict[str, Any] = {"image_size": self.image_size, "in_chans": IN_CHANS}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self.kind, self.seed, "head"))
            module = build(self.model, num_classes=num_classes, drop_path=drop_path, pool=pool, **form)
            if self.initial is None:
                torch.manual_seed(seed_of("trunk", self.model, self.seed))
                fresh = trunk(build(self.model, num_classes=1, **form))
                take(*shared(fresh, trunk(module)), source="a fresh trunk")
        if self.initial is not None:
            load_trunk(module, self.initial, model=self.model)
        return placed(module, self.device, family_of(self.model))

    def films(self, *splits: Split) -> Films:
        """The dataset's films of these splits."""
        return Films(self.dataset, self.dataset.rows(*splits), IN_CHANS, self.device)

    def training_films(self, *splits: Split) -> Films:
        """As `films`, at least two.

        Raises:
            DataError: there are fewer.
        """
        films = self.films(*splits)
        if len(films) < 2:
            raise DataError(
                f"dataset '{self.dataset.name}': {self.kind} needs at least 2 films in {' or '.join(splits)}; "
                f"there {'is' if len(films) == 1 else 'are'} {len(films)}"
            )
        return films

    def schedule(self, *, betas: tuple[float, float], maximise: str | None = None) -> Schedule:
        """The loop's part of the settings."""
        names = ("epochs", "batch_size", "lr", "warmup", "min_lr", "clip_grad")
        chosen = {name: self.settings[name] for name in names} | {"ema": self.settings.get("ema", 0.0)}
        return Schedule((self.kind, self.seed), **chosen, betas=betas, maximise=maximise)


class Result(NamedTuple):
    """A finished stage: tensors by name, how the training went, and its own facts."""

    weights: dict[str, Tensor]
    trained: Trained
    facts: Mapping[str, Any]
