"""A first protocol for somebody's own films: looks at the folder, writes a commented YAML file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from study.data import FolderFacts, describe, write_manifest
from study.errors import StudyError
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
    format: csv
    manifest: {manifest}
{extra}target: films # its labels are learnt, its test films are explained
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


def draft(name: str, folder: Path, *, model: str, path: Path) -> FolderFacts:
    """Write a protocol for the films in `folder` to `path`, and a manifest beside it where there is none.

    Returns:
        What was found in the folder.

    Raises:
        StudyError: a file is there already, the folder has no films, or a name is not allowed.
    """
    for file in (path, path.with_suffix(".csv")):
        if file.exists():
            raise StudyError(f"{file} exists already and is not replaced; choose another --name or --out")
    facts = describe(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [path]
    if facts.manifest is None:
        written.append(path.with_suffix(".csv"))
        write_manifest(folder, written[-1])
    path.write_text(_text(name, facts, model=model, path=path), encoding="utf8")
    try:
        read(path)
    except StudyError:
        for file in written:
            file.unlink()
        raise
    return facts


def _text(name: str, facts: FolderFacts, *, model: str, path: Path) -> str:
    has_boxes = facts.films_with_boxes > 0
    manifest = facts.manifest or path.with_suffix(".csv")
    schema = Path("protocols") / "schema.json"
    return _TEMPLATE.format(
        schema=os.path.relpath(schema, path.parent),
        folder=facts.folder,
        found="".join(f"#   {line}\n" for line in _found(facts)).rstrip(),
        name=name if path.parent == Path("protocols") else path,
        study=json.dumps(name, ensure_ascii=False),
        and_boxes=" and how well they agree with the boxes" if has_boxes else "",
        manifest=_written(manifest, path),
        extra=_extra(facts, path),
        image_size=64 if model.endswith("_phantom") else 224,
        model=json.dumps(model, ensure_ascii=False),
        metrics=", ".join((*(_AGREEMENT if has_boxes else ()), *_FAITHFULNESS)),
        primary="energy_pg" if has_boxes else "faithfulness_gap",
    )


def _found(facts: FolderFacts) -> list[str]:
    labels = ", ".join(f"{label} {count}" for label, count in facts.labels.items())
    lines = [f"{facts.films} films; labels: {labels or 'none'}; without a label: {facts.unlabelled}"]
    lines.append(f"{facts.films_with_boxes} films with {facts.boxes} boxes; patients known: {facts.patients or 'no'}")
    if facts.smallest and facts.largest:
        sizes = (f"{width} x {height}" for width, height in (facts.smallest, facts.largest))
        lines.append(f"sizes from {' to '.join(sizes)} pixels")
    if facts.broken:
        lines.append(f"{len(facts.broken)} of {facts.decoded} films cannot be read and will be left out")
    if facts.manifest is None:
        lines.append("no manifest.csv was there; one was written beside this file: add labels, patients, boxes")
    if len(facts.labels) < 2:
        lines.append("BEFORE IT CAN RUN: the manifest's label column must name at least two classes")
    if not facts.films_with_boxes:
        lines.append("no boxes were found, so agreement with them (ehr, energy_pg) is left out")
    return lines


def _extra(facts: FolderFacts, path: Path) -> str:
    """Further lines of the dataset, each with what it is for."""
    lines = []
    if facts.manifest is None:
        lines.append(f"images: {_written(facts.images, path)}")
    if len(facts.labels) >= 2:
        names = ", ".join(json.dumps(label, ensure_ascii=False) for label in facts.labels)
        lines.append(f"classes: [{names}] # films with other labels are left out")
    if facts.splits.get(""):
        lines.append("split: {val: 0.2, test: 0.3} # of the films whose split is open; whole patients")
    return "".join(f"    {line}\n" for line in lines)


def _written(place: Path, path: Path) -> str:
    """Relative to the protocol where both lie below the working folder, so that the two can move together."""
    absolute = place.absolute()
    inside = absolute.is_relative_to(Path.cwd()) and path.absolute().is_relative_to(Path.cwd())
    chosen = os.path.relpath(absolute, path.absolute().parent) if inside else str(absolute)
    return json.dumps(chosen, ensure_ascii=False)
