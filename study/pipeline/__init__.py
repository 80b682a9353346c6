"""What one stage of each kind does: the data of one station become the arguments of the next.

`execute` is called by `dispatch` inside a worker, with the folders of the stage's published
parents and a private folder to write into. The stations know nothing of each other, of keys
or of the store. Films are worked on in chunks, and what is per film goes to disk chunk by
chunk, so that memory does not grow with the number of films.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from study import data, train
from study.pipeline.evaluation import cascade, dissect, mask, measured, perturb, predict
from study.pipeline.films import dataset_in
from study.pipeline.maps import explained
from study.records import Stage, StageContext

_EVALUATION: Mapping[str, Callable[..., None]] = {
    "predict": predict,
    "perturb": perturb,
    "mask": mask,
    "cascade": cascade,
    "dissect": dissect,
    "measure": measured,
}


def execute(
    stage: Stage,
    *,
    inputs: Mapping[str, Path],
    out: Path,
    context: StageContext,
    root: Path,
    siblings: Sequence[Stage] = (),
) -> None:
    """Do one stage: read the parents' folders, write this stage's files into `out`.

    Args:
        stage: what to do; everything that can change the numbers is in its recipe.
        inputs: role -> folder of the published parent.
        out: existing, empty, private folder.
        context: progress, stopping and checkpoints.
        root: folder that the protocol's relative paths start from.
        siblings: stages that this process will be asked to do next; their work may be shared.
    """
    torch.set_num_threads(1)  # sums in one order, so that numbers do not depend on the slots
    if stage.kind == "data":
        _data(stage, out, root)
    elif stage.kind == "explain":
        explained(stage, inputs, out, context, siblings=siblings)
    elif stage.kind in _EVALUATION:
        _EVALUATION[stage.kind](stage.recipe, inputs, out, context)
    else:
        _train(stage, inputs, out, context, root=root)


def _data(stage: Stage, out: Path, root: Path) -> None:
    places = dict(stage.places)
    name = places.pop("name") or stage.label
    settings = {**stage.recipe["settings"], **places}
    data.prepare(name, settings, image_size=stage.recipe["image_size"], root=root, out=out)


def _train(stage: Stage, inputs: Mapping[str, Path], out: Path, context: StageContext, *, root: Path) -> None:
    recipe = stage.recipe
    dataset = dataset_in(inputs["data"])
    train.train(
        stage.kind,
        _with_file(stage, root),
        model=recipe["model"],
        dataset=dataset,
        initial=inputs.get("initial"),
        seed=recipe["seed"],
        classes=dataset.classes,
        out=out,
        context=context,
    )


def _with_file(stage: Stage, root: Path) -> Mapping[str, Any]:
    """The settings; where the recipe knows the content of a file, also where that file lies."""
    settings: Mapping[str, Any] = stage.recipe["settings"]
    if "content" not in stage.recipe:
        return settings
    places = {name: str(root / place) for name, place in stage.places.items() if place is not None}
    return {**settings, "file": None, **places, "content": stage.recipe["content"]}
