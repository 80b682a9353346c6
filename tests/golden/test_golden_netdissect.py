"""Network dissection against the numbers of the official implementation."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from golden_set import Arrays, GoldenSet
from torch import Tensor

from study.measure.dissection import dissect
from study.measure.units import top_quantiles


@pytest.fixture(scope="module")
def probe(golden: GoldenSet) -> Arrays:
    if not (golden.folder / "netdissect.npz").is_file():
        pytest.skip(f"{golden.folder} has no netdissect.npz")
    return golden.arrays("netdissect")


def chunks(probe: Arrays) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(torch.from_numpy(probe["features"]).split(7))


def test_the_threshold_is_the_exact_quantile(probe: Arrays) -> None:
    found = top_quantiles(chunks(probe)(), n_images=len(probe["features"]), quantile=0.005)
    np.testing.assert_allclose(found, probe["exact_quantile_0995"], rtol=1e-6, atol=1e-6)


def test_labels_and_ious_are_the_official_ones_at_the_official_thresholds(probe: Arrays) -> None:
    categories = probe["label_category"][1:].tolist()  # the first is that of the label 0, none
    names = [f"concept {k + 1}" for k in range(len(categories))]
    found = dissect(
        chunks(probe),
        probe["label_maps"],
        names,
        categories={name: str(category) for name, category in zip(names, categories, strict=True)},
        thresholds=torch.from_numpy(probe["official_threshold"]),
    )
    np.testing.assert_allclose(found.iou, probe["unit_best_iou"], atol=1e-3)
    assert (found.concepts + 1).tolist() == probe["unit_best_label"].tolist()
    assert found.n_detectors == probe["n_detectors_iou_gt_004"]
    assert found.n_unique == probe["n_unique_detectors_iou_gt_004"]
