"""Relevance against the numbers of Relevance-CAM's layer rules and of zennit (see the set's README)."""

import re

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from torch import Tensor

from study.explain import attribute, relevance_rules
from study.explain.lrp import contrast
from study.explain.relevance import Relevance, propagate
from study.explain.relevance_cam import weighted

pytestmark = pytest.mark.shared

STARTS = {"onehot": lambda _: 0.0, "clrp": contrast(balanced=False)}
LAYERS = ("block", "stage2")


@pytest.fixture(scope="module")
def expected(golden: GoldenSet) -> Arrays:
    return golden.arrays("lrp_relevancecam")


def assert_close(ours: Tensor, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours.numpy() - theirs).max() <= 1e-4 * np.abs(theirs).max()


def propagated(golden: GoldenSet, targets: Tensor, start: str, layer: str | None) -> Relevance:
    images = golden.images[: len(targets)]
    return propagate(golden.classifiers["cnn"].module, layer, images, targets, others=STARTS[start])


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("classes", ["target", "other"])
def test_weights_maps_and_sums_are_those_of_relevance_cam(
    golden: GoldenSet, expected: Arrays, start: str, layer: str, classes: str
) -> None:
    key = f"rcam_{start}_{classes}_{layer}"
    targets = targets_of(golden, classes)[: len(expected[f"{key}_weights"])]
    found = propagated(golden, targets, start, layer)
    assert_close(found.relevance.sum(dim=(1, 2, 3)), expected[f"{key}_relevance_sum"])
    assert_close(found.relevance.mean(dim=(2, 3)), expected[f"{key}_weights"])
    assert_close(weighted(found), expected[f"{key}_map_raw"])


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("classes", ["target", "other"])
def test_the_method_gives_the_maps_of_the_contrastive_start(
    golden: GoldenSet, expected: Arrays, layer: str, classes: str
) -> None:
    theirs = expected[f"rcam_clrp_{classes}_{layer}_map_raw"]
    count = len(theirs)
    targets = targets_of(golden, classes)[:count]
    classifier, images = golden.classifiers["cnn"], golden.images[:count]
    assert_close(attribute("relevance_cam", classifier, images, targets, settings={"layer": layer}), theirs)


@pytest.mark.parametrize("rules", ["lrp_rcamrules", "zennit_zplus_nobias"])
@pytest.mark.parametrize("layer", LAYERS)
def test_relevance_of_a_layer_is_that_of_both_programs(
    golden: GoldenSet, expected: Arrays, rules: str, layer: str
) -> None:
    theirs = expected[f"{rules}_{layer}_relevance"]
    targets = golden.labels[: len(theirs)]
    assert_close(propagated(golden, targets, "onehot", layer).relevance, theirs)
    images, settings = golden.images[: len(theirs)], {"layer": layer}
    ours = attribute("lrp_zplus", golden.classifiers["cnn"], images, targets, settings=settings)
    assert_close(ours, theirs.sum(axis=1))


@pytest.mark.parametrize(("method", "start"), [("lrp_zplus", "onehot"), ("clrp", "clrp")])
def test_relevance_of_pixels_has_the_bounds_of_each_image(
    golden: GoldenSet, expected: Arrays, method: str, start: str
) -> None:
    theirs = expected[f"lrp_rcamrules_{start}_input"]
    targets = golden.labels[: len(theirs)]
    assert_close(propagated(golden, targets, start, None).relevance, theirs)
    images = golden.images[: len(theirs)]
    assert_close(attribute(method, golden.classifiers["cnn"], images, targets), theirs.sum(axis=1))


def test_without_bounds_the_pixels_have_the_relevance_of_zennit(
    golden: GoldenSet, expected: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relevance_rules, "_are_pixels", lambda _: False)
    theirs = expected["zennit_zplus_nobias_input"]
    assert_close(propagated(golden, golden.labels[: len(theirs)], "onehot", None).relevance, theirs)


def test_every_array_of_the_set_is_compared_or_known_to_keep_the_bias(expected: Arrays) -> None:
    compared = r"rcam_.*|lrp_rcamrules_.*|zennit_zplus_nobias_.*"
    assert {key for key in expected if not re.fullmatch(compared, key)} == {
        "zennit_zplus_input",
        "zennit_zplus_stage2_relevance",
        "zennit_zplus_block_relevance",
    }


def targets_of(golden: GoldenSet, classes: str) -> Tensor:
    return golden.labels if classes == "target" else torch.from_numpy(golden.arrays("cams")["target_other"])
