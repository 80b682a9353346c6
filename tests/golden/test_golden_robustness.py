"""Metrics of maps against captum, Quantus and scikit-image (see the set's README)."""

import re

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from torch import Tensor, nn

from study.measure import score
from study.measure.adcc import correlation
from study.measure.infidelity import squared_error
from study.measure.max_sensitivity import relative_change
from study.measure.similarity import ranks, ssim

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def stored(golden: GoldenSet) -> Arrays:
    return golden.arrays("robustness_and_quantus")


@pytest.fixture(scope="module")
def pair(golden: GoldenSet, stored: Arrays) -> tuple[Tensor, Tensor]:
    """The maps that were compared: heat maps, and each mixed half and half with itself moved aside."""
    rule = re.fullmatch(r"0\.5\*heatmap \+ 0\.5\*roll\(heatmap, (\d+), axis=x\)", str(stored["sim_b_maps_rule"]))
    assert rule
    maps = golden.heatmaps[: len(stored["sim_spearman"])]
    return maps, 0.5 * maps + 0.5 * maps.roll(int(rule[1]), dims=2)


@pytest.mark.parametrize("metric", ["pointing_game", "relevance_rank_accuracy"])
def test_agreement_with_the_boxes_is_that_of_quantus(golden: GoldenSet, metric: str) -> None:
    values = score(metric, golden.batch("cnn", golden.heatmaps)).values
    np.testing.assert_allclose(values, golden.arrays("energypg")[metric], atol=1e-6)


@pytest.mark.parametrize("kind", ["logit", "softmax"])
@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_infidelity_of_given_noise_is_that_of_captum(golden: GoldenSet, stored: Arrays, model: str, kind: str) -> None:
    noise, maps = _perturbations(stored), golden.arrays("attributions")
    images, targets = golden.images[: len(noise)], golden.labels[: len(noise)]
    module = golden.classifiers[model].module
    noisy = _scores(module, (images[:, None] - noise).flatten(0, 1), targets.repeat_interleave(noise.shape[1]), kind)
    change = _scores(module, images, targets, kind)[:, None] - noisy.view(len(noise), -1)
    names = {key: re.fullmatch(rf"{model}_infidelity_(.+)_{kind}_norm([01])", key) for key in stored}
    found = {key: match for key, match in names.items() if match}
    assert found
    for key, match in found.items():
        attributions = torch.from_numpy(maps[f"{model}_{match[1]}"][: len(noise)])
        ours = squared_error(noise, attributions, change, normalize=match[2] == "1")
        np.testing.assert_allclose(ours, stored[key], rtol=1e-3, err_msg=key)


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_sensitivity_to_given_noise_is_that_of_captum(golden: GoldenSet, stored: Arrays, model: str) -> None:
    noise = 0.1 * _perturbations(stored)
    images, targets = golden.images[: len(noise)], golden.labels[: len(noise)]
    module = golden.classifiers[model].module
    found = {key: key.rpartition("_")[2] for key in stored if key.startswith(f"{model}_maxsens_")}
    assert found
    for key, method in found.items():
        before = _gradients(module, images, targets, method)
        changes = [
            relative_change(before, _gradients(module, images + noise[:, sample], targets, method))
            for sample in range(noise.shape[1])
        ]
        np.testing.assert_allclose(torch.stack(changes).amax(dim=0), stored[key], rtol=1e-3, err_msg=key)


def test_rank_correlation_is_that_of_scipy(stored: Arrays, pair: tuple[Tensor, Tensor]) -> None:
    np.testing.assert_allclose(correlation(ranks(pair[0]), ranks(pair[1])), stored["sim_spearman"], atol=1e-6)
    np.testing.assert_allclose(correlation(*pair), stored["sim_pearson"], atol=1e-6)


def test_structural_similarity_is_that_of_scikit_image(stored: Arrays, pair: tuple[Tensor, Tensor]) -> None:
    coarse = [(maps * 255).to(torch.uint8) for maps in pair]
    uniform = ssim(coarse[0], coarse[1], span=255)
    np.testing.assert_allclose(uniform, stored["sim_ssim_skimage_win5_range255_uint8"], atol=1e-6)
    bell = torch.exp(-torch.arange(-5.0, 6).double().square() / (2 * 1.5**2))
    gaussian = ssim(*pair, window=tuple((bell / bell.sum()).tolist()), correction=0)
    np.testing.assert_allclose(gaussian, stored["sim_ssim_skimage_gaussian_range1"], atol=1e-6)


def test_concentration_is_that_of_quantus(golden: GoldenSet, stored: Arrays) -> None:
    for metric, name in (("entropy", "quantus_complexity_entropy"), ("sparseness", "quantus_sparseness_gini")):
        values = score(metric, golden.batch("cnn", golden.heatmaps[: len(stored[name])])).values
        np.testing.assert_allclose(values, stored[name], rtol=1e-4, err_msg=metric)


def _perturbations(stored: Arrays) -> Tensor:
    """I, [image, sample, C, H, W]."""
    return torch.from_numpy(stored["perturbations_int8"]).float() * float(stored["perturbation_scale"])


def _scores(module: nn.Module, images: Tensor, targets: Tensor, kind: str) -> Tensor:
    with torch.no_grad():
        logits = module(images)
    scores = logits.softmax(dim=1) if kind == "softmax" else logits
    return scores.gather(1, targets[:, None])[:, 0].double()


def _gradients(module: nn.Module, images: Tensor, targets: Tensor, method: str) -> Tensor:
    """Signed gradients of the logit, per channel; times the image for `inputxgrad`."""
    films = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(module(films).gather(1, targets[:, None]).sum(), films)
    return gradient * images if method == "inputxgrad" else gradient
