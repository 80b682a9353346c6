"""The `coco` format: films, categories and boxes in COCO's JSON, one file or one per split.

A box is [x, y, width, height] in pixels of the picture whose size the file states. An image without annotations is
a film without a box. Crowd regions count as boxes; segmentations and key points are not read. The class of a film:
see `study.data.boxed`.

Reference: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.data import walk
from study.data.boxed import Boxed, Source, found
from study.data.films import film_format
from study.data.found import Found
from study.data.manifest import Box, Fault, listing
from study.data.reader import NAMED, Guess
from study.errors import DataError

KEYS = ("images", "annotations", "categories")
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class Annotations:
    """One JSON file, its split and the folder of its images."""

    path: Path
    content: Mapping[str, Any]
    split: str
    folder: Path


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The films of one or several annotation files.

    Raises:
        DataError: no annotations, none of the images, or entries that contradict each other.
    """
    base = root / settings["folder"]
    walk.check_folder(base)
    where = base if settings["annotations"] is None else root / settings["annotations"]
    images = None if settings["images"] is None else root / settings["images"]
    if images is not None:
        walk.check_folder(images, "images")
    files = [_read(path, base, images, several=len(paths) > 1) for paths in [_paths(where)] for path in paths]
    _one_per_split(files, where)
    folder = Path(os.path.commonpath([file.folder for file in files]))
    films = [film for file in files for film in _films(file, folder)]
    _distinct(films, where)
    names = sorted({str(category["name"]) for file in files for category in file.content["categories"]})
    facts = {
        "annotation_files": [
            file.path.relative_to(base).as_posix() if file.path.is_relative_to(base) else file.path.name
            for file in files
        ]
    }
    return found(films, Source(where, folder, names, facts=facts), settings, root)


def recognise(folder: Path) -> Guess | None:
    """JSON files with the keys images, annotations and categories."""
    if folder.is_file():
        if folder.suffix.lower() != ".json" or not _looks_right(folder):
            return None
        base = folder.parent.parent if folder.parent.name.lower() == "annotations" else folder.parent
        return Guess("coco", {"folder": base, "annotations": folder}, f"{folder.name} has {', '.join(KEYS)}", NAMED)
    paths = _candidates(folder)
    if not paths:
        return None
    how = (
        f"{', '.join(path.relative_to(folder).as_posix() for path in paths[:3])} {'have' if len(paths) > 1 else 'has'} "
    )
    return Guess("coco", {"folder": folder}, how + ", ".join(KEYS), NAMED)


COCO = film_format(find, recognise)


def _paths(where: Path) -> list[Path]:
    if where.is_file():
        return [where]
    paths = _candidates(where) if where.is_dir() else []
    if not paths:
        raise DataError(
            f"{where} is not a COCO file and holds none: JSON files with the keys {', '.join(KEYS)} are expected there, "
            "or in a folder of it (setting `annotations`)"
        )
    return paths


def _candidates(folder: Path) -> list[Path]:
    """JSON files up to two folders down that look right; of COCO's own kinds only those with boxes."""
    paths = [path for depth in ("*", "*/*", "*/*/*") for path in sorted(folder.glob(f"{depth}.json"))]
    right = [path for path in paths if not path.name.startswith(".") and _looks_right(path)]
    return [path for path in right if path.name.startswith("instances_")] or right


def _looks_right(path: Path) -> bool:
    """Whether the keys are there: read as a whole where the file's beginning does not show them."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return all(f'"{key}"'.encode() in head for key in KEYS)
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in KEYS)


def _read(path: Path, base: Path, images: Path | None, *, several: bool) -> Annotations:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in KEYS):
        raise DataError(f"{path} is not a COCO file; lists named {', '.join(KEYS)} are expected in it")
    split = _split(path, base) if several else ""
    names = [str(image.get("file_name", "")) for image in content["images"] if isinstance(image, dict)]
    return Annotations(path, content, split, _image_folder(path, base, images, split, names))


def _split(path: Path, base: Path) -> str:
    """The split in a file's name, else in that of its folder."""
    words = path.stem.lower().replace("-", "_").replace(".", "_").split("_")
    inside = path.parent.relative_to(base).parts if path.is_relative_to(base) else ()
    return next((walk.split_of(word) for word in (*reversed(words), *reversed(inside)) if walk.split_of(word)), "")


def _image_folder(path: Path, base: Path, images: Path | None, split: str, names: Sequence[str]) -> Path:
    """The first of the usual places that has one of the images."""
    if not names:
        raise DataError(f"{path} describes no images")
    last = path.stem.rpartition("_")[2]
    roots = [images] if images is not None else [path.parent, base, path.parent.parent]
    inner = ["", "images", last, f"images/{last}", split, f"images/{split}", f"{split}/images"]
    places = list(dict.fromkeys((root / name if name else root) for root in roots for name in inner))
    for place in places:
        if any((place / name).exists() for name in names[:20]):
            return place
    looked = "".join(f"\n  {place}" for place in places)
    raise DataError(f"{path}: its images, such as '{names[0]}', are in none of{looked}\nsay where (setting `images`)")


def _one_per_split(files: Sequence[Annotations], where: Path) -> None:
    named: dict[str, list[str]] = defaultdict(list)
    for file in files:
        named[file.split].append(file.path.name)
    doubled = [f"{split or 'no split'}: {', '.join(names)}" for split, names in named.items() if len(names) > 1]
    if doubled:
        listed = "".join(f"\n  {row}" for row in doubled)
        raise DataError(
            f"{where} holds several COCO files for the same split:{listed}\n"
            "name the one to use (setting `annotations`), or a folder with one per split"
        )


def _films(file: Annotations, folder: Path) -> Iterator[Boxed]:
    """The images of a file with their boxes; refuses all faulty entries at once."""
    faults: list[Fault] = []
    names = {category.get("id"): str(category.get("name")) for category in file.content["categories"]}
    boxes: dict[Any, list[tuple[str, Box]]] = defaultdict(list)
    known = {image.get("id") for image in file.content["images"]}
    for place, entry in enumerate(file.content["annotations"]):
        try:
            boxes[entry.get("image_id")].append(_annotation(entry, names, known))
        except ValueError as error:
            faults.append(Fault(0, f"annotations[{place}]", str(error)))
    films = []
    prefix = file.folder.relative_to(folder)
    for place, image in enumerate(file.content["images"]):
        name = image.get("file_name")
        if not isinstance(name, str) or not name:
            faults.append(Fault(0, f"images[{place}]", "has no file_name"))
            continue
        frame = _frame(image)
        films.append(Boxed((prefix / name).as_posix(), file.split, boxes.get(image.get("id"), ()), frame))
    if faults:
        raise DataError(listing(file.path, faults))
    yield from films


def _annotation(entry: Mapping[str, Any], names: Mapping[Any, str], known: set[Any]) -> tuple[str, Box]:
    """Category and corners of an annotation; raises ValueError with what is wrong."""
    if entry.get("image_id") not in known:
        raise ValueError(f"is of image_id {entry.get('image_id')!r}, which is not among the images")
    if entry.get("category_id") not in names:
        raise ValueError(f"has the category_id {entry.get('category_id')!r}; known: {', '.join(map(str, names))}")
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, int | float) for v in box):
        raise ValueError(f"has the bbox {box!r}; [x, y, width, height] in pixels is expected")
    x, y, width, height = (float(value) for value in box)
    if not (width > 0 and height > 0):
        raise ValueError(f"has the bbox {box}, which has no area; [x, y, width, height] in pixels is expected")
    return names[entry["category_id"]], (x, y, round(x + width, 6), round(y + height, 6))


def _frame(image: Mapping[str, Any]) -> tuple[float, float] | None:
    width, height = image.get("width"), image.get("height")
    stated = isinstance(width, int | float) and isinstance(height, int | float) and width > 0 and height > 0
    return (float(width), float(height)) if stated else None  # type: ignore[arg-type]


def _distinct(films: Sequence[Boxed], where: Path) -> None:
    splits: dict[str, list[str]] = defaultdict(list)
    for film in films:
        splits[film.image].append(film.split)
    faults = [
        Fault(0, image, f"is described {len(given)} times{' (' + ', '.join(given) + ')' if any(given) else ''}")
        for image, given in splits.items()
        if len(given) > 1
    ]
    if faults:
        raise DataError(listing(where, faults))
