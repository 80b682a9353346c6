"""Rows whose work is to make attribution maps."""

import os
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

import numpy as np
import pytorch_grad_cam as gradcam_package
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Saliency
from peer_cases import SIZE, Case
from peer_table import OURS, Row, Way
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor
from torch.nn import functional as F
from torchcam import methods as torchcam_methods

from study.explain import attribute, to_input_size

SAMPLES, NOISE = 25, 0.15
TITLES = {
    "gradcam": "Grad-CAM",
    "gradcampp": "Grad-CAM++",
    "xgradcam": "XGrad-CAM",
    "layercam": "LayerCAM",
    "scorecam": "Score-CAM",
    "smooth_gradcampp": "Smooth Grad-CAM++, 25 samples",
}
TORCHCAM = {
    "gradcam": "GradCAM",
    "gradcampp": "GradCAMpp",
    "xgradcam": "XGradCAM",
    "layercam": "LayerCAM",
    "scorecam": "ScoreCAM",
    "smooth_gradcampp": "SmoothGradCAMpp",
}
GRADCAM = {
    "gradcam": "GradCAM",
    "gradcampp": "GradCAMPlusPlus",
    "xgradcam": "XGradCAM",
    "layercam": "LayerCAM",
    "scorecam": "ScoreCAM",
}
OTHER_RULE = {
    ("gradcampp", "torchcam"): "sums G³A where the paper has G³ΣA",
    ("scorecam", "torchcam"): "masks are not scaled to [0, 1]",
    ("smooth_gradcampp", "torchcam"): "own draws; noise not in units of the film",
}
"""Definitions that differ, so that results are not compared."""


def cam(case: Case, name: str, images: int, peers: int) -> Row:
    """Maps of one method at the size of the film, from 0 to 1."""
    films, targets = case.images[:images], case.targets[:images]

    def ours() -> Tensor:
        raw = attribute(name, case.classifier, films, targets, settings=_settings(name), seeds=range(images))
        return to_input_size(name, raw, (SIZE, SIZE))

    ways = [Way(OURS, _from_zero_to_one(ours), images)]
    for who, make in (("torchcam", _torchcam), ("pytorch-grad-cam", _gradcam)):
        run = make(case, name, peers)
        if run is not None:
            differs = OTHER_RULE.get((name, who), "")
            ways.append(Way(who, _unseen(run) if differs else _from_zero_to_one(run), peers, differs))
    return Row(TITLES[name], tuple(ways), atol=1e-3)


def integrated_gradients(case: Case, images: int, peers: int) -> Row:
    """25 gradients per film, Gauss-Legendre."""
    films, targets = case.images[:images], case.targets[:images]
    method = IntegratedGradients(case.classifier.module)

    def captums() -> Tensor:
        found: Tensor = method.attribute(films[:peers], target=targets[:peers], n_steps=SAMPLES)
        return found.detach().sum(dim=1)

    return Row(
        "integrated gradients, 25 steps",
        (
            Way(
                OURS, lambda: attribute("integrated_gradients", case.classifier, films, targets, settings=STEPS), images
            ),
            Way("captum", captums, peers),
        ),
        atol=1e-4,
    )


STEPS = {"steps": SAMPLES}


def smoothgrad(case: Case, images: int, peers: int) -> Row:
    """25 noisy copies per film."""
    films, targets = case.images[:images], case.targets[:images]
    method = NoiseTunnel(Saliency(case.classifier.module))
    deviation = float(NOISE * (films.max() - films.min()))

    def ours() -> Tensor:
        settings = {"samples": SAMPLES, "noise": NOISE}
        return attribute("smoothgrad", case.classifier, films, targets, settings=settings, seeds=range(images))

    def captums() -> None:
        method.attribute(films[:peers], target=targets[:peers], nt_samples=SAMPLES, stdevs=deviation, abs=False)

    return Row(
        "SmoothGrad, 25 samples",
        (Way(OURS, ours, images), Way("captum", captums, peers, "own draws")),
    )


def _settings(name: str) -> dict[str, Any]:
    return {"samples": SAMPLES, "noise": NOISE} if name == "smooth_gradcampp" else {}


def _from_zero_to_one(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    def scaled() -> Tensor:
        maps = run()
        low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
        return (maps - low) / (high - low).clamp(min=1e-12)

    return scaled


def _unseen(run: Callable[[], Tensor]) -> Callable[[], None]:
    def unseen() -> None:
        run()

    return unseen


def _torchcam(case: Case, name: str, count: int) -> Callable[[], Tensor] | None:
    """Weights are frozen and films ask for gradients: cheaper for it than the other way round."""
    method = getattr(torchcam_methods, TORCHCAM[name])
    extra = {"num_samples": SAMPLES} if name == "smooth_gradcampp" else {}
    if case.reshape is not None:
        extra["reshape_transform"] = case.reshape
    targets = case.targets[:count].tolist()

    def run() -> Tensor:
        films = case.images[:count].clone().requires_grad_(name not in ("scorecam", "smooth_gradcampp"))
        with method(case.classifier.module, case.target_layer, input_shape=(1, SIZE, SIZE), **extra) as extractor:
            scores = case.classifier.module(films)
            maps = extractor(targets, scores)[0]
        return F.interpolate(maps[:, None], size=(SIZE, SIZE), mode="bilinear")[:, 0]

    return run


def _gradcam(case: Case, name: str, count: int) -> Callable[[], Tensor] | None:
    if name not in GRADCAM:
        return None
    method = getattr(gradcam_package, GRADCAM[name])
    targets = [ClassifierOutputTarget(int(target)) for target in case.targets[:count]]

    def run() -> Tensor:
        films = case.images[:count].clone().requires_grad_(name != "scorecam")
        with (
            open(os.devnull, "w", encoding="utf8") as nowhere,
            redirect_stderr(nowhere),
            method(case.classifier.module, [case.target_layer], reshape_transform=case.reshape) as extractor,
        ):
            return torch.from_numpy(np.asarray(extractor(films, targets)))

    return run
