"""Films that are there twice: identical files, and decoded films that look nearly the same.

Near-identical: at 17 x 16 pixels, whether each is brighter than its right neighbour (a difference hash of 256 bits);
two films of at most `NEAR_BITS` different bits. That finds copies that were resized, recompressed or
brightened, and misses cropped and mirrored ones. Radiographs of one pose are alike: a hint to look at, no proof.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
NEAR_BITS = 10
CHUNK = 256


@dataclass(frozen=True)
class Twins:
    """Groups of films.

    Attributes:
        identical: groups with the same bytes.
        near: pairs that look alike and are not identical.
        across: those of `identical` whose films have different splits.
        near_across: those of `near` likewise.
    """

    identical: tuple[tuple[str, ...], ...]
    near: tuple[tuple[str, str], ...]
    across: tuple[tuple[str, ...], ...]
    near_across: tuple[tuple[str, str], ...]


def find_twins(
    contents: Mapping[str, str], prints: Mapping[str, NDArray[np.uint8]], splits: Mapping[str, str]
) -> Twins:
    """Twins among films.

    Args:
        contents: image -> hash of its file, "" where unknown.
        prints: image -> fingerprint, of those that were decoded.
        splits: image -> split, "" where open.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for image, content in contents.items():
        if content:
            groups[content].append(image)
    identical = tuple(tuple(images) for images in groups.values() if len(images) > 1)
    near = tuple(pair for pair in _near(prints) if contents[pair[0]] != contents[pair[1]])
    return Twins(
        identical,
        near,
        tuple(group for group in identical if _apart(group, splits)),
        tuple(pair for pair in near if _apart(pair, splits)),
    )


def fingerprint(image: Image.Image) -> NDArray[np.uint8]:
    """The difference hash of a film, [32] uint8; mode L or F."""
    small = np.asarray(image.resize((SIDE + 1, SIDE), Image.Resampling.BOX), dtype=np.float32)
    return np.packbits(small[:, 1:] > small[:, :-1])


def _near(prints: Mapping[str, NDArray[np.uint8]]) -> Iterator[tuple[str, str]]:
    names = list(prints)
    if not names:
        return
    bits = np.stack([prints[name] for name in names])
    for start in range(0, len(names), CHUNK):
        rows = bits[start : start + CHUNK]
        different = np.bitwise_count(rows[:, None, :] ^ bits[None, start:, :]).sum(axis=2)
        for first, second in np.argwhere(different <= NEAR_BITS):
            if second > first:
                yield names[start + first], names[start + second]


def _apart(images: tuple[str, ...], splits: Mapping[str, str]) -> bool:
    return len({splits[image] for image in images if splits[image]}) > 1
