"""Stages that judge a classifier: predictions, curves, masked films, redrawn weights, concepts, scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from study import explain, measure, train
from study.pipeline.arrays import Rows, rows_in
from study.pipeline.films import DEVICE, chunks, classifier_in, dataset_in, table_of, tensor_of
from study.pipeline.maps import Inputs, Maps, Recipe, explainer
from study.records import Cascade, Classifier, Curves, Dataset, ExplainedBatch, Masked, StageContext
from study.rng import seed_of


def predict(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    """Probabilities of the validation and test films: `predictions.parquet`.

    Columns beside `p_0` ...: `label`, or where films have several findings `y_0` ... (0 or 1) and `target`, the one
    that is explained (-1: none).
    """
    classifier, dataset = classifier_in(inputs["classifier"]), dataset_in(inputs["data"])
    rows = dataset.rows("val", "test")
    parts = [
        train.probabilities(classifier, tensor_of(classifier, dataset, chunk)).cpu()
        for chunk in chunks(classifier, dataset, rows)
    ]
    table = table_of(dataset, rows).assign(split=np.asarray(dataset.splits)[rows], **_truth(dataset, rows))
    columns = pd.DataFrame(torch.cat(parts).numpy(), index=table.index).add_prefix("p_")
    table.join(columns).to_parquet(out / "predictions.parquet", index=False)


def _truth(dataset: Dataset, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    if dataset.findings is None:
        return {"label": dataset.labels[rows]}
    present = dataset.findings.present[rows].astype(np.int64)
    return {"target": dataset.findings.targets[rows], **{f"y_{k}": column for k, column in enumerate(present.T)}}


def perturb(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    """Perturbation curves: `curves.npz`."""
    parts = [measure.perturb(batch, **recipe["settings"]) for batch in _batches(recipe, inputs, context)]
    np.savez(
        out / "curves.npz",
        deletion_morf=torch.cat([part.deletion_morf for part in parts]).cpu().numpy(),
        deletion_lerf=torch.cat([part.deletion_lerf for part in parts]).cpu().numpy(),
        fractions=parts[0].fractions.cpu().numpy(),
        baseline=np.asarray(parts[0].baseline),
        tile=np.asarray(parts[0].tile),
    )


def mask(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    """The answer to image * map: `p_original.npy`, `p_masked.npy` and the maps of the masked films."""
    count = len(dataset_in(inputs["data"]).explained)
    files = {name: Rows(out / f"{name}.npy", count) for name in ("p_original", "p_masked", "attributions")}
    for batch in _batches(recipe, inputs, context):
        part = measure.mask(batch)
        for name, file in files.items():
            file.add(getattr(part, name).cpu().numpy())
    for file in files.values():
        file.close()


def cascade(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    """How alike maps stay while weights are redrawn: `cascade.npz`. One redrawn network exists at a time."""
    classifier, dataset = classifier_in(inputs["classifier"]), dataset_in(inputs["data"])
    columns: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name, redrawn in explain.cascade(classifier, draw=recipe["seed"]):
        parts = [
            measure.cascade(replace(batch, randomised={name: explainer(recipe, redrawn, dataset, rows)}))
            for batch, rows in _batches_with_rows(recipe, inputs, context)
        ]
        columns[name] = {
            measured: torch.cat([getattr(part, measured) for part in parts])[:, 0].cpu().numpy()
            for measured in _SIMILARITIES
        }
    stacked = {m: np.stack([columns[name][m] for name in columns], axis=1) for m in _SIMILARITIES}
    np.savez(out / "cascade.npz", steps=np.asarray(list(columns)), allow_pickle=False, **stacked)


def dissect(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    """Concepts that single units detect, layer by layer: `concepts.json`."""
    classifier, dataset = classifier_in(inputs["classifier"]), dataset_in(inputs["data"])
    settings = recipe["settings"]
    rows = dataset.rows("test")
    found = {}
    for place, layer in enumerate(settings["layers"]):
        found[str(layer)] = measure.dissect(
            partial(_activations, classifier, dataset, layer),
            dataset.parts[rows] if dataset.parts is not None else np.zeros((0, 1, 1), np.uint8),
            dataset.part_names,
            quantile=settings["quantile"],
            min_iou=settings["min_iou"],
        ).as_dict()
        context.progress(place + 1, len(settings["layers"]))
    (out / "concepts.json").write_text(json.dumps(found, indent=1), encoding="utf8")


def measured(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    """One metric of one method: `scores.parquet`, one row per film; across models also a column per judge."""
    scores: list[measure.Scores] = []
    judged: dict[str, list[Tensor]] = {}
    for batch in _batches(recipe, inputs, context):
        scores.append(measure.score(recipe["metric"], batch, recipe["settings"]))
        for judge, curves in batch.cross.items():
            alone = measure.score(recipe["metric"], replace(batch, cross={judge: curves}), recipe["settings"])
            judged.setdefault(judge, []).append(alone.values)
    dataset = dataset_in(inputs["data"])
    table = table_of(dataset, dataset.explained).assign(
        value=torch.cat([score.values.cpu() for score in scores]).numpy(),
        reason=[reason for score in scores for reason in score.reasons],
        **{judge: torch.cat(values).cpu().numpy() for judge, values in judged.items()},
    )
    table.to_parquet(out / "scores.parquet", index=False)


_SIMILARITIES = ("spearman", "spearman_abs", "ssim", "hog")


def _activations(classifier: Classifier, dataset: Dataset, layer: int) -> Iterator[Tensor]:
    for chunk in chunks(classifier, dataset, dataset.rows("test")):
        yield explain.activations(classifier, layer, tensor_of(classifier, dataset, chunk))


def _batches(recipe: Recipe, inputs: Inputs, context: StageContext) -> Iterator[ExplainedBatch]:
    return (batch for batch, _ in _batches_with_rows(recipe, inputs, context))


def _batches_with_rows(
    recipe: Recipe, inputs: Inputs, context: StageContext
) -> Iterator[tuple[ExplainedBatch, NDArray[np.int64]]]:
    """The explained test films in chunks, with whatever was computed of them before."""
    classifier, dataset = classifier_in(inputs["classifier"]), dataset_in(inputs["data"])
    rows = dataset.explained
    maps = Maps(inputs["explain"])
    start = 0
    for chunk in chunks(classifier, dataset, rows):
        here = slice(start, start + len(chunk))
        images = tensor_of(classifier, dataset, chunk)
        signed = maps.raw(here).to(DEVICE)
        explain_signed = explainer(recipe, classifier, dataset, chunk)
        batch = ExplainedBatch(
            images=images,
            targets=maps.targets(here).to(DEVICE),
            attributions=_at_input_size(recipe, signed, images),
            boxes=tuple(torch.from_numpy(dataset.boxes[row].astype(np.int64)) for row in chunk),
            predict=partial(train.probabilities, classifier),
            explain=_sized(recipe, explain_signed),
            signed=signed,
            explain_signed=explain_signed,
            seeds=tuple(seed_of("measure", recipe["seed"], dataset.image_ids[row]) for row in chunk),
        )
        yield replace(batch, **_computed(inputs, here)), chunk
        start = here.stop
        context.progress(start, len(rows))


def _computed(inputs: Inputs, here: slice) -> dict[str, Any]:
    """What other stages computed of these films, as fields of the batch."""
    fields: dict[str, Any] = {}
    if "perturb" in inputs:
        fields["curves"] = (_curves(inputs["perturb"], here),)
    if "mask" in inputs:
        fields["masked"] = _masked(inputs["mask"], here)
    if "cascade" in inputs:
        fields["cascade"] = _cascade(inputs["cascade"], here)
    if crossed := {role: _curves(folder, here) for role, folder in inputs.items() if role.startswith("cross")}:
        fields["cross"] = crossed
    return fields


def _sized(recipe: Recipe, explain_signed: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda images, targets: _at_input_size(recipe, explain_signed(images, targets), images)


def _at_input_size(recipe: Recipe, raw: Tensor, images: Tensor) -> Tensor:
    size = (images.shape[-2], images.shape[-1])
    return explain.to_input_size(recipe["attribution"], raw, size, settings=recipe["attribution_settings"])


@lru_cache(maxsize=16)
def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    with np.load(path) as stored:
        return dict(stored)


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array)).to(DEVICE)


def _curves(folder: Path, here: slice) -> Curves:
    stored = _arrays(folder / "curves.npz")
    morf, lerf = (_tensor(stored[name][here]) for name in ("deletion_morf", "deletion_lerf"))
    return Curves(morf, lerf, _tensor(stored["fractions"]), str(stored["baseline"]), int(stored["tile"]))


def _masked(folder: Path, here: slice) -> Masked:
    return Masked(*(_tensor(rows_in(folder / f"{n}.npy")[here]) for n in ("p_original", "p_masked", "attributions")))


def _cascade(folder: Path, here: slice) -> Cascade:
    stored = _arrays(folder / "cascade.npz")
    steps = tuple(str(name) for name in stored["steps"])
    return Cascade(steps, **{name: _tensor(stored[name][here]) for name in _SIMILARITIES})
