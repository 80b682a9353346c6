"""ROAD and tile curves against pytorch-grad-cam and Quantus (see the set's README)."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from torch import Tensor

from study.measure import perturb, score
from study.measure.imputation import impute
from study.records import Curves, ExplainedBatch

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def road_values(golden: GoldenSet) -> Arrays:
    return golden.arrays("road")


@pytest.fixture(scope="module")
def quantus(golden: GoldenSet) -> Arrays:
    return golden.arrays("robustness_and_quantus")


def test_imputed_images_are_those_of_the_sparse_solver(golden: GoldenSet, road_values: Arrays) -> None:
    masks, expected = road_values["imputed_masks"], road_values["imputed_images"]
    per_image = len(masks) // 2
    images = golden.images[:2].repeat_interleave(per_image, dim=0)
    missing = torch.from_numpy(masks) == 0
    np.testing.assert_allclose(impute(images, missing), expected, atol=1e-4)
    assert (impute(images, missing) == images)[~missing[:, None].expand_as(images)].all()


@pytest.mark.parametrize("model", ["cnn", "vit"])
@pytest.mark.parametrize("answer", ["softmax", "logit"])
def test_road_at_every_percentile_and_combined(golden: GoldenSet, road_values: Arrays, model: str, answer: str) -> None:
    percentiles = road_values["percentiles"]
    steps = round(100 / percentiles[0])
    # Percentile p removes the pixels at or above it: large p are the early steps.
    assert [100 - round(100 * k / steps) for k in range(1, steps)] == percentiles[::-1].tolist()
    count = len(road_values[f"{model}_{answer}_combined"])
    curves = perturb(_batch(golden, model, answer, count), baseline="road", steps=steps)
    for order, curve in (("morf", curves.deletion_morf), ("lerf", curves.deletion_lerf)):
        changes = (curve[:, 1:] - curve[:, :1]).flip(1)
        expected = road_values[f"{model}_{answer}_{order}_change_by_percentile"]
        np.testing.assert_allclose(changes, expected, atol=1e-4, err_msg=order)
        assert curve.shape[1] == len(percentiles) + 1


@pytest.mark.parametrize("model", ["cnn", "vit"])
def test_registered_road_is_the_combined_score(golden: GoldenSet, road_values: Arrays, model: str) -> None:
    expected = {
        "road": road_values[f"{model}_softmax_combined"],
        "road_morf": road_values[f"{model}_softmax_morf_change_by_percentile"].mean(axis=1),
        "road_lerf": road_values[f"{model}_softmax_lerf_change_by_percentile"].mean(axis=1),
    }
    batch = golden.batch(model, golden.heatmaps[: len(expected["road"])])
    batch = replace(batch, curves=(perturb(batch, baseline="road"),))
    for name, values in expected.items():
        np.testing.assert_allclose(score(name, batch).values, values, atol=1e-4, err_msg=name)


def test_tiles_removed_one_by_one_give_the_selectivity_curve_of_quantus(golden: GoldenSet, quantus: Arrays) -> None:
    curves, tile, expected = _tile_curves(golden, quantus)
    np.testing.assert_allclose(curves.deletion_morf[:, 1:], expected, atol=1e-5)
    # Its curve has no unperturbed image; ours is the area with both ends.
    batch = replace(golden.batch("cnn", golden.heatmaps[: len(expected)]), curves=(curves,))
    whole = np.concatenate((curves.deletion_morf[:, :1].numpy(), expected), axis=1)
    values = score("selectivity", batch, {"tile": tile, "steps": None}).values
    np.testing.assert_allclose(values, np.trapezoid(whole, axis=1) / expected.shape[1], atol=1e-5)
    drops = (whole[:, :1] - whole[:, 1:]).mean(axis=1)
    values = score("region_perturbation", batch, {"tile": tile, "steps": None}).values
    np.testing.assert_allclose(values, drops, atol=1e-5)


def test_least_relevant_tiles_first_give_the_drops_of_quantus(golden: GoldenSet, quantus: Arrays) -> None:
    curves, tile, _ = _tile_curves(golden, quantus)
    expected = quantus[f"quantus_regionpert{tile}_lerf_zero_drop"]
    drops = curves.deletion_lerf[:, :1] - curves.deletion_lerf[:, 1:]
    np.testing.assert_allclose(drops[:, : expected.shape[1]], expected, atol=1e-5)


def _tile_curves(golden: GoldenSet, quantus: Arrays) -> tuple[Curves, int, np.ndarray]:
    """One tile per step; the side of the tiles stands in the names."""
    name = next(key for key in quantus if re.fullmatch(r"quantus_selectivity\d+_zero_curve", key))
    tile = int("".join(filter(str.isdigit, name)))
    batch = golden.batch("cnn", golden.heatmaps[: len(quantus[name])])
    return perturb(batch, baseline="zero", tile=tile), tile, quantus[name]


def _batch(golden: GoldenSet, model: str, answer: str, count: int) -> ExplainedBatch:
    batch = golden.batch(model, golden.heatmaps[:count])
    module = golden.classifiers[model].module

    def logits(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return module(images).double()

    return replace(batch, predict=logits) if answer == "logit" else batch
