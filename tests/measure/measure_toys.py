"""Batches of explained images for a model one can calculate with."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from study.records import ExplainedBatch


def brightness(images: Tensor) -> Tensor:
    """Class 0 has the probability of the image's mean brightness."""
    p = images.double().mean(dim=(1, 2, 3))
    return torch.stack((p, 1 - p), dim=1)


class Counter:
    """A predictor that keeps every image it was asked about."""

    def __init__(self, predict: Callable[[Tensor], Tensor] = brightness) -> None:
        self.predict = predict
        self.batches: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.batches.append(images.clone())
        return self.predict(images)

    @property
    def images(self) -> Tensor:
        return torch.cat(self.batches)


def explained(
    maps: Tensor,
    boxes: Sequence[Sequence[Sequence[int]]] | None = None,
    *,
    images: Tensor | None = None,
    predict: Callable[[Tensor], Tensor] = brightness,
    explain: Callable[[Tensor, Tensor], Tensor] = lambda images, targets: images.mean(dim=1),
) -> ExplainedBatch:
    """Maps [B, H, W] on white images, target 0."""
    count = len(maps)
    return ExplainedBatch(
        images=torch.ones(count, 1, *maps.shape[1:]) if images is None else images,
        targets=torch.zeros(count, dtype=torch.int64),
        attributions=maps,
        boxes=tuple(torch.tensor(list(own), dtype=torch.int64).reshape(-1, 4) for own in boxes or [[]] * count),
        predict=predict,
        explain=explain,
    )
