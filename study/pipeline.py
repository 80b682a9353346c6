"""What one stage of each kind does, in order, on one screen.

`execute` is called by `dispatch` inside a worker, with the folders of the stage's published
parents and a private folder to write into. The stations know nothing of each other, of keys
or of the store: here the data of one become the arguments of the next.
"""

from __future__ import annotations

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

from study import data, explain, measure, train
from study.records import Classifier, Curves, Dataset, ExplainedBatch, Masked, Stage, StageContext
from study.rng import seed_of

BATCH = 100
"""Films explained and measured at a time; bounds memory, cannot change numbers beyond rounding."""

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

Inputs = Mapping[str, Path]
Recipe = Mapping[str, Any]
Rows = NDArray[np.int64]


def execute(stage: Stage, *, inputs: Inputs, out: Path, context: StageContext, root: Path) -> None:
    """Do one stage: read the parents' folders, write this stage's files into `out`.

    Args:
        stage: what to do; everything that can change the numbers is in its recipe.
        inputs: role -> folder of the published parent.
        out: existing, empty, private folder.
        context: progress, stopping and checkpoints.
        root: folder that the protocol's relative paths start from.
    """
    torch.set_num_threads(1)  # sums in one order, so that numbers do not depend on the slots
    evaluation: dict[str, Callable[..., None]] = {
        "predict": _predict,
        "explain": _explain,
        "perturb": _perturb,
        "mask": _mask,
        "measure": _measure,
    }
    if stage.kind == "data":
        _data(stage, out, root)
    elif stage.kind in evaluation:
        evaluation[stage.kind](stage.recipe, inputs, out, context)
    else:
        _train(stage, inputs, out, context)


def _data(stage: Stage, out: Path, root: Path) -> None:
    places = dict(stage.places)
    name = places.pop("name") or stage.label
    settings = {**stage.recipe["settings"], **places}
    data.prepare(name, settings, image_size=stage.recipe["image_size"], root=root, out=out)


def _train(stage: Stage, inputs: Inputs, out: Path, context: StageContext) -> None:
    recipe = stage.recipe
    dataset = _dataset(inputs["data"])
    train.train(
        stage.kind,
        recipe["settings"],
        model=recipe["model"],
        dataset=dataset,
        initial=inputs.get("initial"),
        seed=recipe["seed"],
        classes=dataset.classes,
        out=out,
        context=context,
    )


def _predict(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    classifier, dataset = _classifier(inputs["classifier"]), _dataset(inputs["data"])
    rows = dataset.rows("val", "test")
    chunks = [train.probabilities(classifier, _tensor(classifier, dataset, chunk)).cpu() for chunk in _chunks(rows)]
    table = _films(dataset, rows).assign(split=np.asarray(dataset.splits)[rows], label=dataset.labels[rows])
    columns = pd.DataFrame(torch.cat(chunks).numpy(), index=table.index).add_prefix("p_")
    table.join(columns).to_parquet(out / "predictions.parquet", index=False)


def _explain(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    classifier, dataset = _classifier(inputs["classifier"]), _dataset(inputs["data"])
    rows = dataset.rows("test")
    raw: list[Tensor] = []
    targets: list[Tensor] = []
    for chunk in _chunks(rows):
        images = _tensor(classifier, dataset, chunk)
        targets.append(_targets(recipe, classifier, dataset, chunk, images))
        raw.append(_explainer(recipe, classifier, dataset, chunk)(images, targets[-1]).cpu())
        context.progress(min(len(raw) * BATCH, len(rows)), len(rows))
    maps, scale = explain.pack(torch.cat(raw))
    np.savez(out / "maps.npz", maps=maps, scale=scale, targets=torch.cat(targets).cpu().numpy())


def _perturb(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    parts = [measure.perturb(batch, **recipe["settings"]) for batch in _batches(recipe, inputs, context)]
    np.savez(
        out / "curves.npz",
        deletion_morf=torch.cat([part.deletion_morf for part in parts]).cpu().numpy(),
        deletion_lerf=torch.cat([part.deletion_lerf for part in parts]).cpu().numpy(),
        fractions=parts[0].fractions.cpu().numpy(),
        baseline=np.asarray(parts[0].baseline),
    )


def _mask(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    parts = [measure.mask(batch) for batch in _batches(recipe, inputs, context)]
    np.savez(
        out / "masked.npz",
        p_original=torch.cat([part.p_original for part in parts]).cpu().numpy(),
        p_masked=torch.cat([part.p_masked for part in parts]).cpu().numpy(),
        attributions=torch.cat([part.attributions for part in parts]).cpu().numpy(),
    )


def _measure(recipe: Recipe, inputs: Inputs, out: Path, context: StageContext) -> None:
    batches = _batches(recipe, inputs, context)
    scores = [measure.score(recipe["metric"], batch, recipe["settings"]) for batch in batches]
    dataset = _dataset(inputs["data"])
    table = _films(dataset, dataset.rows("test")).assign(
        value=torch.cat([score.values.cpu() for score in scores]).numpy(),
        reason=[reason for score in scores for reason in score.reasons],
    )
    table.to_parquet(out / "scores.parquet", index=False)


def _batches(recipe: Recipe, inputs: Inputs, context: StageContext) -> Iterator[ExplainedBatch]:
    """The explained test films in chunks, with whatever was computed of them before."""
    classifier, dataset = _classifier(inputs["classifier"]), _dataset(inputs["data"])
    rows = dataset.rows("test")
    maps, targets = _maps(inputs["explain"])
    curves = _curves(inputs["perturb"]) if "perturb" in inputs else None
    masked = _masked(inputs["mask"]) if "mask" in inputs else None
    for start, chunk in zip(range(0, len(rows), BATCH), _chunks(rows), strict=True):
        here = slice(start, start + len(chunk))
        images = _tensor(classifier, dataset, chunk)
        explainer = _explainer(recipe, classifier, dataset, chunk, at_input_size=True)
        yield ExplainedBatch(
            images=images,
            targets=targets[here].to(DEVICE),
            attributions=_at_input_size(recipe, maps[here].to(DEVICE), images),
            boxes=tuple(torch.from_numpy(dataset.boxes[row].astype(np.int64)) for row in chunk),
            predict=partial(train.probabilities, classifier),
            explain=explainer,
            curves={curves.baseline: _curves_at(curves, here)} if curves else {},
            masked=_masked_at(masked, here) if masked else None,
        )
        context.progress(here.stop, len(rows))


def _explainer(
    recipe: Recipe, classifier: Classifier, dataset: Dataset, rows: Rows, *, at_input_size: bool = False
) -> Callable[[Tensor, Tensor], Tensor]:
    """The recipe's method for these films: (images, targets) -> maps, raw or at input size."""
    name = recipe["attribution"]
    settings = recipe["settings"] if recipe["kind"] == "explain" else recipe["attribution_settings"]
    seeds = [seed_of("explain", name, recipe["seed"], dataset.image_ids[row]) for row in rows]

    def explainer(images: Tensor, targets: Tensor) -> Tensor:
        raw: Tensor = explain.attribute(name, classifier, images, targets, settings=settings, seeds=seeds)
        return _at_input_size(recipe, raw, images) if at_input_size else raw

    return explainer


def _at_input_size(recipe: Recipe, raw: Tensor, images: Tensor) -> Tensor:
    return explain.to_input_size(recipe["attribution"], raw, (images.shape[-2], images.shape[-1]))


def _targets(recipe: Recipe, classifier: Classifier, dataset: Dataset, rows: Rows, images: Tensor) -> Tensor:
    if recipe["target_class"] == "label":
        return torch.from_numpy(dataset.labels[rows]).to(DEVICE)
    return train.probabilities(classifier, images).argmax(dim=1)


def _tensor(classifier: Classifier, dataset: Dataset, rows: Rows) -> Tensor:
    films = np.asarray(dataset.images[rows])
    return train.to_tensor(films, mean=classifier.mean, std=classifier.std, in_chans=classifier.in_chans).to(DEVICE)


def _films(dataset: Dataset, rows: Rows) -> pd.DataFrame:
    ids, clusters = np.asarray(dataset.image_ids), np.asarray(dataset.clusters)
    return pd.DataFrame({"image_id": ids[rows], "cluster": clusters[rows]})


def _chunks(rows: Rows) -> Iterator[Rows]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


@lru_cache(maxsize=4)
def _dataset(folder: Path) -> Dataset:
    return data.load(folder)


@lru_cache(maxsize=2)
def _classifier(folder: Path) -> Classifier:
    return train.load_classifier(folder, device=DEVICE)


@lru_cache(maxsize=2)
def _maps(folder: Path) -> tuple[Tensor, Tensor]:
    with np.load(folder / "maps.npz") as stored:
        return explain.unpack(stored["maps"], stored["scale"]), torch.from_numpy(stored["targets"])


@lru_cache(maxsize=2)
def _curves(folder: Path) -> Curves:
    with np.load(folder / "curves.npz") as stored:
        morf, lerf, fractions = (torch.from_numpy(stored[k]) for k in ("deletion_morf", "deletion_lerf", "fractions"))
        return Curves(morf, lerf, fractions, str(stored["baseline"]))


@lru_cache(maxsize=2)
def _masked(folder: Path) -> Masked:
    with np.load(folder / "masked.npz") as stored:
        return Masked(*(torch.from_numpy(stored[k]) for k in ("p_original", "p_masked", "attributions")))


def _curves_at(curves: Curves, here: slice) -> Curves:
    return replace(
        curves,
        deletion_morf=curves.deletion_morf[here].to(DEVICE),
        deletion_lerf=curves.deletion_lerf[here].to(DEVICE),
        fractions=curves.fractions.to(DEVICE),
    )


def _masked_at(masked: Masked, here: slice) -> Masked:
    return Masked(*(part[here].to(DEVICE) for part in (masked.p_original, masked.p_masked, masked.attributions)))
