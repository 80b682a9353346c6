"""What the official programs store beside their results: curves, unions of boxes, raw changes, accuracies."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_set import GoldenSet
from torch import Tensor

from study.measure import mask, perturb
from study.measure.adcc import complexity
from study.measure.ehr import _quantiles, _ratios, effective_heat_ratio
from study.measure.energy_pg import energy_share
from study.measure.regions import box_masks

pytestmark = pytest.mark.shared

SIZE = slice(-2, None)


def regions(golden: GoldenSet) -> list[Tensor]:
    """The images' own boxes, then each of the further ones for all images."""
    size = tuple(golden.images.shape[SIZE])
    extra = torch.from_numpy(golden.inputs["extra_boxes"])
    count = len(golden.images)
    return [box_masks(golden.boxes, size), *(box_masks((box[None],) * count, size) for box in extra)]


def thresholds(names: list[str], kind: str) -> list[str]:
    return sorted({name.split("_bt")[1].split("_")[0] for name in names if name.endswith(kind)})


@pytest.mark.parametrize("kind", ["heat", "count"])
def test_ratios_behind_ehr_and_ehr_of_two_boxes(golden: GoldenSet, kind: str) -> None:
    stored = golden.arrays("ehr")
    quantiles = torch.from_numpy(stored["quantiles"]).double()
    own, first = regions(golden)[0], regions(golden)[2]
    for threshold in thresholds(list(stored), kind):
        base = float(threshold)
        union = effective_heat_ratio(golden.heatmaps, own | first, base_threshold=base, count=kind == "count")
        np.testing.assert_allclose(union, stored[f"auc_union_bt{threshold}_{kind}"], atol=1e-6)
        for column, region in enumerate(regions(golden)):
            for image, (heat, marked) in enumerate(zip(golden.heatmaps.double(), region, strict=True)):
                ours = _ratios(heat.flatten(), marked.flatten(), base, quantiles, kind == "count")
                expected = stored[f"curve_bt{threshold}_{kind}"][image, column]
                np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_quantiles_are_those_of_numpy(golden: GoldenSet) -> None:
    places = torch.from_numpy(golden.arrays("ehr")["quantiles"]).double()
    values = golden.heatmaps[0].double().flatten()
    np.testing.assert_allclose(_quantiles(values, places), np.quantile(values.numpy(), places.numpy()), atol=1e-12)


def test_energy_share_is_the_positive_localisation_of_quantus(golden: GoldenSet) -> None:
    stored = golden.arrays("energypg")
    for column, region in enumerate(regions(golden)):
        ours = energy_share(golden.heatmaps, region)
        np.testing.assert_allclose(ours, stored["quantus_attrloc"][:, column], atol=1e-6)
    edges = torch.from_numpy(golden.inputs["edge_maps"])
    usable = (edges >= 0).flatten(1).all(dim=1) & (edges > 0).flatten(1).any(dim=1)
    for column, box in enumerate(torch.from_numpy(golden.inputs["extra_boxes"])):
        region = box_masks((box[None],) * len(edges), tuple(edges.shape[SIZE]))
        ours = energy_share(edges, region)[usable]
        for name in ("edge_quantus_attrloc", "edge_quantus_mass"):
            np.testing.assert_allclose(ours, stored[name][usable.numpy(), column], atol=1e-6)


@pytest.mark.parametrize("model", ["cnn", "vit"])
@pytest.mark.parametrize("kind", ["heatmap", "gradcam"])
@pytest.mark.parametrize("scale", ["softmax", "logit"])
def test_changes_of_confidence_on_both_scales(golden: GoldenSet, model: str, kind: str, scale: str) -> None:
    stored = golden.arrays("confidence")
    change = stored[f"{model}_{kind}_pgc_change_{scale}"]
    batch = golden.batch(model, golden.heatmaps[: len(change)])
    if kind == "gradcam":
        batch = replace(batch, attributions=batch.explain(batch.images, batch.targets))
    if scale == "logit":
        batch = replace(batch, predict=lambda images: golden.classifiers[model].module(images).detach().double())
    told = mask(batch)
    ours = told.p_masked - told.p_original
    np.testing.assert_allclose(ours, change, atol=1e-4 if scale == "logit" else 1e-5)
    np.testing.assert_allclose((-ours).clamp(min=0), stored[f"{model}_{kind}_pgc_drop_{scale}"], atol=1e-4)
    sure = np.abs(change) > 1e-4
    assert (ours > 0).numpy()[sure].tolist() == (stored[f"{model}_{kind}_pgc_increase_{scale}"] > 0)[sure].tolist()


def test_complexity_of_the_heatmaps(golden: GoldenSet) -> None:
    stored = golden.arrays("confidence")["pgc_complexity_heatmaps"]
    batch = golden.batch("cnn", golden.heatmaps)
    np.testing.assert_allclose(golden.heatmaps.abs().double().mean(dim=(1, 2)), stored, atol=1e-5)
    assert complexity(batch).isfinite().all()


def test_accuracy_after_road_on_grey_films_is_that_of_quantus(golden: GoldenSet) -> None:
    stored = golden.arrays("road")
    count, classes = len(stored["quantus_gray_target"]), golden.inputs["cnn_logits"].shape[1]
    batch = golden.batch("cnn", golden.heatmaps[:count])
    grey = batch.images.mean(dim=1, keepdim=True).expand_as(batch.images).contiguous()
    steps = len(stored["quantus_gray_road_accuracy"]) + 1
    curves = [
        perturb(
            replace(batch, images=grey, targets=torch.full((count,), label)), baseline="road", steps=steps
        ).deletion_morf
        for label in range(classes)
    ]
    right = torch.stack(curves).argmax(dim=0) == torch.from_numpy(stored["quantus_gray_target"]).long()[:, None]
    np.testing.assert_allclose(right.double().mean(dim=0)[1:], stored["quantus_gray_road_accuracy"], atol=1e-6)
