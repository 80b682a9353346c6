"""Stage `rotation`: tell by which quarter turns a film was rotated.

Reference: Gidaris, Singh and Komodakis, ICLR 2018, arXiv:1803.07728.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.train.films import Films
from study.train.loop import Draw, Step, fit, parameter_groups
from study.train.proxies import proxy_facts
from study.train.stage import Assignment, Result
from study.train.views import crop, draw_crops

TURNS = 4
EVALUATED = 64


def rotation(assignment: Assignment) -> Result:
    """Train the trunk and a four-way head on the films of splits train and unlabelled.

    History per epoch: `loss`, `accuracy` on the training views and `val_accuracy` on all four turns of the
    whole validation films (None without any). Facts hold the last of them beside the chance level.

    Raises:
        DataError: fewer than two films.
        StudyError: the preceding stage's weights do not fit.
    """
    settings = assignment.settings
    films = assignment.training_films("train", "unlabelled")
    held_out = assignment.films("val")
    module = assignment.module(num_classes=TURNS)
    groups = parameter_groups(module, weight_decay=settings["weight_decay"])
    task = _Task(module, films, held_out, settings)
    trained = fit(task, groups, assignment.schedule(betas=(0.9, 0.999)), assignment.context)
    last = trained.progress.history[-1] if trained.progress.history else {}
    facts = {
        "n_films": len(films),
        "n_val": len(held_out),
        **proxy_facts(accuracy=last.get("val_accuracy"), train_accuracy=last.get("accuracy"), chance=1 / TURNS),
        "views": settings["views"],
    }
    return Result(dict(module.state_dict()), trained, facts)


def rotated(images: Tensor, turns: Tensor) -> Tensor:
    """Every film turned counter-clockwise by its own number of quarter turns, without resampling.

    Args:
        images: [B, C, S, S].
        turns: [B] int64 in {0, 1, 2, 3}.
    """
    out = torch.empty_like(images)
    for quarter in range(TURNS):
        out[turns == quarter] = images[turns == quarter].rot90(quarter, dims=(2, 3))
    return out


class _Task:
    """Views, turns and the loss of a batch; accuracy on the validation films."""

    def __init__(self, module: nn.Module, films: Films, held_out: Films, settings: Mapping[str, Any]) -> None:
        self.module = module
        self.films = films
        self.held_out = held_out
        self.n_films = len(films)
        self.settings = settings

    def step(self, picked: Tensor, draw: Draw) -> Step:
        crops = draw_crops(len(picked), self.settings["crop"], flip=False, generator=draw.generator("crop"))
        mine = draw.share(len(picked))
        images = crop(self.films.batch(picked[mine]), crops.at(mine))
        if self.settings["views"] == "all4":
            turns = torch.arange(TURNS).repeat_interleave(len(images))
            images = images.repeat(TURNS, 1, 1, 1)
        else:
            turns = torch.randint(TURNS, (len(picked),), generator=draw.generator("turn"))[mine]
        turns = turns.to(images.device)
        logits = self.module(rotated(images, turns)).float()
        accuracy = (logits.argmax(dim=1) == turns).float().mean()
        return Step(F.cross_entropy(logits, turns), {"accuracy": accuracy})

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        if not len(self.held_out):
            return {"val_accuracy": None}
        right = 0
        with torch.no_grad():
            for picked in torch.split(torch.arange(len(self.held_out)), EVALUATED):
                images = self.held_out.batch(picked)
                for quarter in range(TURNS):
                    right += int((self.module(images.rot90(quarter, dims=(2, 3))).argmax(dim=1) == quarter).sum())
        return {"val_accuracy": right / (TURNS * len(self.held_out))}
