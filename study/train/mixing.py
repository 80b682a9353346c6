"""Films of a batch mixed with each other, their labels alike: mixup, CutMix, SaliencyMix.

Drawn first, then applied: `draw_mix` says who is mixed with whom and how, `mixed` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from study.train.loop import Draw

KINDS = ("mixup", "cutmix", "saliencymix")


class Mix(NamedTuple):
    """How a batch is to be mixed.

    Attributes:
        kind: in `KINDS`.
        partners: [B] int64, whose pixels film i gets; may be itself.
        shares: [B] float64 in [0, 1], of its own pixels and label that a film should keep.
        places: [B, 2] row and column of the boxes' centres, pixels.
    """

    kind: str
    partners: Tensor
    shares: Tensor
    places: Tensor


class Boxes(NamedTuple):
    """Windows in pixels: [B] first row and column, and those behind the last ones."""

    top: Tensor
    left: Tensor
    bottom: Tensor
    right: Tensor


def draw_mix(batch: int, size: int, settings: Mapping[str, Any], draw: Draw) -> Mix | None:
    """How this step's batch is mixed, or None where it is not.

    Args:
        batch: number of films.
        size: side of the square films, pixels.
        settings: alpha of each kind (0 = never), `mix_share` and `mix_per`.
        draw: of the step.
    """
    kinds = [kind for kind in KINDS if settings[kind] > 0]
    random = draw.numpy("mix")
    if not kinds or random.random() >= settings["mix_share"]:
        return None
    kind = kinds[int(random.integers(len(kinds)))]
    partners = torch.from_numpy(random.permutation(batch))
    count = batch if settings["mix_per"] == "film" else 1
    shares = torch.from_numpy(random.beta(settings[kind], settings[kind], count)).expand(batch)
    places = torch.from_numpy(random.integers(size, size=(count, 2))).expand(batch, 2)
    return Mix(kind, partners, shares, places)


def mixed(
    images: Tensor, targets: Tensor, mix: Mix, *, find: Callable[[Tensor], Tensor], once: bool = False
) -> tuple[Tensor, Tensor]:
    """The films and their soft labels after mixing.

    mixup: s x_i + (1 - s) x_j. The others paste a box of film j in the same place of film i; its sides are
    sqrt(1 - s) of the film's, and s becomes the share of pixels outside the box once it was cut at the border.

    Args:
        images: [B, C, S, S].
        targets: [B, K], rows that sum to 1, or which findings a film has; both are mixed with the same shares.
        mix: from `draw_mix`.
        find: most salient places [B, 2] of the films at [B] positions; for SaliencyMix only.
        once: one place for the batch, that of the first partner; for SaliencyMix only.

    References: Zhang et al. 2018, arXiv:1710.09412; Yun et al. 2019, arXiv:1905.04899; Uddin et al. 2021,
        arXiv:2006.01791.
    """
    partners = mix.partners.to(images.device)
    if mix.kind == "mixup":
        shares = mix.shares.to(targets)
        blend = shares[:, None, None, None]
        images = blend * images + (1 - blend) * images[partners]
    else:
        size = images.shape[-1]
        places = mix.places
        if mix.kind == "saliencymix":
            places = find(mix.partners[:1]).expand(len(images), 2) if once else find(mix.partners)
        boxes = boxes_around(places.cpu(), mix.shares, size)
        inside = within(boxes, size).to(images.device)
        shares = kept_shares(boxes, size).to(targets)
        images = torch.where(inside, images[partners], images)
    return images, shares[:, None] * targets + (1 - shares[:, None]) * targets[partners]


def boxes_around(places: Tensor, shares: Tensor, size: int) -> Boxes:
    """Boxes with sides int(size sqrt(1 - share)) around [B, 2] places, cut at the film's border.

    As in the published code half a side, rounded down, lies on either side of the centre.
    """
    half = torch.floor(size * torch.sqrt(1 - shares)).long() // 2
    low, high = (places - half[:, None]).clamp(min=0), (places + half[:, None]).clamp(max=size)
    return Boxes(low[:, 0], low[:, 1], high[:, 0], high[:, 1])


def kept_shares(boxes: Boxes, size: int) -> Tensor:
    """[B] float64: share of the pixels outside the boxes."""
    return 1 - (boxes.bottom - boxes.top).double() * (boxes.right - boxes.left).double() / size**2


def within(boxes: Boxes, size: int) -> Tensor:
    """[B, 1, S, S] bool: pixels inside the boxes."""
    pixels = torch.arange(size)
    rows = (pixels >= boxes.top[:, None]) & (pixels < boxes.bottom[:, None])
    columns = (pixels >= boxes.left[:, None]) & (pixels < boxes.right[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def share_inside(places: np.ndarray[Any, Any], masks: np.ndarray[Any, Any]) -> float | None:
    """Share of places [N, 2] that lie in the mask [N, S, S] of their film, among films with one; None without any."""
    has = masks.any(axis=(1, 2))
    if not has.any():
        return None
    inside = masks[np.arange(len(masks)), places[:, 0], places[:, 1]]
    return float(inside[has].mean())
