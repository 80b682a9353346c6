"""Plain gradients against captum, the information bottleneck against its authors' code (see the set's README)."""

import math

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from numpy.typing import NDArray
from torch import Tensor

from study.explain import attribute, pack, unpack
from study.explain.iba import Bottleneck, Statistics, bottleneck, feature_statistics, information
from study.explain.integrated_gradients import completeness_gap
from study.explain.maps import to_input_size
from study.explain.saliency import input_times_gradient, pixel_gradients

pytestmark = pytest.mark.shared

LAYER, BETA = "stage2", 10.0


@pytest.fixture(scope="module")
def attributions(golden: GoldenSet) -> Arrays:
    return golden.arrays("attributions")


@pytest.fixture(scope="module")
def iba(golden: GoldenSet) -> Arrays:
    return golden.arrays("iba")


@pytest.fixture(scope="module")
def passed(golden: GoldenSet, iba: Arrays) -> Bottleneck:
    noise = torch.from_numpy(iba["noise_steps_batch_int8"]).float() / 32
    count, steps = iba["loss_trace"].shape
    return bottleneck(
        golden.classifiers["cnn"].module,
        LAYER,
        golden.images[:count],
        golden.labels[:count],
        statistics=stored_statistics(golden, iba),
        noise=lambda step: noise[step][None],
        beta=BETA,
        steps=steps,
    )


def stored_statistics(golden: GoldenSet, iba: Arrays) -> Statistics:
    stored = (torch.from_numpy(iba[key]) for key in ("feature_mean", "feature_std", "active_neurons"))
    return Statistics(*stored, len(golden.images))


def assert_close(ours: Tensor, theirs: NDArray[np.float32]) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours.numpy() - theirs).max() <= 1e-3 * np.abs(theirs).max()


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_saliency_is_the_signed_gradient_of_captum_before_channels_are_summed(
    golden: GoldenSet, attributions: Arrays, model: str
) -> None:
    expected = attributions[f"{model}_saliency_signed"]
    images, targets = golden.images[: len(expected)], golden.labels[: len(expected)]
    assert_close(pixel_gradients(golden.classifiers[model].module, images, targets), expected)
    assert_close(attribute("saliency", golden.classifiers[model], images, targets), np.abs(expected.sum(axis=1)))


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_input_times_gradient_is_that_of_captum_before_channels_are_summed(
    golden: GoldenSet, attributions: Arrays, model: str
) -> None:
    expected = attributions[f"{model}_inputxgrad"]
    images, targets = golden.images[: len(expected)], golden.labels[: len(expected)]
    assert_close(input_times_gradient(golden.classifiers[model].module, images, targets), expected)
    assert_close(attribute("input_x_gradient", golden.classifiers[model], images, targets), expected.sum(axis=1))


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_the_completeness_gap_survives_storage_in_half_precision(golden: GoldenSet, model: str) -> None:
    classifier = golden.classifiers[model]
    images, targets = golden.images[:3], golden.labels[:3]
    maps = attribute("integrated_gradients", classifier, images, targets)
    stored = unpack(*pack(maps))
    assert not torch.equal(stored, maps)
    gaps = [completeness_gap(classifier, images, targets, each) for each in (maps, stored)]
    assert ((gaps[0] - gaps[1]).abs() <= 5e-4 * maps.abs().sum(dim=(1, 2))).all()


def test_statistics_of_the_layer_are_those_of_the_stored_images(golden: GoldenSet, iba: Arrays) -> None:
    expected = stored_statistics(golden, iba)
    pieces = golden.images.split(max(1, len(golden.images) // 3))
    shape = golden.images.shape[1:]
    found = feature_statistics(golden.classifiers["cnn"], LAYER, lambda: iter(pieces), shape)
    assert found.n == len(golden.images)
    assert_close(found.mean, expected.mean.numpy())
    assert_close(found.sd, expected.sd.numpy())
    assert torch.equal(found.active, expected.active)


def test_information_per_element_is_the_formula_of_the_authors(golden: GoldenSet, iba: Arrays) -> None:
    mean, sd, *_ = stored_statistics(golden, iba)
    kept, features = torch.from_numpy(iba["kl_lambda"]), torch.from_numpy(iba["kl_r"])
    nats = information(kept, 1 - kept, (features - mean) / sd.clamp(min=0.01))
    np.testing.assert_allclose(nats, iba["kl_value_nats"], rtol=1e-3, atol=1e-6)


def test_the_bottleneck_passes_as_many_nats_as_that_of_the_authors(passed: Bottleneck, iba: Arrays) -> None:
    assert_close(passed.capacity, iba["capacity_nats"])


def test_the_loss_falls_as_that_of_the_authors(passed: Bottleneck, iba: Arrays) -> None:
    np.testing.assert_allclose(passed.losses, iba["loss_trace"], rtol=1e-3)


def test_the_map_in_bits_is_that_of_the_authors_away_from_the_border(
    golden: GoldenSet, iba: Arrays, passed: Bottleneck
) -> None:
    expected = iba["saliency_bits"]
    (h, w), (height, width) = passed.capacity.shape[-2:], expected.shape[-2:]
    bits = to_input_size("iba", passed.capacity.sum(dim=1) / math.log(2), (height, width)) * (h * w) / (height * width)
    # scikit-image mirrors at the border; half a cell inside both interpolate between the same places.
    y, x = height // h, width // w
    inside = np.s_[:, y : height - y, x : width - x]
    assert np.abs(bits.numpy()[inside] - expected[inside]).max() <= 1e-3 * expected.max()


def test_the_method_draws_its_own_noise_and_gives_much_the_same_map(
    golden: GoldenSet, iba: Arrays, passed: Bottleneck
) -> None:
    count = len(iba["loss_trace"])
    images, targets, seeds = golden.images[:count], golden.labels[:count], range(count)
    maps = attribute(
        "iba",
        golden.classifiers["cnn"],
        images,
        targets,
        settings={"layer": LAYER},
        seeds=seeds,
        references=lambda: iter([golden.images]),
    )
    expected = passed.capacity.sum(dim=1) / math.log(2)
    for ours, theirs in zip(maps, expected, strict=True):
        assert torch.corrcoef(torch.stack((ours.flatten(), theirs.flatten())))[0, 1] > 0.9
    torch.testing.assert_close(maps.sum(), expected.sum(), rtol=0.2, atol=0)
