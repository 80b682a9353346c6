"""Stage `explain`: one method's maps of all test films, of those with a target where films have several findings.

Methods that are made of the same features or gradients are made in one pass over the films:
the first of them to be asked for makes the others too and keeps them in a scratch folder, where
their own stages, next in line in the same process, find them. Where anything goes wrong in
company, the method is made alone, so that a mistake is reported under its own name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from study import explain, train
from study.errors import Stopped, UnsupportedError
from study.pipeline.arrays import Rows, rows_in
from study.pipeline.films import DEVICE, Filmed, chunks, classifier_in, dataset_in, tensor_of
from study.records import Classifier, Dataset, Stage, StageContext
from study.registry import ATTRIBUTIONS
from study.rng import seed_of

Inputs = Mapping[str, Path]
Recipe = Mapping[str, Any]

NOT_PREDICTED = (
    "target_class: predicted has no meaning where films have several findings: their boxes show one of them; "
    "leave it out"
)
"""Why `predicted` is refused."""
MOST_REFERENCES = 2000
"""Training films that methods with references look at."""


@dataclass(frozen=True)
class Maps:
    """The stored maps of an `explain` stage; `raw` reads those of some films."""

    folder: Path

    def raw(self, here: slice) -> Tensor:
        """[B, h, w] float32 signed, to three significant digits."""
        return explain.unpack(rows_in(self.folder / "maps.npy")[here], rows_in(self.folder / "scale.npy")[here])

    def targets(self, here: slice) -> Tensor:
        """[B] int64, the class that was explained."""
        return torch.from_numpy(np.array(rows_in(self.folder / "targets.npy")[here]))


def explained(
    stage: Stage, inputs: Inputs, out: Path, context: StageContext, *, siblings: Sequence[Stage] = ()
) -> None:
    """Write `maps.npy`, `scale.npy` and `targets.npy`; integrated gradients also `completeness.npy`."""
    ready = _scratch() / stage.key
    if ready.is_dir():
        for path in ready.iterdir():
            shutil.move(path, out / path.name)
        ready.rmdir()
        return
    company = [other for other in siblings if _shares(stage, other) and not (_scratch() / other.key).exists()]
    try:
        _write([stage, *company], inputs, out, context)
    except Stopped:
        raise
    except Exception:
        if not company:
            raise
        for other in company:
            shutil.rmtree(_scratch() / other.key, ignore_errors=True)
        _write([stage], inputs, out, context)


def explainer(
    recipe: Recipe, classifier: Classifier, dataset: Dataset, rows: Filmed
) -> Callable[[Tensor, Tensor], Tensor]:
    """The recipe's method for these films: (images, targets) -> raw signed maps [B, h, w]."""
    request = _request(recipe, dataset, rows)
    references = _references(classifier, dataset)

    def explainer(images: Tensor, targets: Tensor) -> Tensor:
        return explain.attribute(
            request.name,
            classifier,
            images,
            targets,
            settings=request.settings,
            seeds=request.seeds,
            references=references,
        )

    return explainer


def _shares(stage: Stage, other: Stage) -> bool:
    """Whether both are made of the same things in a pass over the same films."""
    if other.kind != "explain" or other.key == stage.key or other.parents != stage.parents:
        return False
    one, two = (ATTRIBUTIONS[s.recipe["attribution"]].shares for s in (stage, other))
    layers = [s.recipe["settings"].get("layer") for s in (stage, other)]
    same_target = stage.recipe["target_class"] == other.recipe["target_class"]
    return one is not None and one == two and layers[0] == layers[1] and same_target


def _write(stages: Sequence[Stage], inputs: Inputs, out: Path, context: StageContext) -> None:
    """Maps of several stages in one pass: those of the first into `out`, the others' into the scratch folder."""
    classifier, dataset = classifier_in(inputs["classifier"]), dataset_in(inputs["data"])
    rows = dataset.explained
    folders = [out, *(_scratch() / stage.key for stage in stages[1:])]
    for folder in folders[1:]:
        folder.mkdir(parents=True)
    files = [
        {name: Rows(folder / f"{name}.npy", len(rows)) for name in _files(s)}
        for folder, s in zip(folders, stages, strict=True)
    ]
    done = 0
    for chunk in chunks(classifier, dataset, rows):
        images = tensor_of(classifier, dataset, chunk)
        targets = _targets(stages[0].recipe, classifier, dataset, chunk, images)
        requests = [_request(stage.recipe, dataset, chunk) for stage in stages]
        references = _references(classifier, dataset)
        found = explain.attribute_many(requests, classifier, images, targets, references=references)
        for kept, raw in zip(files, found, strict=True):
            _add(kept, raw, classifier, images, targets)
        done += len(chunk)
        context.progress(done, len(rows))
    for kept in files:
        for file in kept.values():
            file.close()


def _files(stage: Stage) -> tuple[str, ...]:
    names = ("maps", "scale", "targets")
    return (*names, "completeness") if stage.recipe["attribution"] == "integrated_gradients" else names


def _add(files: Mapping[str, Rows], raw: Tensor, classifier: Classifier, images: Tensor, targets: Tensor) -> None:
    maps, scale = explain.pack(raw)
    files["maps"].add(maps)
    files["scale"].add(scale)
    files["targets"].add(targets.cpu().numpy())
    if "completeness" in files:
        files["completeness"].add(explain.completeness_gap(classifier, images, targets, raw).cpu().numpy())


def _request(recipe: Recipe, dataset: Dataset, rows: Filmed) -> explain.Request:
    name = recipe["attribution"]
    settings = recipe["settings"] if recipe["kind"] == "explain" else recipe["attribution_settings"]
    seeds = [seed_of("explain", name, recipe["seed"], dataset.image_ids[row]) for row in rows]
    return explain.Request(name, settings, seeds)


def _references(classifier: Classifier, dataset: Dataset) -> Callable[[], Iterator[Tensor]]:
    """Training films of the dataset that is explained, evenly over the split."""
    rows = dataset.rows("train")
    if len(rows) > MOST_REFERENCES:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_REFERENCES).round().astype(np.int64)]
    return lambda: (tensor_of(classifier, dataset, chunk) for chunk in chunks(classifier, dataset, rows))


def _targets(recipe: Recipe, classifier: Classifier, dataset: Dataset, rows: Filmed, images: Tensor) -> Tensor:
    if recipe["target_class"] == "label":
        return torch.from_numpy(dataset.targets[rows]).to(DEVICE)
    if dataset.findings is not None:
        raise UnsupportedError(NOT_PREDICTED)
    return train.probabilities(classifier, images).argmax(dim=1)


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="study-maps-")


def _scratch() -> Path:
    """A folder of this process for maps that were made before their stage was asked for; gone at its end."""
    return Path(_folder().name)
