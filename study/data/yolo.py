"""The `yolo` format: images/ and labels/ with a text file per film, and perhaps a data.yaml.

A line is `category x y width height`, the centre and the size as shares of the upright film, or a category and
a polygon x1 y1 x2 y2 …, of which the bounding box is taken. The text file lies where the last folder named
`images` of the film's path is called `labels`, or beside the film. A film without one, or with an empty one, has no
box. Splits come from data.yaml, else from folders named train, val and test. The class of a film: see
`study.data.boxed`.

Reference: https://docs.ultralytics.com/datasets/detect/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from study.data import walk
from study.data.boxed import Boxed, Source, found
from study.data.films import film_format
from study.data.found import Found
from study.data.manifest import Box, Fault, listing
from study.data.reader import NAMED, PAIRED, Guess
from study.errors import DataError

NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
SHARES = (1.0, 1.0)


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The films below a folder with their text files.

    Raises:
        DataError: no films, faulty lines, or splits of data.yaml that are not there.
    """
    written = root / settings["folder"]
    base = written.parent if written.is_file() else written
    walk.check_folder(base)
    described = _described(written)
    categories = _categories(described, base)
    places = _places(described, base)
    films: list[Boxed] = []
    faults: list[Fault] = []
    for name in walk.images(base):
        split = _split(name, places)
        if split is None:
            continue
        boxes = _boxes(base, name, categories, faults)
        films.append(Boxed(name, split, boxes, SHARES))
    if faults:
        raise DataError(listing(base, faults))
    owned = {_text_of(film.image) for film in films}
    folder, films = _lifted(base, films)
    named = categories or sorted({category for film in films for category, _ in film.boxes}, key=int)
    texts = {name for name in walk.files(base) if name.endswith(".txt") and "labels" in PurePosixPath(name).parts[:-1]}
    strays = len(texts - owned)
    facts = {"text_files_without_film": strays} if strays else {}
    return found(films, Source(written, folder, named, facts=facts), settings, root)


def recognise(folder: Path) -> Guess | None:
    """A data.yaml with names, or images/ with a labels/ of text files beside it."""
    if folder.is_file():
        is_yaml = folder.suffix.lower() in (".yaml", ".yml") and "names" in _yaml(folder)
        return Guess("yolo", {"folder": folder}, f"{folder.name} has names", NAMED) if is_yaml else None
    for name in NAMES:
        if (folder / name).is_file() and "names" in _yaml(folder / name):
            count = len(_yaml(folder / name)["names"] or ())
            return Guess("yolo", {"folder": folder}, f"{name} names {count} categories", NAMED)
    texts = [folder / name for name in walk.files(folder) if "labels" in PurePosixPath(name).parts[:-1]]
    right = [path for path in texts if path.suffix == ".txt" and _is_text(path)]
    return (
        Guess("yolo", {"folder": folder}, f"labels/ holds {len(right)} text files of boxes", PAIRED) if right else None
    )


YOLO = film_format(find, recognise)


def _described(written: Path) -> Mapping[str, Any]:
    if written.is_file():
        content = _yaml(written)
        if "names" not in content:
            raise DataError(f"{written} has no `names`; the data.yaml of a YOLO data set is expected")
        return content
    return next((_yaml(written / name) for name in NAMES if (written / name).is_file()), {})


def _yaml(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _categories(described: Mapping[str, Any], base: Path) -> list[str]:
    """Names of the categories by number: from data.yaml, else from classes.txt, else none."""
    names = described.get("names")
    if isinstance(names, Mapping):
        return [str(names[number]) for number in sorted(names)]
    if isinstance(names, list):
        return [str(name) for name in names]
    path = next((p for p in (base / "classes.txt", base / "labels" / "classes.txt") if p.is_file()), None)
    return [line.strip() for line in path.read_text(encoding="utf8").splitlines() if line.strip()] if path else []


def _places(described: Mapping[str, Any], base: Path) -> dict[str, str] | None:
    """Folder (or list of films) below `base` -> split, as data.yaml has it; None where it has none."""
    places: dict[str, str] = {}
    for split in ("train", "val", "test"):
        written = described.get(split)
        for entry in written if isinstance(written, list) else [written] if written else []:
            for name in _place(str(entry), str(described.get("path") or ""), base):
                places[name] = split
    return places or None


def _place(written: str, prefix: str, base: Path) -> list[str]:
    """What data.yaml names, below `base`: paths in it often start on another machine, so tails of them are tried."""
    joined = PurePosixPath(prefix.replace("\\", "/"), written.replace("\\", "/"))
    parts = [part for part in joined.parts if part not in ("/", ".", "..")]
    tails = ["/".join(parts[k:]) for k in range(len(parts))]
    for tail in tails:
        if (base / tail).is_dir():
            return [tail]
        if tail.endswith(".txt") and (base / tail).is_file():
            lines = (base / tail).read_text(encoding="utf8").split("\n")
            return [name for line in lines if line.strip() for name in _place(line.strip(), "", base)]
        if (base / tail).is_file():
            return [tail]
    raise DataError(f"{base}: data.yaml names '{written}', and neither it nor a part of it is there")


def _lifted(base: Path, films: Sequence[Boxed]) -> tuple[Path, list[Boxed]]:
    """The folder `images` and the films named from there, where all of them lie in it."""
    if not all(film.image.startswith("images/") for film in films):
        return base, list(films)
    return base / "images", [replace(film, image=film.image.removeprefix("images/")) for film in films]


def _split(name: str, places: Mapping[str, str] | None) -> str | None:
    """The split of a film; None where data.yaml has splits and the film is in none of them."""
    path = PurePosixPath(name)
    if places is None:
        return next((walk.split_of(part) for part in path.parts[:-1] if walk.split_of(part)), "")
    within = (name, *(parent.as_posix() for parent in path.parents))
    return next((places[place] for place in within if place in places), None)


def _text_of(name: str) -> str:
    """Path of a film's text file: its last folder `images` is called `labels` there."""
    parts = list(PurePosixPath(name).with_suffix(".txt").parts)
    for k in range(len(parts) - 2, -1, -1):
        if parts[k] == "images":
            parts[k] = "labels"
            break
    return "/".join(parts)


def _boxes(base: Path, name: str, categories: Sequence[str], faults: list[Fault]) -> list[tuple[str, Box]]:
    text = _text_of(name)
    try:
        lines = (base / text).read_text(encoding="utf8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(0, text, f"cannot be read as text ({error})"))
        return []
    boxes = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            boxes.append(_box(line, categories))
        except ValueError as error:
            faults.append(Fault(0, f"{text}, line {number}", str(error)))
    return boxes


def _box(line: str, categories: Sequence[str]) -> tuple[str, Box]:
    """Category and corners of a line; raises ValueError with what is wrong."""
    expected = "expected: category x y width height, as shares of the film, or a polygon"
    try:
        number, *values = (float(word) for word in line.split())
    except ValueError:
        raise ValueError(f"'{line[:60]}' is not made of numbers; {expected}") from None
    if number != int(number) or number < 0 or (categories and number >= len(categories)):
        raise ValueError(f"{number:g} is not a category; there are {len(categories)}, counted from 0")
    if not (len(values) == 4 or (len(values) >= 6 and len(values) % 2 == 0)):
        raise ValueError(f"has {len(values) + 1} numbers; {expected}")
    if max(values) > 2:
        raise ValueError(f"'{line[:60]}' is not in shares of the film, which are at most 1; {expected}")
    box = _around(values) if len(values) > 4 else _corners(*values)
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(f"'{line[:60]}' has no area; {expected}")
    return categories[int(number)] if categories else str(int(number)), box


def _corners(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _around(polygon: Sequence[float]) -> Box:
    across, down = polygon[::2], polygon[1::2]
    return min(across), min(down), max(across), max(down)


def _is_text(path: Path) -> bool:
    """Whether the first line is a box; empty files are of films without one."""
    try:
        line = path.read_text(encoding="utf8").partition("\n")[0]
        return bool(line) and bool(_box(line, ()))
    except (OSError, ValueError):
        return False
