"""Stage `mae`: predict the hidden patches of films without labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from study import registry
from study.errors import StudyError
from study.rng import seed_of, torch_generator
from study.train.films import Films
from study.train.loop import Draw, Step, fit, parameter_groups
from study.train.mae_cnn import CnnAutoencoder, recalibrate
from study.train.mae_target import patchify, pick, reconstruction_error
from study.train.mae_vit import VitAutoencoder
from study.train.masking import Masks, marginals
from study.train.models import family_of, placed, trunk
from study.train.stage import Assignment, Result
from study.train.views import crop, draw_crops
from study.train.weights import DECODER, load_decoder

RECALIBRATION_BATCHES = 50
SIMULATED_MASKS = 4000
SATURATED = 0.97
"""Share of hidden central patches above which the encoder hardly ever sees the centre."""


def mae(assignment: Assignment) -> Result:
    """Pretrain the trunk as a masked autoencoder on the films of splits train and unlabelled.

    History per epoch: `loss`, `trivial` (loss of predicting mean grey), `explained` = 1 - loss / trivial, and
    `flat`, the share of scored patches that are flatter than one grey level.

    Raises:
        DataError: fewer than two films.
        StudyError: the preceding stage's weights do not fit, or it has no decoder to carry on.
        UnsupportedError: a model whose forward pass cannot be masked.
    """
    settings = assignment.settings
    films = assignment.training_films("train", "unlabelled")
    module = _autoencoder(assignment)
    if settings["carry_decoder"]:
        _carry_decoder(module, assignment)
    task = _Task(module, films, settings)
    groups = parameter_groups(module, weight_decay=settings["weight_decay"])
    trained = fit(task, groups, assignment.schedule(betas=(0.9, 0.95)), assignment.context)
    if settings["bn_recalibrate"] and family_of(assignment.model) == "cnn":
        recalibrate(module.trunk, _unmasked(films, settings["batch_size"], assignment))
    decoder = {DECODER + name: value for name, value in module.decoder.state_dict().items()}
    facts = {"n_films": len(films), "grid": list(module.grid), "patch_size": module.patch_size, **task.mask_facts()}
    last = trained.progress.history[-1] if trained.progress.history else {}
    facts |= {name: last.get(name) for name in ("loss", "trivial", "explained", "flat")}
    return Result({**trunk(module.trunk), **decoder}, trained, facts)


class _Task:
    """Views, masks and the loss of a batch."""

    def __init__(self, module: VitAutoencoder | CnnAutoencoder, films: Films, settings: Mapping[str, Any]) -> None:
        self.module: nn.Module = module
        self.autoencoder = module
        self.films = films
        self.n_films = len(films)
        self.settings = settings
        self.masking = registry.MASKINGS.load(settings["masking"])

    def step(self, picked: Tensor, draw: Draw) -> Step:
        crops = draw_crops(
            len(picked), self.settings["crop"], flip=self.settings["flip"], generator=draw.generator("crop")
        )
        masks, mine = self.masks(len(picked), draw.generator("mask")), draw.share(len(picked))
        images = crop(self.films.batch(picked[mine]), crops.at(mine))
        masks = masks.at(mine).to(images.device)
        prediction, ids = self.autoencoder(images, masks, all_patches=self.settings["loss"] == "all")
        patches = pick(patchify(images, self.autoencoder.patch_size), ids)
        error = reconstruction_error(prediction, patches, self.settings["target"], level=self.films.level)
        return Step(error.loss, {"trivial": error.trivial, "flat": error.flat})

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        return {"explained": 1 - means["loss"] / means["trivial"] if means["trivial"] > 0 else None}

    def masks(self, batch: int, generator: torch.Generator) -> Masks:
        shape = {name: self.settings[name] for name in ("sigma", "floor")}
        masks: Masks = self.masking(batch, self.autoencoder.grid, self.settings["mask_ratio"], generator, **shape)
        return masks

    def mask_facts(self) -> dict[str, Any]:
        """Realised shares of hidden patches, by simulation: they are not proportional to the weights."""
        masks = self.masks(SIMULATED_MASKS, torch_generator("mask marginals"))
        central, remainder = marginals(masks, self.autoencoder.grid)
        return {
            "n_visible": masks.ids_keep.shape[1],
            "n_masked": masks.ids_masked.shape[1],
            "masked_central": central,
            "masked_remainder": remainder,
            "centre_hardly_seen": central is not None and central > SATURATED,
            "mask_example": _drawn(masks.masked[0].reshape(self.autoencoder.grid)),
        }


def _drawn(hidden: Tensor) -> list[str]:
    """A mask [rows, columns] as one string per row, 1 = hidden."""
    return ["".join("1" if patch else "0" for patch in row) for row in hidden.tolist()]


def _autoencoder(assignment: Assignment) -> VitAutoencoder | CnnAutoencoder:
    family = family_of(assignment.model)
    settings, module = assignment.settings, assignment.module(num_classes=1).cpu()
    size = {"width": settings["decoder_width"], "depth": settings["decoder_depth"], "name": assignment.model}
    whole: VitAutoencoder | CnnAutoencoder
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(assignment.kind, assignment.seed, "decoder"))
        if family == "vit":
            whole = VitAutoencoder(module, **size)
        else:
            whole = CnnAutoencoder(module, image_size=assignment.image_size, **size)
    placed(whole, assignment.device, family)  # moves the module itself
    return whole


def _carry_decoder(module: VitAutoencoder | CnnAutoencoder, assignment: Assignment) -> None:
    if assignment.initial is None:
        raise StudyError("carry_decoder is set on the first stage of a chain; there is no decoder to carry on")
    load_decoder(module.decoder, assignment.initial)


def _unmasked(films: Films, batch_size: int, assignment: Assignment) -> Iterator[Tensor]:
    """Batches of whole films for the BatchNorm statistics."""
    order = torch.randperm(len(films), generator=torch_generator(assignment.kind, assignment.seed, "recalibration"))
    batches = order.tensor_split(math.ceil(len(films) / batch_size))[:RECALIBRATION_BATCHES]
    return (films.batch(picked) for picked in batches)
