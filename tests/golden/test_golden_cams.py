"""Class activation maps against the numbers of pytorch-grad-cam and torchcam (see the set's README)."""

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from torch import Tensor

from study.explain import attribute, to_input_size
from study.explain.gradcam import features
from study.explain.gradcampp import from_moments, noisy_moments
from study.explain.gradients import target_logits
from study.measure import scaled

pytestmark = pytest.mark.shared

METHODS = ("gradcampp", "xgradcam", "layercam", "hirescam", "scorecam")
LAYERS = {"cnn_block": "block", "cnn_stage2": "stage2", "vit_lastnorm1": None}
every_place = pytest.mark.parametrize("place", LAYERS)
every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(scope="module")
def cams(golden: GoldenSet) -> Arrays:
    return golden.arrays("cams")


@every_place
@every_method
def test_raw_maps_are_those_of_pytorch_grad_cam(golden: GoldenSet, cams: Arrays, name: str, place: str) -> None:
    expected = cams[f"{place}_{name}_raw"]
    raw = _maps(golden, name, place, golden.labels[: len(expected)])
    assert np.abs(raw.numpy() - expected).max() <= 1e-4 * np.abs(expected).max()


@every_place
@every_method
def test_display_maps_are_those_of_pytorch_grad_cam(golden: GoldenSet, cams: Arrays, name: str, place: str) -> None:
    size = (golden.images.shape[-2], golden.images.shape[-1])
    targets = {"": cams["target_label"], "_otherclass": cams["target_other"]}
    stored = {kind: cams[f"{place}_{name}{kind}"] for kind in targets if f"{place}_{name}{kind}" in cams}
    assert "" in stored
    for kind, expected in stored.items():
        raw = _maps(golden, name, place, torch.from_numpy(targets[kind])[: len(expected)])
        display = scaled(to_input_size(name, raw, size))
        np.testing.assert_allclose(display, expected, atol=2e-5, err_msg=f"{place}_{name}{kind}")


@pytest.mark.parametrize(
    ("name", "tolerance"),
    # Its Grad-CAM++ is another formula; its Score-CAM upsamples otherwise (0.011 in the reference).
    [("gradcam", 1e-5), ("xgradcam", 1e-5), ("layercam", 1e-5), ("scorecam", 0.02)],
)
def test_rectified_maps_are_those_of_torchcam(golden: GoldenSet, cams: Arrays, name: str, tolerance: float) -> None:
    expected = cams[f"torchcam_cnn_block_{name}"]
    raw = _maps(golden, name, "cnn_block", golden.labels[: len(expected)])
    np.testing.assert_allclose(scaled(raw.clamp(min=0)), expected, atol=tolerance)


def test_smooth_gradcampp_is_the_formula_evaluated_sample_by_sample(golden: GoldenSet) -> None:
    module = golden.classifiers["cnn"].module
    images, targets = golden.images[:2], golden.labels[:2]
    noise = torch.from_numpy(golden.inputs["noise25_int8"]).float() / 32
    moments = noisy_moments(module, "stage2", images, targets, draw=lambda _: noise, noise=0.15)
    activations = features(module, "stage2", images, targets).activations
    ours = from_moments(moments, activations)  # behind `block`, the gradient is the same for every film
    for row in range(len(images)):
        gradients = [
            _gradient(module, images[row] + 0.15 * (images[row].max() - images[row].min()) * sample, targets[row])
            for sample in noise
        ]
        g = torch.stack(gradients).double()
        a = activations[row].double()
        alpha = (g**2).mean(0) / (2 * (g**2).mean(0) + a.sum(dim=(1, 2))[:, None, None] * (g**3).mean(0) + 1e-6)
        weights = (alpha * g.mean(0).relu()).sum(dim=(1, 2))
        expected = (weights[:, None, None] * a).sum(dim=0)
        torch.testing.assert_close(ours[row].double(), expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def _gradient(module: torch.nn.Module, image: Tensor, target: Tensor) -> Tensor:
    """By `stage2`, of one noisy image by itself, with a hook of its own."""
    kept: list[Tensor] = []
    hook = module.get_submodule("stage2").register_forward_hook(lambda _m, _i, output: kept.append(output))
    with torch.enable_grad():
        score = target_logits(module, image[None].clone().requires_grad_(), target[None]).sum()
    hook.remove()
    return torch.autograd.grad(score, kept[0])[0][0]


def _maps(golden: GoldenSet, name: str, place: str, targets: Tensor) -> Tensor:
    classifier = golden.classifiers[place.partition("_")[0]]
    settings = {"layer": LAYERS[place]}
    return attribute(name, classifier, golden.images[: len(targets)], targets, settings=settings)
