"""The `voc` format: an XML file per film, as Pascal VOC and LabelImg write them.

Either Annotations/, JPEGImages/ (or images/) and lists of names in ImageSets/Main/{train,val,test,trainval}.txt, or
XML files beside the images, perhaps in folders named after splits. VOC counts pixels from 1 and its xmax is the last
pixel of the box: (xmin, ymin, xmax, ymax) become (xmin - 1, ymin - 1, xmax, ymax), half open. Many other tools count
from 0 and end before xmax: `first_pixel: 0`. A film without an XML file has no box; one whose XML cannot be
read is quarantined. The class of a film: see `study.data.boxed`.

Reference: Everingham et al., The PASCAL Visual Object Classes Challenge 2012, development kit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from study.data import walk
from study.data.boxed import Boxed, Source, found
from study.data.films import film_format
from study.data.found import Found
from study.data.manifest import Box, Fault, listing
from study.data.reader import NAMED, Guess
from study.data.splits import TRAIN_VAL
from study.errors import DataError
from study.records import Quarantined

ANNOTATIONS, SETS = "Annotations", "ImageSets/Main"
IMAGES = ("JPEGImages", "images", "Images")


@dataclass(frozen=True)
class _Objects:
    """What one XML file says."""

    boxes: tuple[tuple[str, Box], ...]
    frame: tuple[float, float] | None
    lowest: float


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The films of a folder with their XML files.

    Raises:
        DataError: no XML files or images, boxes without area, or pixels counted otherwise than said.
    """
    base = root / settings["folder"]
    walk.check_folder(base)
    xmls, folder = _layout(base)
    splits = _splits(base)
    names = walk.images(folder)
    films, broken, faults, lowest = [], [], [], 1.0
    for name in names:
        path = xmls.pop(PurePosixPath(name).with_suffix("").as_posix(), None)
        try:
            objects = _Objects((), None, 1) if path is None else _objects(path, settings["first_pixel"])
        except ElementTree.ParseError as error:
            broken.append(Quarantined(name, f"its annotation {path.name if path else ''} is not XML ({error})"))
            continue
        except ValueError as error:
            faults.append(Fault(0, path.relative_to(base).as_posix() if path else name, str(error)))
            continue
        lowest = min(lowest, objects.lowest)
        films.append(Boxed(name, _split(name, splits), objects.boxes, objects.frame))
    if faults:
        raise DataError(listing(base, faults))
    _check_origin(base, settings["first_pixel"], lowest)
    categories = sorted({category for film in films for category, _ in film.boxes})
    facts = {"annotations_without_film": len(xmls)} if xmls else {}
    return found(films, Source(base, folder, categories, tuple(broken), facts), settings, root)


def recognise(folder: Path) -> Guess | None:
    """XML files whose root is `annotation`, in Annotations/ or beside images."""
    if not folder.is_dir():
        return None
    place = folder / ANNOTATIONS if (folder / ANNOTATIONS).is_dir() else folder
    xmls = [place / name for name in walk.files(place) if name.lower().endswith(".xml")]
    right = [path for path in xmls[:20] if _is_annotation(path)]
    if not right:
        return None
    lowest = min(_lowest(path) for path in xmls)
    settings: dict[str, Any] = {"folder": folder} | ({"first_pixel": 0} if lowest < 1 else {})
    counted = " and boxes that start at pixel 0" if lowest < 1 else ""
    shown = right[0].relative_to(folder).as_posix()
    return Guess("voc", settings, f"{len(xmls)} XML files such as {shown} with <annotation>{counted}", NAMED)


VOC = film_format(find, recognise)


def _layout(base: Path) -> tuple[dict[str, Path], Path]:
    """XML files by the name of their film without suffix, and the folder of the films."""
    apart = base / ANNOTATIONS
    folder = next((base / name for name in IMAGES if (base / name).is_dir()), base) if apart.is_dir() else base
    place = apart if apart.is_dir() else base
    xmls = {name[:-4]: place / name for name in walk.files(place) if name.lower().endswith(".xml")}
    if not xmls:
        raise DataError(f"{base} holds no XML files, in {ANNOTATIONS}/ or beside the images")
    return xmls, folder


def _splits(base: Path) -> dict[str, str]:
    """Names of films without suffix -> split, from the lists; trainval counts for films in neither train nor val."""
    given: dict[str, str] = {}
    for word, split in (("trainval", TRAIN_VAL), ("train", "train"), ("val", "val"), ("test", "test")):
        path = base / SETS / f"{word}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf8").splitlines()
            given |= {line.strip(): split for line in lines if line.strip()}
    return given


def _split(name: str, splits: Mapping[str, str]) -> str:
    path = PurePosixPath(name)
    stem = path.with_suffix("")
    inside = (walk.split_of(part) for part in path.parts[:-1])
    return splits.get(stem.as_posix()) or splits.get(stem.name) or next((split for split in inside if split), "")


def _objects(path: Path, first_pixel: int) -> _Objects:
    """Boxes of an XML file; raises ValueError with what is wrong, ParseError where it is no XML."""
    tree = ElementTree.fromstring(path.read_bytes())
    boxes, lowest = [], 1.0
    for element in tree.iter("object"):
        category = (element.findtext("name") or "").strip()
        corners = [element.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        x0, y0, x1, y1 = (_number(text, category) for text in corners)
        lowest = min(lowest, x0, y0)
        box = (x0 - first_pixel, y0 - first_pixel, x1, y1)
        if box[0] >= x1 or box[1] >= y1:
            raise ValueError(f"'{category}' has the box {[x0, y0, x1, y1]}, which has no area")
        boxes.append((category, box))
    width, height = (_side(tree.findtext(f"size/{key}")) for key in ("width", "height"))
    return _Objects(tuple(boxes), (width, height) if width > 0 and height > 0 else None, lowest)


def _number(text: str | None, category: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        found = "nothing" if text is None else f"'{text}'"
        raise ValueError(f"'{category}' has {found} for a corner; xmin, ymin, xmax and ymax are expected") from None


def _side(text: str | None) -> float:
    """Some tools leave the size blank or 0: then the film's own is meant."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _check_origin(base: Path, first_pixel: int, lowest: float) -> None:
    if lowest < first_pixel:
        raise DataError(
            f"{base}: a box starts at pixel {lowest:g}, so these pixels are counted from 0; set first_pixel: 0 (boxes "
            "then end before xmax and ymax)"
        )


def _lowest(path: Path) -> float:
    try:
        return _objects(path, 1).lowest
    except (ElementTree.ParseError, ValueError, OSError):
        return 1.0


def _is_annotation(path: Path) -> bool:
    try:
        return ElementTree.fromstring(path.read_bytes()).tag == "annotation"
    except (ElementTree.ParseError, OSError):
        return False
