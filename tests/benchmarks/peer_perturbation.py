"""Rows whose work is to remove pixels or tiles and to ask the network again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import quantus
import torch
from numpy.typing import NDArray
from peer_cases import SIZE, Case
from peer_table import FORWARDS, OURS, Row, Way
from pytorch_grad_cam.metrics.perturbation_confidence import (
    PerturbationConfidenceMetric,
    RemoveLeastRelevantFirst,
    RemoveMostRelevantFirst,
)
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torchcam.metrics import DeletionInsertionMetric

from study.batching import rows_at_a_time
from study.measure import perturb, score

STEP = 8 * SIZE
STEPS = SIZE * SIZE // STEP
PERCENTILES = range(10, 100, 10)
TILE = 32
QUIET = {"abs": False, "normalise": False, "disable_warnings": True, "display_progressbar": False}


def insertion_deletion(case: Case, images: int, peers: int) -> Row:
    """Areas of insertion and deletion in both orders."""
    batch = case.batch(images)

    def ours() -> Tensor:
        shared = replace(batch, curves=(perturb(batch, baseline="zero", steps=STEPS),))
        return _scores(shared, ("insertion", "deletion", "insertion_lerf", "deletion_lerf"), steps=STEPS)

    def forwards() -> None:
        todo = 2 * STEPS * images
        rows = min(rows_at_a_time(batch.images), todo)
        ready = batch.images.repeat(-(-rows // images), 1, 1, 1)[:rows]
        for start in range(0, todo, rows):
            case.predict(ready[: min(rows, todo - start)])

    return Row(
        "insertion + deletion, MoRF + LeRF, 28 steps",
        (
            Way(OURS, ours, images),
            Way(FORWARDS, forwards, images),
            Way("RISE's procedure", lambda: _rise(case, peers), peers, "one run per curve, one image at a time"),
            Way(
                "torchcam",
                lambda: _torchcam(case, peers),
                peers,
                "MoRF only; LeRF by a second run on −map",
                pooled=True,
            ),
            Way(
                "Quantus",
                lambda: _quantus_flipping(case, peers),
                peers,
                "PixelFlipping: deletion; insertion by own perturb_func",
            ),
        ),
        half=True,
    )


def road(case: Case, images: int, peers: int) -> Row:
    """ROAD without noise, averaged over 10 to 90 percent removed: MoRF, LeRF and both combined."""
    batch = case.batch(images)

    def ours() -> Tensor:
        shared = replace(batch, curves=(perturb(batch, baseline="road", steps=10),))
        return _scores(shared, ("road_morf", "road_lerf", "road"), steps=10)

    return Row(
        "ROAD 10 to 90 %, MoRF + LeRF",
        (
            Way(OURS, ours, images),
            Way("pytorch-grad-cam", lambda: _gradcam_road(case, peers), peers, "noise set to 0"),
            Way("Quantus", lambda: _quantus_road(case, peers), peers, "gives accuracies only; noise set to 0"),
        ),
        atol=1e-4,
        times=10.0,
        times_who="pytorch-grad-cam",
    )


def tiles(case: Case, images: int, peers: int) -> Row:
    """Selectivity and region perturbation of tiles of 32 pixels, one per step."""
    batch = case.batch(images)
    steps = (SIZE // TILE) ** 2

    def ours() -> Tensor:
        shared = replace(batch, curves=(perturb(batch, baseline="zero", tile=TILE),))
        return _scores(shared, ("selectivity", "region_perturbation"), steps=steps, tile=TILE)

    def quantus_s() -> Tensor:
        given = arrays(case, peers)
        settings = {**QUIET, "patch_size": TILE, "perturb_baseline": 0.0}
        after = np.array(quantus.Selectivity(**settings)(**given, softmax=True))
        drops = np.array(quantus.RegionPerturbation(regions_evaluation=steps, **settings)(**given, softmax=True))
        before = (after + drops).mean(axis=1, keepdims=True)
        areas = _area(np.concatenate([before, after], axis=1))
        return torch.from_numpy(np.stack([areas, drops.mean(axis=1)], axis=1))

    return Row(
        "selectivity + region perturbation, 49 tiles",
        (Way(OURS, ours, images, "LeRF curve too"), Way("Quantus", quantus_s, peers, "MoRF only")),
    )


def _scores(batch: Any, names: tuple[str, ...], **settings: Any) -> Tensor:
    return torch.stack([score(name, batch, settings).values for name in names], dim=1)


def _area(curve: NDArray[Any]) -> NDArray[Any]:
    """[n, k + 1] -> [n]; Quantus' own helper calls a function that NumPy 2.4 has no more."""
    return (curve.sum(axis=1) - (curve[:, 0] + curve[:, -1]) / 2) / (curve.shape[1] - 1)


def _rise(case: Case, count: int) -> Tensor:
    """`CausalMetric.single_run` of RISE's evaluation.py, four times, with the zero image at the other end."""
    rows = []
    for index in range(count):
        image, target = case.images[index : index + 1], int(case.targets[index])
        order = np.flip(np.argsort(case.maps[index].flatten().numpy()))
        blank = torch.zeros_like(image)
        runs = [(blank, image, order), (image, blank, order), (blank, image, order[::-1]), (image, blank, order[::-1])]
        curves = [_single_run(case, *run, target) for run in runs]
        rows.append([_area(np.array([curve]))[0] for curve in curves])
    return torch.tensor(rows)


def _single_run(case: Case, start: Tensor, finish: Tensor, order: NDArray[Any], target: int) -> list[float]:
    current, end = start.clone(), finish.numpy().reshape(1, 1, -1)
    found = []
    for step in range(STEPS + 1):
        found.append(float(case.answer(current)[0, target]))
        pixels = order[step * STEP : (step + 1) * STEP]
        current.numpy().reshape(1, 1, -1)[0, :, pixels] = end[0, :, pixels]
    return found


class Given:
    """Stands in for torchcam's extractor: maps that were made before."""

    def __init__(self, model: nn.Module, maps: Tensor) -> None:
        self.model, self.maps = model, maps

    def __call__(self, *_: Any, **__: Any) -> list[Tensor]:
        return [self.maps]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    @contextmanager
    def _hooks_off(self) -> Iterator[None]:
        yield


def _torchcam(case: Case, count: int) -> Tensor:
    means = []
    for sign in (1, -1):
        metric: Any = DeletionInsertionMetric(Given(case.scorer, sign * case.maps[:count]), steps=STEPS)
        metric.update(case.images[:count], case.targets[:count].tolist())
        means += [metric.summary()["insertion_auc"], metric.summary()["deletion_auc"]]
    return torch.tensor(means)


def arrays(case: Case, count: int, sign: int = 1) -> dict[str, Any]:
    """What a metric of Quantus is called with; the model ends in a softmax."""
    return {
        "model": case.scorer,
        "x_batch": case.images[:count].numpy(),
        "y_batch": case.targets[:count].numpy(),
        "a_batch": sign * case.maps[:count, None].numpy(),
    }


def _quantus_flipping(case: Case, count: int) -> Tensor:
    areas = []
    for sign in (1, -1):
        given = arrays(case, count, sign)
        films = given["x_batch"]
        blank = np.zeros_like(films)
        for start, end in ((blank, films), (films, blank)):
            metric = quantus.PixelFlipping(features_in_step=STEP, perturb_func=_towards(end), **QUIET)
            curve = np.array(metric(**{**given, "x_batch": start}, softmax=True))
            first = case.answer(torch.from_numpy(start)).gather(1, case.targets[:count, None]).numpy()
            areas.append(_area(np.concatenate([first, curve], axis=1)))
    return torch.from_numpy(np.stack(areas, axis=1))


def _towards(end: NDArray[Any]) -> Callable[..., NDArray[Any]]:
    flat = end.reshape(len(end), -1)

    def replaced(arr: NDArray[Any], indices: NDArray[Any], **_: Any) -> NDArray[Any]:
        changed = arr.copy()
        np.put_along_axis(changed, indices, np.take_along_axis(flat, indices, axis=1), axis=1)
        return changed

    return replaced


def _gradcam_road(case: Case, count: int) -> Tensor:
    targets = [ClassifierOutputTarget(int(target)) for target in case.targets[:count]]
    found = []
    for removal in (RemoveMostRelevantFirst, RemoveLeastRelevantFirst):
        changes = [
            PerturbationConfidenceMetric(removal(percentile, NoisyLinearImputer(noise=0)))(
                case.images[:count], case.maps[:count].numpy(), targets, case.scorer
            )
            for percentile in PERCENTILES
        ]
        found.append(np.mean(changes, axis=0))
    morf, lerf = found
    return torch.from_numpy(np.stack([morf, lerf, (lerf - morf) / 2], axis=1))


def _quantus_road(case: Case, count: int) -> None:
    for sign in (1, -1):
        settings = {**QUIET, "percentages": list(PERCENTILES), "noise": 0.0}
        quantus.ROAD(**settings)(**arrays(case, count, sign), softmax=True)
