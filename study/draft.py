"""A first protocol for somebody's own films: looks at the folder, writes a commented YAML file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from study.data import Look, write_manifest
from study.data.reader import LAYOUT
from study.errors import StudyError
from study.examine import examine
from study.protocol import read

_TEMPLATE = """\
# yaml-language-server: $schema={schema}
# Written by `study new` from {folder}:
{found}
# Look it through, then:  study plan {name}   and   make study PROTOCOL={name}
study: {study}
question: Does MAE pretraining change how faithful the maps are{and_boxes}?

data:
  films:
{films}target: films # its labels are learnt, its test films are explained
image_size: {image_size}
models: [{model}]

# Every arm ends with the same fine-tuning; only what comes before it differs.
# Pretraining sees the training films and those without a label, never validation or test films.
arms:
  baseline: [finetune]
  mae_random: [mae: {{data: films, masking: random, mask_ratio: 0.75}}, finetune]
  mae_center: [mae: {{data: films, masking: center, mask_ratio: 0.75}}, finetune]
reference: baseline
seeds: 3 # each seed repeats the whole chain; 5 give narrower intervals

# The controls explain nothing: a metric that does not tell them from gradcam means nothing here.
explain: [gradcam, integrated_gradients, control_random, control_center]
measure: [{metrics}]

# Fixed by the first run; later changes are allowed and listed in the report.
analysis:
  primary: {{attribution: gradcam, metric: {primary}}} # the one question; all else is secondary
  margins: {{{primary}: 0.03}} # a difference below this would not matter to you
report: {{languages: [en]}} # or [en, ko]
"""
_AGREEMENT = ("ehr", "energy_pg", "energy_pg_excess")
_FAITHFULNESS = ("insertion", "deletion", "faithfulness_gap", "average_drop", "adcc")


def draft(name: str, folder: Path, *, model: str, path: Path) -> Look:
    """Write a protocol for the films in `folder` to `path`, and a manifest beside it where nothing says their labels.

    Returns:
        What was found in the folder.

    Raises:
        StudyError: a file is there already, the folder has no films, or a name is not allowed.
    """
    for file in (path, path.with_suffix(".csv")):
        if file.exists():
            raise StudyError(f"{file} exists already and is not replaced; choose another --name or --out")
    found = examine(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [path]
    if _is_bare(found):
        written.append(path.with_suffix(".csv"))
        write_manifest(folder, written[-1])
    path.write_text(_text(name, found, model=model, path=path), encoding="utf8")
    try:
        read(path)
    except StudyError:
        for file in written:
            file.unlink()
        raise
    return found


def _is_bare(found: Look) -> bool:
    """Images without class folders: a manifest is needed to say their labels."""
    return found.guess.format == "imagefolder" and found.guess.sure < LAYOUT


def _text(name: str, found: Look, *, model: str, path: Path) -> str:
    has_boxes = found.boxes.films > 0
    schema = Path("protocols") / "schema.json"
    return _TEMPLATE.format(
        schema=os.path.relpath(schema, path.parent),
        folder=found.path,
        found="".join(f"#   {line}\n" for line in _found(found)).rstrip(),
        name=name if path.parent == Path("protocols") else path,
        study=json.dumps(name, ensure_ascii=False),
        and_boxes=" and how well they agree with the boxes" if has_boxes else "",
        films="".join(f"    {line}\n" for line in _settings(found, path)),
        image_size=64 if model.endswith("_phantom") else 224,
        model=json.dumps(model, ensure_ascii=False),
        metrics=", ".join((*(_AGREEMENT if has_boxes else ()), *_FAITHFULNESS)),
        primary="energy_pg" if has_boxes else "faithfulness_gap",
    )


def _found(found: Look) -> list[str]:
    labels = ", ".join(f"{label} {count}" for label, count in found.labels.items())
    lines = [f"{found.films} films; labels: {labels or 'none'}; without a label: {found.unlabelled}"]
    lines.append(f"{found.boxes.films} films with {found.boxes.count} boxes; patients known: {found.patients or 'no'}")
    if found.smallest and found.largest:
        sizes = (f"{width} x {height}" for width, height in (found.smallest, found.largest))
        lines.append(f"sizes from {' to '.join(sizes)} pixels")
    if found.broken:
        lines.append(f"cannot be read and will be left out: {len(found.broken)} of the films that were looked at")
    if _is_bare(found):
        lines.append("no labels were there; a manifest was written beside this file: add labels, patients, boxes")
    if found.needs:
        lines.append(f"BEFORE IT CAN RUN: it needs {found.needs}")
    if not found.boxes.films:
        lines.append("no boxes were found, so agreement with them (ehr, energy_pg) is left out")
    return lines


def _settings(found: Look, path: Path) -> list[str]:
    """The dataset's lines."""
    if _is_bare(found):
        manifest = _written(path.with_suffix(".csv"), path)
        lines = ["format: csv", f"manifest: {manifest}", f"images: {_written(found.found.folder, path)}"]
    else:
        lines = [f"format: {found.guess.format}"]
        lines += [f"{key}: {_value(value, path)}" for key, value in found.guess.settings.items()]
    if len(found.labels) >= 2:
        names = ", ".join(json.dumps(label, ensure_ascii=False) for label in found.labels)
        lines.append(f"classes: [{names}] # films with other labels are left out")
    if found.splits.get("") or found.splits.get("train_val"):
        lines.append("split: {val: 0.2, test: 0.3} # of the films whose split is open; whole patients")
    return lines


def _value(value: Any, path: Path) -> str:
    return _written(value, path) if isinstance(value, Path) else json.dumps(value, ensure_ascii=False)


def _written(place: Path, path: Path) -> str:
    """Relative to the protocol where both lie below the working folder, so that the two can move together."""
    absolute = place.absolute()
    inside = absolute.is_relative_to(Path.cwd()) and path.absolute().is_relative_to(Path.cwd())
    chosen = os.path.relpath(absolute, path.absolute().parent) if inside else str(absolute)
    return json.dumps(chosen, ensure_ascii=False)
