"""A batch as fine-tuning sees it: crops, random operations, hidden places, and mixed films with soft labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from study.train.films import Films
from study.train.loop import Draw
from study.train.mixing import draw_mix, mixed
from study.train.peaks import boxed, peaks, saliency
from study.train.randaug import randaug
from study.train.views import Crops, crop, draw_crops, erase, hide, jitter


class Batch(NamedTuple):
    """[B, C, S, S] films and [B, K] labels: rows that sum to 1, or findings in [0, 1]."""

    images: Tensor
    targets: Tensor


def augmented(films: Films, picked: Tensor, n_classes: int, settings: Mapping[str, Any], draw: Draw) -> Batch:
    """The films at positions `picked`, changed as the settings of `finetune` say, all in full precision.

    Raises:
        DataError: `saliency_ignores` names no part of the films.
    """
    with torch.autocast(films.device.type, enabled=False):
        crops = draw_crops(
            len(picked),
            settings["crop"],
            flip=settings["flip"],
            generator=draw.generator("crop"),
            focus=settings["crop_focus"],
        )
        images = _changed(crop(films.batch(picked), crops), films, settings, draw)
        targets = films.targets(picked, n_classes).to(images)
        mix = draw_mix(len(picked), films.size, settings, draw)
        if mix is None:
            return Batch(images, targets)

        def find(positions: Tensor) -> Tensor:
            hidden = ignored(films, picked[positions], settings["saliency_ignores"], crops, positions)
            return peaks(saliency(images[positions.to(images.device)], hidden))

        return Batch(*mixed(images, targets, mix, find=find, once=settings["mix_per"] == "batch"))


def _changed(images: Tensor, films: Films, settings: Mapping[str, Any], draw: Draw) -> Tensor:
    """Everything that happens to each film by itself."""
    if settings["randaug"] != "none":
        grey = {"mean": films.dataset.mean, "std": films.dataset.std}
        images = randaug(images, settings["randaug"], draw.generator("randaug"), **grey)
    if settings["jitter"]:
        images = jitter(images, settings["jitter"], draw.generator("jitter"))
    if settings["cutout"]:
        images = hide(images, settings["cutout"], draw.generator("cutout"))
    if settings["erase"]:
        images = erase(images, settings["erase"], draw.generator("erase"))
    return images


def ignored(
    films: Films, picked: Tensor, part: str, crops: Crops | None = None, positions: Tensor | None = None
) -> Tensor | None:
    """[B, 1, S, S]: 1 in the bounding box of a part, cropped as the films at these positions were; None for none."""
    if not part:
        return None
    mask = films.part(picked, part)
    if crops is not None:
        mask = crop(mask, Crops(*(drawn[positions] for drawn in crops)))
    return boxed(mask)
