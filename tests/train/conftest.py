"""Tiny films whose class is a bright square on the left or on the right, and a place to train them in."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from study import registry, train
from study.protocol import stages
from study.records import Allowance, Dataset


class Place:
    """A `StageContext` in memory that asks to stop after the given steps."""

    def __init__(
        self, stop_at: tuple[int, ...] = (), *, cpus: int = 1, gpus: int = 1, events: Path | None = None
    ) -> None:
        self.stop_at = stop_at
        self.allowance = Allowance(gpus=gpus, cpus=cpus)
        self.events = events
        self.step = 0
        self.of = 0
        self.facts: dict[str, float | str] = {}
        self.kept: tuple[int, bytes] | None = None

    def progress(self, step: int, of: int, **facts: float | str) -> None:
        self.step, self.of, self.facts = step, of, facts

    def should_stop(self) -> bool:
        return self.step in self.stop_at

    def save_checkpoint(self, step: int, payload: bytes) -> None:
        self.kept = (step, payload)

    def load_checkpoint(self) -> tuple[int, bytes] | None:
        return self.kept


def squares(*, size: int = 16, seed: int = 0, dtype: type = np.uint8, **counts: int) -> Dataset:
    """Noise with a bright square: class 1 has it on the right. `counts` films per split."""
    draw = np.random.default_rng(seed)
    splits = tuple(split for split, count in counts.items() for _ in range(count))
    labels = np.array([index % 2 for index in range(len(splits))], dtype=np.int64)
    images = draw.integers(0, 80, (len(splits), size, size))
    for image, label in zip(images, labels, strict=True):
        top, left = draw.integers(2, size - size // 4 - 1), size // 8 + label * (size // 2)
        image[top : top + size // 4, left : left + size // 4] += 150
    images = (images * (np.iinfo(dtype).max // 255)).astype(dtype)
    shown = images[np.isin(splits, ("train", "unlabelled"))] / np.iinfo(dtype).max
    ids = tuple(f"film{index}" for index in range(len(splits)))
    return Dataset(
        name="squares",
        images=images,
        image_ids=ids,
        labels=np.where(np.array(splits) == "unlabelled", -1, labels),
        classes=("left", "right"),
        splits=splits,  # type: ignore[arg-type]
        clusters=ids,
        boxes=tuple(np.zeros((0, 4), np.int32) for _ in ids),
        mean=float(shown.mean()) if len(shown) else 0.3,
        std=float(shown.std()) if len(shown) else 0.2,
    )


def settings_of(kind: str, model: str, **chosen: Any) -> Mapping[str, Any]:
    """Resolved settings, small unless chosen."""
    small = {} if kind in ("weights", "linear_probe") else {"epochs": 2, "batch_size": 4}
    small |= {"decoder_width": 16} if kind == "mae" else {}
    record = getattr(stages, registry.TRAININGS[kind].settings)(**{**small, **chosen})
    family = registry.model_family(model)
    assert family is not None
    settings: Mapping[str, Any] = record.resolved(model=model, family=family, target="squares").model_dump()
    return settings


Trainer = Callable[..., Path]


@pytest.fixture
def place() -> type[Place]:
    return Place


@pytest.fixture
def films() -> Callable[..., Dataset]:
    return squares


@pytest.fixture
def settings() -> Callable[..., Mapping[str, Any]]:
    return settings_of


@pytest.fixture
def trained(tmp_path: Path) -> Trainer:
    """`trained("mae", "vit_phantom", dataset, epochs=1)` -> the stage's folder."""
    torch.set_num_threads(1)
    folders = iter(range(1000))

    def run(
        kind: str,
        model: str,
        dataset: Dataset,
        *,
        initial: Path | None = None,
        seed: int = 0,
        context: Place | None = None,
        **chosen: Any,
    ) -> Path:
        out = tmp_path / f"{kind}{next(folders)}"
        out.mkdir()
        train.train(
            kind,
            settings_of(kind, model, **chosen),
            model=model,
            dataset=dataset,
            initial=initial,
            seed=seed,
            classes=dataset.classes,
            out=out,
            context=context or Place(),
        )
        return out

    return run
