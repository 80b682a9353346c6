"""Attributions against the numbers of captum and pytorch-grad-cam (see the set's README)."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from torch import Tensor

from study.explain import attribute, to_input_size
from study.explain.gradcam import features
from study.explain.integrated_gradients import completeness_gap, per_channel
from study.explain.smoothgrad import mean_gradients
from study.measure import scaled

pytestmark = pytest.mark.shared

RULES = {"gausslegendre": "gausslegendre", "riemann_trapezoid": "trapezoid", "riemann_right": "right"}
LAYERS = {"cnn_block": "block", "cnn_stage2": "stage2", "vit_lastnorm1": None}


@pytest.fixture(scope="module")
def cams(golden: GoldenSet) -> Arrays:
    return golden.arrays("cams")


@pytest.fixture(scope="module")
def attributions(golden: GoldenSet) -> Arrays:
    return golden.arrays("attributions")


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_the_rebuilt_networks_give_the_stored_probabilities(golden: GoldenSet, model: str) -> None:
    probabilities = golden.classifiers[model].module(golden.images).softmax(dim=1)
    np.testing.assert_allclose(probabilities, golden.inputs[f"{model}_probs"], atol=2e-6)


@pytest.mark.parametrize("place", LAYERS)
def test_gradcam_gives_the_raw_maps_of_pytorch_grad_cam(golden: GoldenSet, cams: Arrays, place: str) -> None:
    expected = cams[f"{place}_gradcam_raw"]
    raw = _gradcam(golden, place, golden.labels[: len(expected)])
    assert np.abs(raw.numpy() - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("place", LAYERS)
def test_gradcam_gives_the_display_maps(golden: GoldenSet, cams: Arrays, place: str) -> None:
    size = (golden.images.shape[-2], golden.images.shape[-1])
    stored = {name: cams[f"{place}_gradcam{name}"] for name in ("", "_otherclass") if f"{place}_gradcam{name}" in cams}
    assert "" in stored
    for name, expected in stored.items():
        targets = torch.from_numpy(cams["target_other" if name else "target_label"])[: len(expected)]
        display = scaled(to_input_size("gradcam", _gradcam(golden, place, targets), size))
        np.testing.assert_allclose(display, expected, atol=2e-5, err_msg=f"{place}{name}")


@pytest.mark.parametrize("place", ["cnn_block", "vit_lastnorm1"])
def test_activations_and_gradients_behind_the_maps_are_the_same(golden: GoldenSet, cams: Arrays, place: str) -> None:
    expected = cams[f"{place}_activations4"], cams[f"{place}_gradients4"]
    count = len(expected[0])
    layer = LAYERS[place] or f"blocks.{len(golden.classifiers['vit'].module.blocks) - 1}.norm1"
    module = golden.classifiers[place.partition("_")[0]].module
    found = features(module, layer, golden.images[:count], golden.labels[:count])
    for ours, theirs in zip(found, expected, strict=True):
        assert np.abs(ours.numpy() - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_gradcam_gives_the_raw_maps_of_captum(golden: GoldenSet, attributions: Arrays) -> None:
    expected = attributions["captum_layergradcam_raw"]
    raw = _gradcam(golden, "cnn_block", golden.labels[: len(expected)])
    assert np.abs(raw.numpy() - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_integrated_gradients_give_the_maps_and_gaps_of_captum(
    golden: GoldenSet, attributions: Arrays, model: str
) -> None:
    checked = 0
    for rule, steps, kind, expected in _integrated(attributions, model):
        count = len(expected)
        images, targets = golden.images[:count], golden.labels[:count]
        maps = per_channel(golden.classifiers[model], images, targets, steps=steps, rule=RULES[rule])
        # captum divides its trapezoids by the number of points, so that the weights do not sum to 1.
        total = (steps - 1) / steps if rule == "riemann_trapezoid" else 1.0
        change = maps.double().sum(dim=(1, 2, 3)) - completeness_gap(
            golden.classifiers[model], images, targets, maps.sum(dim=1)
        )
        ours = {
            "": maps * total,
            "_sum": maps.double().sum(dim=(1, 2, 3)) * total,
            "_delta": maps.double().sum(dim=(1, 2, 3)) * total - change,
        }[kind]
        scale = 1.0 if kind == "_delta" else np.abs(expected).max()
        assert np.abs(ours.numpy() - expected).max() <= 1e-3 * scale, (rule, kind)
        checked += 1
    assert checked, "the set has no integrated gradients"


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_the_map_of_integrated_gradients_is_the_sum_over_channels(
    golden: GoldenSet, attributions: Arrays, model: str
) -> None:
    expected = attributions[f"{model}_ig_gausslegendre25"].sum(axis=1)
    count = len(expected)
    maps = attribute("integrated_gradients", golden.classifiers[model], golden.images[:count], golden.labels[:count])
    assert np.abs(maps.numpy() - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_smoothgrad_averages_signed_gradients_of_the_given_noise(
    golden: GoldenSet, attributions: Arrays, model: str
) -> None:
    expected = attributions[f"{model}_smoothgrad_range"]
    count = len(expected)
    noise = torch.from_numpy(golden.inputs["noise25_int8"]).float() / 32
    images, targets = golden.images[:count], golden.labels[:count]
    gradients = mean_gradients(golden.classifiers[model], images, targets, draw=lambda _: noise, noise=0.15)
    assert np.abs(gradients.numpy() - expected).max() <= 1e-3 * np.abs(expected).max()


def _gradcam(golden: GoldenSet, place: str, targets: Tensor) -> Tensor:
    classifier = golden.classifiers[place.partition("_")[0]]
    settings = {"layer": LAYERS[place]}
    return attribute("gradcam", classifier, golden.images[: len(targets)], targets, settings=settings)


def _integrated(arrays: Arrays, model: str) -> Iterator[tuple[str, int, str, np.ndarray]]:
    for key, expected in arrays.items():
        found = re.fullmatch(rf"{model}_ig_([a-z_]+?)(\d+)(_delta|_sum|)", key)
        if found:
            yield found[1], int(found[2]), found[3], expected
