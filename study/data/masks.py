"""The `masks` format: films and binary masks, from which come boxes and part masks.

A mask lies in the folder of masks under its film's path, `<masks>/<film>.png` or `<masks>/<concept>/<film>.png`, or
beside its film; after the film's name may follow `suffix` and a number (`scan_mask.png`, `scan_mask_1.png`: several
masks of a film are united). Whatever is not black is the concept. Every connected piece (8 neighbours) of a boxed
concept gets the box around it, unless it covers less than `smallest` of the film. All masks become parts, as for
csv (`study.data.parts`). A film whose mask cannot be read is quarantined.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from scipy import ndimage

from study.data import imagefolder, walk
from study.data.boxed import class_names
from study.data.collect import file_bytes
from study.data.decode import Unreadable, decode_mask, quiet
from study.data.films import film_format
from study.data.fingerprint import THREADS
from study.data.found import Found
from study.data.labels import merge
from study.data.manifest import Box, Row
from study.data.parts import SUFFIXES as MASK_SUFFIXES
from study.data.parts import Masks
from study.data.reader import PAIRED, Guess
from study.errors import DataError
from study.records import Quarantined
from study.registry import unknown

PLAIN = "mask"
"""The concept of masks that lie in no concept's folder."""

FOLDER = "masks"


@dataclass(frozen=True)
class _Layout:
    """The folder of the films, their paths, and film -> concept -> masks."""

    folder: Path
    films: Sequence[str]
    masks: Mapping[str, Mapping[str, Sequence[Path]]]
    strays: int

    @property
    def concepts(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted({concept for masks in self.masks.values() for concept in masks}))


@dataclass(frozen=True)
class _Pieces:
    """Boxes around the pieces of a mask, the share of the film each covers, and the mask's width and height."""

    boxes: tuple[Box, ...]
    shares: tuple[float, ...]
    size: tuple[int, int]


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The films with boxes around the pieces of their masks.

    Raises:
        DataError: no films or no masks, an unknown concept, or a faulty table.
    """
    base = root / settings["folder"]
    walk.check_folder(base)
    apart = None if settings["masks"] is None else root / settings["masks"]
    if apart is not None:
        walk.check_folder(apart, "masks")
    layout = _layout(base, apart, str(settings["suffix"]))
    if not layout.masks:
        raise DataError(
            f"{base}: no mask has the name of a film; expected {FOLDER}/<film>.png, {FOLDER}/<concept>/<film>.png, or "
            f"<film>{settings['suffix']}.png beside the film (settings `masks`, `suffix`)"
        )
    boxed = _boxed(layout, settings["boxed"], base)
    rows, broken = _rows(layout, boxed, settings)
    merged = merge(rows, settings, root, boxes=False)
    classes, labelled = None, merged.rows
    if settings["label"] == "any_mask" and not merged.has_labels:
        classes, name = class_names(boxed, settings, rule="any", no_box=settings["no_mask"])
        without = classes[0] if len(classes) > 1 else ""
        labelled = [
            replace(row, label="" if row.image in merged.unlisted else name if row.boxes else without)
            for row in merged.rows
        ]
    return Found(
        base,
        layout.folder,
        labelled,
        classes=classes,
        masks=_parts(layout, [row.image for row in labelled]),
        broken=broken,
        left_out=merged.left_out,
        facts={**merged.facts, "boxes_around": list(boxed)},
    )


def recognise(folder: Path) -> Guess | None:
    """A folder `masks` whose files are called like images, or files named ..._mask beside images."""
    if not folder.is_dir():
        return None
    for suffix in ("_mask", "_seg", "_segmentation", "_label"):
        layout = _layout(folder, None, suffix)
        if layout.masks:
            break
    else:
        return None
    settings: dict[str, Any] = {"folder": folder} | ({"suffix": suffix} if suffix != "_mask" else {})
    if len({imagefolder.row(name).label for name in layout.films} - {""}) < 2:
        settings["label"] = "any_mask"
    count = len(layout.masks)
    how = f"{count} of {len(layout.films)} images have a mask of their name ({', '.join(layout.concepts[:4])})"
    return Guess("masks", settings, how, PAIRED)


MASKS = film_format(find, recognise)


def _layout(base: Path, apart: Path | None, suffix: str) -> _Layout:
    masks_dir = apart if apart is not None else base / FOLDER
    folder = base / "images" if (base / "images").is_dir() else base
    inside = f"{masks_dir.relative_to(folder).as_posix()}/" if masks_dir.is_relative_to(folder) else None
    names = [name for name in walk.images(folder) if inside is None or not name.startswith(inside)]
    beside = {} if apart is not None else _beside(names, suffix)
    films = [name for name in names if name not in beside]
    by_stem = {_stem(name): name for name in films}
    masks: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for name, stem in beside.items():
        masks[by_stem[stem]][PLAIN].append(folder / name)
    strays = 0
    for name in walk.images(masks_dir, MASK_SUFFIXES) if masks_dir.is_dir() else ():
        concept, film = _owner(name, by_stem, suffix)
        if film is None:
            strays += 1
        else:
            masks[film][concept].append(masks_dir / name)
    return _Layout(folder, films, masks, strays)


def _beside(names: Sequence[str], suffix: str) -> dict[str, str]:
    """Files that are masks of another file in their folder, with that one's path without suffix."""
    stems = {_stem(name) for name in names}
    owners = {name: _without(_stem(name), suffix) for name in names}
    return {name: stem for name, stem in owners.items() if stem != _stem(name) and stem in stems}


def _owner(name: str, by_stem: Mapping[str, str], suffix: str) -> tuple[str, str | None]:
    """Concept and film of a file in the folder of masks."""
    stem = _stem(name)
    concept, _, rest = stem.partition("/")
    for found, candidate in ((PLAIN, stem), (concept, rest)):
        for called in (candidate, _without(candidate, suffix)):
            if called in by_stem:
                return found, by_stem[called]
    return PLAIN, None


def _without(stem: str, suffix: str) -> str:
    """A mask's name without the suffix and number after its film's."""
    return re.sub(rf"{re.escape(suffix)}(_?\d+)?$", "", stem) if suffix else stem


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _boxed(layout: _Layout, asked: Sequence[str] | None, base: Path) -> tuple[str, ...]:
    known = layout.concepts
    strangers = [unknown("concept", name, known) for name in asked or () if name not in known]
    if strangers:
        raise DataError(f"{base}, setting `boxed`:\n" + "\n".join(strangers))
    return known if asked is None else tuple(asked)


def _rows(
    layout: _Layout, boxed: Sequence[str], settings: Mapping[str, Any]
) -> tuple[list[Row], tuple[Quarantined, ...]]:
    rows, broken = [], []
    with quiet(), ThreadPoolExecutor(THREADS) as pool:
        read = pool.map(lambda film: _film(film, layout, boxed, settings["smallest"]), layout.films)
        for result in read:
            if isinstance(result, Quarantined):
                broken.append(result)
            else:
                rows.append(result)
    return rows, tuple(broken)


def _film(name: str, layout: _Layout, boxed: Sequence[str], smallest: float) -> Row | Quarantined:
    row = imagefolder.row(name)
    boxes: list[Box] = []
    size = None
    for concept, paths in sorted(layout.masks.get(name, {}).items()):
        for path in sorted(paths):
            try:
                pieces = _pieces(path)
            except Unreadable as reason:
                return Quarantined(name, f"its mask {path.name}: {reason}")
            size = pieces.size
            if concept in boxed:
                boxes += [box for box, share in zip(pieces.boxes, pieces.shares, strict=True) if share >= smallest]
    return replace(row, boxes=tuple(boxes), frame=size)


def _pieces(path: Path) -> _Pieces:
    """Boxes around the connected pieces of a mask; remembered while size and time of the file stay."""
    try:
        status = path.stat()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    return _read_pieces(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 16)
def _read_pieces(path: Path, size: int, mtime_ns: int) -> _Pieces:
    mask = decode_mask(file_bytes(path))
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    counts = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    boxes = tuple(
        (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
        for rows, columns in ndimage.find_objects(labels)
    )
    return _Pieces(boxes, tuple((counts / mask.size).tolist()), (mask.shape[1], mask.shape[0]))


def _parts(layout: _Layout, films: Sequence[str]) -> Masks:
    names = layout.concepts
    files = {
        film: {names.index(concept) + 1: sorted(paths) for concept, paths in layout.masks[film].items()}
        for film in films
        if film in layout.masks
    }
    folder = Path(layout.folder) if not files else _common(files)
    return Masks(folder, names, files, layout.strays)


def _common(files: Mapping[str, Mapping[int, Sequence[Path]]]) -> Path:
    """A folder that all masks lie in, for messages."""
    parents = [path.parent for by_label in files.values() for paths in by_label.values() for path in paths]
    common = parents[0]
    while not all(parent.is_relative_to(common) for parent in parents):
        common = common.parent
    return common
