"""Which family of networks a checkpoint holds, from the names in it alone: no torch, and nothing is executed."""

from __future__ import annotations

import json
import pickletools
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from study.records import Family

_MARKS: dict[Family, re.Pattern[str]] = {
    "vit": re.compile(r"(attn\.qkv|self_attention\.in_proj|attn\.in_proj)"),
    "cnn": re.compile(r"(denseblock\d|layer1\.0\.conv1|features\.0\.weight|conv_stem)"),
}
_LONGEST_HEADER = 2**27


def family_of_file(path: Path) -> Family | None:
    """The family whose names stand in the file; None where they do not tell, or it cannot be read so."""
    try:
        names = list(names_in(path))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    found = [family for family, mark in _MARKS.items() if any(mark.search(name) for name in names)]
    return found[0] if len(found) == 1 else None


def names_in(path: Path) -> Iterable[str]:
    """Names of tensors in a safetensors file, or every text in the index of a PyTorch file.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: it is neither.
    """
    if zipfile.is_zipfile(path):
        return _texts(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length < _LONGEST_HEADER:
            raise ValueError(f"{path}: neither safetensors nor a PyTorch file")
        return list(json.loads(file.read(length)))


def _texts(path: Path) -> Iterator[str]:
    """The strings of the pickled index, read as a list of operations, none of which is carried out."""
    with zipfile.ZipFile(path) as archive:
        index = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
        if index is None:
            raise KeyError(f"{path}: no index")
        for _operation, argument, _place in pickletools.genops(archive.read(index)):
            if isinstance(argument, str):
                yield argument
