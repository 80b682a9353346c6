"""Stage `exemplar`: tell of which patch this is a distorted view.

Some films give one patch each, drawn where grey levels change most; every patch is a class of its own, and what the
trunk must learn is what stays when a patch is shifted, enlarged, turned and changed in contrast.

Reference: Dosovitskiy et al., NeurIPS 2014, arXiv:1406.6909.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from study.rng import torch_generator
from study.train.films import Films
from study.train.loop import Draw, Step, fit, parameter_groups
from study.train.proxies import proxy_facts
from study.train.stage import Assignment, Result

EVALUATED = 64
HELD_OUT_VIEWS = 4
CANDIDATES = 7
"""Places of a patch along each side of a film."""


def exemplar(assignment: Assignment) -> Result:
    """Train the trunk and a head with one class per exemplar, from the films of splits train and unlabelled.

    History per epoch: `loss`, `accuracy` on the training views and `val_accuracy` on views that are never trained
    on; they are of the same exemplars, since a film beyond these has no class. Facts hold the last of them beside
    the chance level.

    Raises:
        DataError: fewer than two films.
        StudyError: the preceding stage's weights do not fit.
    """
    settings = assignment.settings
    everything = assignment.training_films("train", "unlabelled")
    words = (assignment.kind, assignment.seed)
    count = min(settings["exemplars"], len(everything))
    chosen = torch.randperm(len(everything), generator=torch_generator(*words, "exemplars"))[:count].sort().values
    films = Films(everything.dataset, everything.rows[chosen.numpy()], everything.in_chans, everything.device)
    centres = draw_centres(films, settings["patch"], torch_generator(*words, "centres"))
    module = assignment.module(num_classes=count)
    groups = parameter_groups(module, weight_decay=settings["weight_decay"])
    task = _Task(module, films, centres, settings, words)
    trained = fit(task, groups, assignment.schedule(betas=(0.9, 0.999)), assignment.context)
    last = trained.progress.history[-1] if trained.progress.history else {}
    facts = {
        "n_films": len(everything),
        "n_exemplars": count,
        **proxy_facts(accuracy=last.get("val_accuracy"), train_accuracy=last.get("accuracy"), chance=1 / count),
        "views": settings["views"],
    }
    return Result(dict(module.state_dict()), trained, facts)


class Distortions(NamedTuple):
    """Views to make: affine maps [V, 2, 3] from the view to the film, both in [-1, 1]; contrast and shift [V]."""

    affine: Tensor
    contrast: Tensor
    shift: Tensor


def draw_centres(films: Films, patch: float, generator: Generator) -> Tensor:
    """The middle of each film's patch: [N, 2] (x, y) in [-1, 1], with probability proportional to mean squared gradient.

    Patches lie inside the film, at one of 7 x 7 places; a film without any gradient has equal probabilities.
    """
    places = torch.linspace(patch - 1, 1 - patch, CANDIDATES)
    drawn = []
    for picked in torch.split(torch.arange(len(films)), EVALUATED):
        energy = _gradient_energy(films.batch(picked)[:, :1].cpu(), patch)
        weight = energy + energy.mean(dim=1, keepdim=True) * 1e-6 + 1e-12
        index = torch.multinomial(weight, 1, generator=generator)[:, 0]
        drawn.append(torch.stack([places[index % CANDIDATES], places[index // CANDIDATES]], dim=1))
    return torch.cat(drawn)


def _gradient_energy(images: Tensor, patch: float) -> Tensor:
    """[B, 49] mean squared gradient inside each candidate patch of images [B, 1, S, S]."""
    size = images.shape[-1]
    across, down = (images.diff(dim=dim).square() for dim in (3, 2))
    energy = F.pad(across, (0, 1)) + F.pad(down, (0, 0, 0, 1))
    side = max(1, round(patch * size))
    starts = torch.linspace(0, size - side, CANDIDATES).round().long()
    means = F.avg_pool2d(energy, side, stride=1)[:, 0]
    return means[:, starts][:, :, starts].flatten(1)


def draw_distortions(centres: Tensor, settings: Mapping[str, Any], generator: Generator) -> Distortions:
    """One view of the patch at each of the `centres` [V, 2].

    Shift uniform in +-`translation` sides of the patch, enlargement log-uniform in `scale`, turn uniform in
    +-`rotation` degrees, contrast 1 + a and brightness + b with a, b uniform in +-`contrast`.
    """
    u = 2 * torch.rand(6, len(centres), generator=generator) - 1
    low, high = (math.log(value) for value in settings["scale"])
    zoom = torch.exp(low + (high - low) * (u[2] + 1) / 2)
    extent = settings["patch"] / zoom  # half the side of what is seen, in half-sides of the film
    angle = u[3] * math.radians(settings["rotation"])
    middle = centres + 2 * settings["patch"] * settings["translation"] * u[:2].T
    cosine, sine = extent * angle.cos(), extent * angle.sin()
    affine = torch.stack(
        [torch.stack([cosine, -sine, middle[:, 0]], dim=1), torch.stack([sine, cosine, middle[:, 1]], dim=1)], dim=1
    )
    return Distortions(affine, 1 + settings["contrast"] * u[4], settings["contrast"] * u[5])


def distorted(images: Tensor, views: Distortions) -> Tensor:
    """Views [V, C, S, S] of images [V, C, S, S], resampled bilinearly; beyond the border the film is mirrored."""
    with torch.autocast(images.device.type, enabled=False):  # pixels keep their precision
        grid = F.affine_grid(views.affine.to(images.device), list(images.shape), align_corners=False)
        seen = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    contrast, shift = (value.to(images.device)[:, None, None, None] for value in (views.contrast, views.shift))
    return seen * contrast + shift


class _Task:
    """Views and the loss of a batch; accuracy on views that are kept for it."""

    def __init__(
        self,
        module: nn.Module,
        films: Films,
        centres: Tensor,
        settings: Mapping[str, Any],
        words: tuple[str | int, ...],
    ) -> None:
        self.module = module
        self.films = films
        self.centres = centres
        self.n_films = len(films)
        self.settings = settings
        self.words = words

    def step(self, picked: Tensor, draw: Draw) -> Step:
        count, mine = self.settings["views"], draw.share(len(picked))
        views = draw_distortions(self.centres[picked.repeat(count)], self.settings, draw.generator("view"))
        seen = torch.arange(count * len(picked)).reshape(count, -1)[:, mine].flatten()
        images = self.films.batch(picked[mine]).repeat(count, 1, 1, 1)
        logits = self.module(distorted(images, Distortions(*(drawn[seen] for drawn in views)))).float()
        target = picked[mine].repeat(count).to(logits.device)
        accuracy = (logits.argmax(dim=1) == target).float().mean()
        return Step(F.cross_entropy(logits, target), {"accuracy": accuracy})

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        generator, right = torch_generator(*self.words, "held-out views"), 0
        with torch.no_grad():
            for picked in torch.split(torch.arange(self.n_films), EVALUATED):
                images = self.films.batch(picked)
                for _view in range(HELD_OUT_VIEWS):
                    views = draw_distortions(self.centres[picked], self.settings, generator)
                    answers = self.module(distorted(images, views)).argmax(dim=1)
                    right += int((answers.cpu() == picked).sum())
        return {"val_accuracy": right / (HELD_OUT_VIEWS * self.n_films)}
