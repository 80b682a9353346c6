"""Metrics against the numbers of the programs that introduced them (see the set's README)."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from torch import Tensor

from study.measure import mask, perturb, scaled, score
from study.measure.adcc import correlation, harmonic_mean
from study.measure.baselines import blank, blur_kernel
from study.measure.confidence import average_drop, average_increase
from study.measure.ehr import effective_heat_ratio
from study.measure.energy_pg import energy_share
from study.measure.engine import area, insertion_curve
from study.measure.regions import box_masks
from study.records import Masked

pytestmark = pytest.mark.shared

COLUMNS = ("average_drop", "coherency", "complexity", "adcc")


@pytest.fixture(scope="module")
def ehr_values(golden: GoldenSet) -> Arrays:
    return golden.arrays("ehr")


@pytest.fixture(scope="module")
def games(golden: GoldenSet) -> Arrays:
    return golden.arrays("insertion_deletion")


@pytest.fixture(scope="module")
def confidence(golden: GoldenSet) -> Arrays:
    return golden.arrays("confidence")


# ------------------------------------------------------------------------------ boxes


@pytest.mark.parametrize("kind", ["heat", "count"])
def test_ehr_of_every_box(golden: GoldenSet, ehr_values: Arrays, kind: str) -> None:
    for threshold in _thresholds(ehr_values):
        expected = ehr_values[f"auc_bt{threshold}_{kind}"]
        for column, region in enumerate(_regions(golden)):
            ours = effective_heat_ratio(golden.heatmaps, region, base_threshold=float(threshold), count=kind == "count")
            np.testing.assert_allclose(ours, expected[:, column], atol=1e-6)


@pytest.mark.parametrize(("metric", "kind"), [("ehr", "heat"), ("ehr_count", "count")])
def test_the_registered_ehr_is_that_with_base_threshold_one_tenth(
    golden: GoldenSet, ehr_values: Arrays, metric: str, kind: str
) -> None:
    values = score(metric, golden.batch("cnn", golden.heatmaps)).values
    np.testing.assert_allclose(values, ehr_values[f"auc_bt0.1_{kind}"][:, 0], atol=1e-6)


@pytest.mark.parametrize(("metric", "kind"), [("ehr", "heat"), ("ehr_count", "count")])
def test_ehr_of_two_boxes_is_that_of_their_union(golden: GoldenSet, ehr_values: Arrays, metric: str, kind: str) -> None:
    extra = torch.from_numpy(golden.inputs["extra_boxes"])[1:2]
    batch = replace(golden.batch("cnn", golden.heatmaps), boxes=tuple(torch.cat((own, extra)) for own in golden.boxes))
    np.testing.assert_allclose(score(metric, batch).values, ehr_values[f"auc_union_bt0.1_{kind}"], atol=1e-6)


@pytest.mark.parametrize("kind", ["heat", "count"])
def test_ehr_of_maps_that_were_cast_to_eight_bit(golden: GoldenSet, ehr_values: Arrays, kind: str) -> None:
    coarse = (golden.heatmaps * 255).to(torch.uint8).double() / 255
    for threshold in _thresholds(ehr_values):
        ours = effective_heat_ratio(coarse, _regions(golden)[0], base_threshold=float(threshold), count=kind == "count")
        np.testing.assert_allclose(ours, ehr_values[f"auc_uint8_bt{threshold}_{kind}"], atol=1e-6)


@pytest.mark.parametrize("kind", ["heat", "count"])
def test_ehr_of_edge_maps_is_nan_where_the_reference_raises(golden: GoldenSet, ehr_values: Arrays, kind: str) -> None:
    maps = _edge_maps(golden)
    # The reference takes maps with values above 1 for 8-bit images.
    maps = torch.where((maps.amax(dim=(1, 2)) > 1)[:, None, None], maps / 255, maps)
    for threshold in _thresholds(ehr_values):
        expected = ehr_values[f"edge_auc_bt{threshold}_{kind}"]
        for column, box in enumerate(golden.inputs["extra_boxes"]):
            region = _region(box, maps)
            ours = effective_heat_ratio(maps, region, base_threshold=float(threshold), count=kind == "count")
            np.testing.assert_allclose(ours, expected[:, column], atol=1e-6)


def test_energy_share_of_every_box_and_edge_map(golden: GoldenSet) -> None:
    stored = golden.arrays("energypg")
    for column, region in enumerate(_regions(golden)):
        expected = np.where(region.flatten(1).any(dim=1), stored["modelguidance"][:, column], np.nan)
        np.testing.assert_allclose(energy_share(golden.heatmaps, region), expected, atol=1e-6)
    maps = _edge_maps(golden)
    for column, box in enumerate(golden.inputs["extra_boxes"]):
        region = _region(box, maps)
        # Nothing to share out, and nothing marked: the reference says 0, this package NaN.
        undefined = (maps.clamp(min=0).sum(dim=(1, 2)) == 0) | ~region.flatten(1).any(dim=1)
        expected = np.where(undefined, np.nan, stored["edge_modelguidance"][:, column])
        np.testing.assert_allclose(energy_share(maps, region), expected, atol=1e-6)


def test_energy_pg_agrees_with_quantus_on_maps_without_negative_values(golden: GoldenSet) -> None:
    values = score("energy_pg", golden.batch("cnn", golden.heatmaps)).values
    np.testing.assert_allclose(values, golden.arrays("energypg")["quantus_mass"][:, 0], atol=1e-6)


# ----------------------------------------------------------------- insertion and deletion


def test_the_blur_is_that_of_rise(golden: GoldenSet, games: Arrays) -> None:
    np.testing.assert_allclose(blur_kernel(), games["blur_kernel"], atol=1e-7)
    expected = games["blurred_images_first4"]
    np.testing.assert_allclose(blank(golden.images[: len(expected)], "blur"), expected, atol=2e-6)


@pytest.mark.parametrize("model", ["cnn", "vit"])
@pytest.mark.parametrize("baseline", ["zero", "mean", "blur"])
def test_curves_and_areas_are_those_of_rise(golden: GoldenSet, games: Arrays, model: str, baseline: str) -> None:
    batch = golden.batch(model, golden.heatmaps)
    sizes = {int(found[1]) for key in games if (found := re.search(r"_step(\d+)_", key))}
    assert len(sizes) >= 2
    for size in sorted(sizes):
        curves = perturb(batch, baseline=baseline, step_pixels=size)
        ours = {
            "del_{}_step{}_morf": curves.deletion_morf,
            "del_{}_step{}_lerf": curves.deletion_lerf,
            "ins_{}_step{}_morf": insertion_curve(batch, curves, "morf"),
            "ins_{}_step{}_lerf": insertion_curve(batch, curves, "lerf"),
        }
        for pattern, curve in ours.items():
            name = f"{model}_{pattern.format(baseline, size)}"
            np.testing.assert_allclose(curve, games[f"curve_{name}"], atol=2e-6, err_msg=name)
            np.testing.assert_allclose(area(curve), games[f"auc_{name}"], atol=1e-6, err_msg=name)


def test_registered_metrics_give_the_areas_of_rise(golden: GoldenSet, games: Arrays) -> None:
    batch = golden.batch("vit", golden.heatmaps)
    pixels = golden.heatmaps[0].numel()
    size = next(int(f[1]) for key in games if (f := re.search(r"_step(\d+)_", key)) and pixels % int(f[1]) == 0)
    for metric, name in {
        "deletion": "del_zero_step{}_morf",
        "deletion_lerf": "del_zero_step{}_lerf",
        "insertion": "ins_zero_step{}_morf",
        "insertion_lerf": "ins_zero_step{}_lerf",
    }.items():
        values = score(metric, batch, {"steps": pixels // size}).values
        np.testing.assert_allclose(values, games[f"auc_vit_{name.format(size)}"], atol=2e-6, err_msg=metric)


# ----------------------------------------------------------------------- image * map


@pytest.mark.parametrize("model", ["cnn", "vit"])
@pytest.mark.parametrize("kind", ["heatmap", "gradcam"])
def test_drop_coherency_complexity_and_adcc(golden: GoldenSet, confidence: Arrays, model: str, kind: str) -> None:
    expected = confidence[f"{model}_{kind}_drop_coherency_complexity_adcc"]
    batch = golden.batch(model, golden.heatmaps[: len(expected)])
    if kind == "gradcam":
        batch = replace(batch, attributions=batch.explain(batch.images, batch.targets))
    batch = replace(batch, masked=mask(batch))
    for column, name in enumerate(COLUMNS):
        tolerance = 1e-4 if name in ("coherency", "adcc") else 1e-5
        values = score(name, batch).values
        np.testing.assert_allclose(values, expected[:, column], atol=tolerance, err_msg=name)
    np.testing.assert_allclose(batch.masked.p_masked, confidence[f"{model}_{kind}_prob_masked"], atol=1e-5)
    absolute = average_drop(batch) * batch.masked.p_original
    np.testing.assert_allclose(absolute, confidence[f"{model}_{kind}_pgc_drop_softmax"], atol=1e-5)
    assert average_increase(batch).tolist() == confidence[f"{model}_{kind}_pgc_increase_softmax"].tolist()


def test_fake_cam_fools_the_drop_but_not_adcc(golden: GoldenSet, confidence: Arrays) -> None:
    expected = confidence["fakecam_cnn_drop_coherency_complexity_adcc"]
    batch = golden.batch("cnn", golden.heatmaps[: len(expected)], method="control_fakecam")
    batch = replace(batch, attributions=batch.explain(batch.images, batch.targets))
    for column, name in enumerate(COLUMNS):
        np.testing.assert_allclose(score(name, batch).values, expected[:, column], atol=1e-5, err_msg=name)


def test_the_formulas_on_edge_maps(golden: GoldenSet, confidence: Arrays) -> None:
    """The reference does not scale the maps it is given, so its numbers test the formulas behind the metrics."""
    maps = _edge_maps(golden)
    expected = confidence["edge_cnn_image0"]
    batch = golden.batch("cnn", golden.heatmaps[:1])
    image, target = batch.images, batch.targets
    masked = image * maps[:, None]
    targets = target.expand(len(maps))
    told = Masked(
        p_original=batch.predict(image)[:, target[0]].expand(len(maps)),
        p_masked=batch.predict(masked)[:, target[0]],
        attributions=scaled(batch.explain(masked, targets)),
    )
    drop = average_drop(replace(batch, masked=told))
    coherency = (1 + correlation(maps, told.attributions)) / 2
    complexity = maps.abs().double().mean(dim=(1, 2))
    ours = (drop, coherency, complexity, harmonic_mean(coherency, 1 - complexity, 1 - drop))
    for column, values in enumerate(ours):
        np.testing.assert_allclose(values, expected[:, column], atol=1e-4, err_msg=COLUMNS[column])


def _thresholds(arrays: Arrays) -> list[str]:
    return sorted({found[1] for key in arrays if (found := re.fullmatch(r"auc_bt([\d.]+)_heat", key))})


def _regions(golden: GoldenSet) -> list[Tensor]:
    """Own boxes, then each extra box on every image: [B, H, W] each."""
    own = box_masks(golden.boxes, (golden.heatmaps.shape[-2], golden.heatmaps.shape[-1]))
    return [own, *(_region(box, golden.heatmaps) for box in golden.inputs["extra_boxes"])]


def _region(box: np.ndarray, maps: Tensor) -> Tensor:
    return box_masks([torch.from_numpy(box)[None]], (maps.shape[-2], maps.shape[-1])).expand(maps.shape)


def _edge_maps(golden: GoldenSet) -> Tensor:
    return torch.from_numpy(golden.inputs["edge_maps"])
