"""Part masks: a folder per concept, in it a mask per film.

`<parts>/<concept>/<image>.png`, where `<image>` is the film's path of the manifest without its suffix. A mask
has the size of the upright film; whatever is not black is the concept; no file means that the concept is not
in the film. They become one label map per film, which has room for one concept per pixel: where masks overlap,
the one that covers less of this film lies on top (a lesion on its lung), and what is hidden is counted.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.data.artifact import PARTS, new_array
from study.data.collect import IN_FLIGHT, Entry
from study.data.decode import Unreadable, decode_mask, quiet
from study.data.fingerprint import THREADS, files_sha256
from study.data.resize import Rule, place
from study.errors import DataError

SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")
LOSSY = (".jpg", ".jpeg", ".webp")
MOST = 255
"""Concepts that a label map of 8 bits can name."""

SHOWN = 20


@dataclass(frozen=True)
class Masks:
    """The masks that are there.

    Attributes:
        folder: of the concepts' folders.
        names: concepts, sorted; the k-th has label k + 1.
        files: image of the manifest -> its masks, label -> paths; several of one label are united.
        strays: masks whose name is that of no image.
    """

    folder: Path
    names: tuple[str, ...]
    files: Mapping[str, Mapping[int, Sequence[Path]]]
    strays: int

    def contents(self) -> list[tuple[str, str, str]]:
        """Image, concept and sha256 of every mask, in the order of the images and the concepts."""
        keys = [
            (image, label, path)
            for image in sorted(self.files)
            for label in sorted(self.files[image])
            for path in self.files[image][label]
        ]
        hashes = files_sha256([path for _, _, path in keys])
        return [
            (image, self.names[label - 1], content) for (image, label, _), content in zip(keys, hashes, strict=True)
        ]


class _Count(NamedTuple):
    """A mask in its square: pixels, those that no other mask hides, and whether it covers its whole film."""

    pixels: int
    visible: int
    whole: bool


class _Film(NamedTuple):
    """One film's label map, its masks that are not empty by label, and what is wrong with others."""

    labels: NDArray[np.uint8]
    counts: Mapping[int, _Count]
    faults: Sequence[str]


def find(folder: Path, images: Sequence[str]) -> Masks:
    """The masks of these images.

    Args:
        folder: holds a folder per concept.
        images: all images of the manifest.

    Raises:
        DataError: no folders, or one of which no mask, or a mask of which more than one image, has the name.
    """
    concepts = _concepts(folder)
    stems: dict[str, list[str]] = defaultdict(list)
    for image in images:
        stems[PurePosixPath(image).with_suffix("").as_posix()].append(image)
    files: dict[str, dict[int, list[Path]]] = defaultdict(dict)
    faults: list[str] = []
    strays = 0
    for label, concept in enumerate(concepts, start=1):
        found = dict(_named(concept, folder, faults))
        faults += _ambiguous(found, stems, folder)
        strays += len(found.keys() - stems.keys())
        faults += _nameless(concept, found, stems)
        for stem in found.keys() & stems.keys():
            files[stems[stem][0]][label] = [found[stem]]
    if faults:
        raise DataError(_listing(folder, faults))
    return Masks(folder, tuple(concept.name for concept in concepts), files, strays)


def write_parts(masks: Masks, films: Sequence[Entry], *, image_size: int, rule: Rule, out: Path) -> dict[str, Any]:
    """Write the label maps of these films into `out`; what the report should know of them comes back.

    Raises:
        DataError: masks that cannot be read, have another size than their film, or of a concept whose every mask
            covers its whole film; the text lists them all (the first `SHOWN`).
    """
    labels = new_array(out / PARTS, shape=(len(films), image_size, image_size), dtype=np.uint8)
    read = partial(_film, masks=masks, size=image_size, rule=rule)
    seen: dict[int, list[_Count]] = defaultdict(list)
    faults: list[str] = []
    with quiet(), ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(films), IN_FLIGHT):
            for row, film in enumerate(pool.map(read, films[start : start + IN_FLIGHT]), start=start):
                labels[row] = film.labels
                faults += film.faults
                for label, count in film.counts.items():
                    seen[label].append(count)
    labels.flush()
    full = [masks.names[label - 1] for label in sorted(seen) if all(count.whole for count in seen[label])]
    faults += [f"{name}: every mask covers its whole film; black is expected where the concept is not" for name in full]
    if faults:
        raise DataError(_listing(masks.folder, faults))
    return _facts(masks, seen)


def _concepts(folder: Path) -> list[Path]:
    expected = "a folder per concept is expected, in it a mask per film: <concept>/<image>.png"
    if not folder.is_dir():
        raise DataError(f"{folder} (setting `parts`) is not a folder; {expected}")
    concepts = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not 1 <= len(concepts) <= MOST:
        raise DataError(f"{folder} (setting `parts`) holds {len(concepts)} folders, 1 to {MOST} can be; {expected}")
    return concepts


def _named(concept: Path, folder: Path, faults: list[str]) -> Iterator[tuple[str, Path]]:
    """Masks of a concept by the name of the image they are for; others are noted."""
    taken: set[str] = set()
    for path in sorted(concept.rglob("*")):
        within = path.relative_to(concept)
        if any(part.startswith(".") for part in within.parts) or not path.is_file():
            continue
        if path.suffix.lower() in LOSSY:
            faults.append(f"{_short(path, folder)}: lossy compression blurs the edges of a mask; a PNG is expected")
        stem = within.with_suffix("").as_posix()
        if path.suffix.lower() not in SUFFIXES:
            continue
        if stem in taken:
            faults.append(f"{_short(path, folder)}: there is another mask of this name")
        taken.add(stem)
        yield stem, path


def _ambiguous(found: Mapping[str, Path], stems: Mapping[str, Sequence[str]], folder: Path) -> Iterator[str]:
    for stem, path in found.items():
        images = stems.get(stem, ())
        if len(images) > 1:
            yield f"{_short(path, folder)}: could be of any of the films {', '.join(images)}"


def _nameless(concept: Path, found: Mapping[str, Path], stems: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A folder without any mask of a film, and what its masks might have been called."""
    if found.keys() & stems.keys():
        return
    if not found:
        yield f"{concept.name}: holds no masks ({', '.join(SUFFIXES)}); remove the folder or fill it"
        return
    stem = next(iter(found))
    near = difflib.get_close_matches(stem, stems, n=1, cutoff=0) or [next(iter(stems))]
    yield (
        f"{concept.name}: none of its {len(found)} masks has the name of a film; "
        f"there is {stem}{found[stem].suffix}, but for the film {stems[near[0]][0]} it has to be {near[0]}.png"
    )


def _film(film: Entry, *, masks: Masks, size: int, rule: Rule) -> _Film:
    """One film's masks in its square, the smaller on the larger (of equals the later name on top)."""
    placement = place(*film.size, size=size, rule=rule)
    placed: dict[int, NDArray[np.bool_]] = {}
    whole: dict[int, bool] = {}
    faults: list[str] = []
    for label, paths in masks.files.get(film.row.image, {}).items():
        mask = np.zeros(film.size[::-1], dtype=np.bool_)
        for path in paths:
            try:
                mask |= _read(path, film.size)
            except Unreadable as reason:
                faults.append(f"{_short(path, masks.folder)}: {reason}")
        if mask.any():
            placed[label], whole[label] = placement.mask(mask), bool(mask.all())
    labels = np.zeros((size, size), dtype=np.uint8)
    for label in sorted(placed, key=lambda label: (-placed[label].sum(), label)):
        labels[placed[label]] = label
    counts = {
        label: _Count(int(mask.sum()), int((labels == label).sum()), whole[label]) for label, mask in placed.items()
    }
    return _Film(labels, counts, faults)


def _read(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask of a film of this width and height; raises `Unreadable` with the reason."""
    try:
        mask = decode_mask(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    if mask.shape != size[::-1]:
        raise Unreadable(f"has {mask.shape[1]} x {mask.shape[0]} pixels, its film {size[0]} x {size[1]}")
    return mask


def _facts(masks: Masks, seen: Mapping[int, Sequence[_Count]]) -> dict[str, Any]:
    """Per concept the films that show it, the share that others hide, and films in which nothing of it is left."""
    concepts: dict[str, dict[str, Any]] = {}
    for label, name in enumerate(masks.names, start=1):
        counts = seen.get(label, ())
        pixels = sum(count.pixels for count in counts)
        visible = sum(count.visible for count in counts)
        concepts[name] = {
            "films": sum(count.visible > 0 for count in counts),
            "hidden_share": 1 - visible / pixels if pixels else 0.0,
            "lost_in_films": sum(count.visible == 0 for count in counts),
        }
    return {"concepts": concepts, "masks_without_film": masks.strays, "overlap": "the smaller mask lies on top"}


def _short(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _listing(folder: Path, faults: Sequence[str]) -> str:
    count = len(faults)
    rows = "".join(f"\n  {fault}" for fault in faults[:SHOWN])
    more = f"\n  ... and {count - SHOWN} more" if count > SHOWN else ""
    return f"{folder} (setting `parts`): {count} problem{'s' if count != 1 else ''} with the part masks:{rows}{more}"
