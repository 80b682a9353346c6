"""Rows whose work is to mask or to shake the films, and rows that read maps only."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import quantus
import torch
from captum.metrics import infidelity as captum_infidelity
from captum.metrics import sensitivity_max
from numpy.typing import NDArray
from peer_cases import Case
from peer_perturbation import QUIET, Given, arrays
from peer_table import OURS, Row, Way
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence, IncreaseInConfidence
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor
from torchcam.metrics import ClassificationMetric

from study.explain import attribute
from study.measure import mask, score
from study.measure.regions import box_masks
from study.rng import torch_generator

SAMPLES, NOISE = 16, 0.2
DRAWS, RADIUS = 10, 0.02


def masking(case: Case, images: int, peers: int) -> Row:
    """Average drop and average increase of given maps."""
    masks = case.masks
    batch = case.batch(images, masks)

    def ours() -> Tensor:
        shared = replace(batch, masked=mask(batch))
        return torch.stack([score(name, shared).values for name in ("average_drop", "average_increase")], dim=1)

    def torchcams() -> Tensor:
        metric: Any = ClassificationMetric(Given(case.scorer, masks[:peers]))
        metric.update(case.images[:peers], case.targets[:peers].tolist())
        return torch.tensor([metric.summary()["avg_drop"], metric.summary()["conf_increase"]])

    before = case.predict(case.images[:peers]).gather(1, case.targets[:peers, None])[:, 0]

    def gradcams() -> Tensor:
        targets = [ClassifierOutputTarget(int(target)) for target in case.targets[:peers]]
        given = (case.images[:peers], masks[:peers].numpy(), targets, case.scorer)
        drop, more = (torch.from_numpy(metric()(*given)) for metric in (DropInConfidence, IncreaseInConfidence))
        return torch.stack([drop / before, more], dim=1)

    return Row(
        "average drop + average increase",
        (
            Way(OURS, ours, images, "without the map of the masked film, which only coherency reads"),
            Way("torchcam", torchcams, peers, pooled=True),
            Way("pytorch-grad-cam", gradcams, peers, "its drop is absolute; divided by p here"),
        ),
    )


def infidelity(case: Case, images: int, peers: int) -> Row:
    """Infidelity of 16 noisy copies, the same ones in both packages."""
    batch = case.batch(images)
    spans = case.images.flatten(1).amax(dim=1) - case.images.flatten(1).amin(dim=1)

    def noisy(films: Tensor) -> tuple[Tensor, Tensor]:
        drawn = [
            torch.randn((SAMPLES, *films.shape[-2:]), generator=torch_generator("infidelity", seed))
            * NOISE
            * spans[seed]
            for seed in range(peers)
        ]
        noise = torch.cat(drawn)[:, None]
        return noise, films - noise

    def captums() -> Tensor:
        found: Tensor = captum_infidelity(
            case.answer,
            noisy,
            case.images[:peers],
            case.maps[:peers, None],
            target=case.targets[:peers],
            n_perturb_samples=SAMPLES,
            normalize=True,
        )
        return found

    return Row(
        "infidelity, 16 samples",
        (
            Way(OURS, lambda: score("infidelity", batch, {"samples": SAMPLES, "noise": NOISE}).values, images),
            Way("captum", captums, peers),
        ),
    )


def max_sensitivity(case: Case, images: int, peers: int) -> Row:
    """Largest change of Grad-CAM (ours, in all packages) over 10 draws, the same ones in ours and captum."""

    def explain(films: Tensor, targets: Tensor) -> Tensor:
        return attribute("gradcam", case.classifier, films, targets)

    batch = replace(
        case.batch(images), signed=explain(case.images[:images], case.targets[:images]), explain_signed=explain
    )

    def shaken(films: Tensor) -> Tensor:
        drawn = [
            torch.rand(films.shape[-2:], generator=generator)
            for generator in (torch_generator("max_sensitivity", seed) for seed in range(peers))
            for _ in range(DRAWS)
        ]
        return films + RADIUS * (2 * torch.stack(drawn)[:, None] - 1)

    def explain_tuple(films: Tensor | tuple[Tensor], target: Tensor) -> tuple[Tensor]:
        return (explain(films[0] if isinstance(films, tuple) else films, target),)

    def captums() -> Tensor:
        found: Tensor = sensitivity_max(
            explain_tuple,
            case.images[:peers],
            perturb_func=shaken,
            n_perturb_samples=DRAWS,
            target=case.targets[:peers],
        )
        return found

    def quantus_s() -> None:
        metric = quantus.MaxSensitivity(nr_samples=DRAWS, lower_bound=RADIUS, **QUIET)
        given = {**arrays(case, peers), "a_batch": None}
        metric(**given, explain_func=_at_input_size(explain))

    return Row(
        "max-sensitivity of Grad-CAM, 10 draws",
        (
            Way(OURS, lambda: score("max_sensitivity", batch, {"samples": DRAWS, "radius": RADIUS}).values, images),
            Way("captum", captums, peers),
            Way("Quantus", quantus_s, peers, "own draws; maps at the size of the film"),
        ),
    )


def _at_input_size(explain: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., NDArray[Any]]:
    """As Quantus calls it; it takes maps of the film's size only."""

    def maps(model: Any, inputs: Any, targets: Any, **_: Any) -> NDArray[Any]:
        films = torch.as_tensor(inputs, dtype=torch.float32)
        raw = explain(films, torch.as_tensor(targets, dtype=torch.int64))
        return torch.nn.functional.interpolate(raw[:, None], size=films.shape[-2:], mode="bilinear").numpy()

    return maps


CHEAP: dict[str, tuple[str, Any]] = {
    "relevance_rank_accuracy": ("relevance rank accuracy", quantus.RelevanceRankAccuracy),
    "pointing_game": ("pointing game", quantus.PointingGame),
    "energy_pg": ("EnergyPG", quantus.RelevanceMassAccuracy),
    "sparseness": ("sparseness (Gini)", quantus.Sparseness),
    "entropy": ("entropy (Quantus: complexity)", quantus.Complexity),
}
BOXED = ("relevance_rank_accuracy", "pointing_game", "energy_pg")


def maps_only(case: Case, name: str, count: int) -> Row:
    """A metric that asks the network nothing."""
    what, metric = CHEAP[name]
    batch = case.batch(count)
    given = arrays(case, count)
    if name in BOXED:
        given["s_batch"] = box_masks(batch.boxes, (case.images.shape[-2], case.images.shape[-1]))[:, None].numpy()

    def quantus_s() -> Tensor:
        return torch.tensor(np.array(metric(**{**QUIET, "abs": True})(**given), dtype=np.float64))

    return Row(what, (Way(OURS, lambda: score(name, batch).values, count), Way("Quantus", quantus_s, count)))
