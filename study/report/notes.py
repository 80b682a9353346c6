"""The hand-written part: `notes.yaml` beside the protocol. A missing note leaves its box out.

Known parts: `title: {en: ..., ko: ...}`, `arms: {mae_random: MAE random}` (names for people),
the lists `questions`, `decisions` and `plan`, `remarks: {s3: ...}` by section, and the list `by_hand` of test
images that the gallery shows besides those chosen by rule: `- image id`, or `- image id: why`. A text is one
string for both languages, or `{en: ..., ko: ...}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from study.errors import DataError
from study.report.terms import Text, join, same

_LISTS = ("questions", "decisions", "plan")
_KNOWN = ("title", "arms", "remarks", *_LISTS, "by_hand")


@dataclass(frozen=True)
class Notes:
    """What people wrote; printed as it is, never changed."""

    title: Text | None = None
    arms: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Text, ...] = ()
    decisions: tuple[Text, ...] = ()
    plan: tuple[Text, ...] = ()
    by_hand: Mapping[str, Text] = field(default_factory=dict)
    remarks: Mapping[str, Text] = field(default_factory=dict)

    @property
    def picked(self) -> tuple[Text, ...]:
        """`image id: why` of every image that was chosen by hand."""
        return tuple(join([same(image), why], ": ") for image, why in self.by_hand.items())

    def texts(self) -> Iterator[Text]:
        """Every hand-written text."""
        yield from (self.title,) if self.title else ()
        for name in _LISTS:
            yield from getattr(self, name)
        yield from self.by_hand.values()
        yield from self.remarks.values()


def read_notes(path: Path | None) -> Notes:
    """The notes in `path`; empty where there is no file.

    Raises:
        DataError: the file is not YAML, or has a part that is not known or not a text.
    """
    if path is None or not path.exists():
        return Notes()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf8")) or {}
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not valid YAML\n{error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: a mapping is expected, with any of: {', '.join(_KNOWN)}")
    unknown = [str(name) for name in content if name not in _KNOWN]
    if unknown:
        raise DataError(f"{path}: unknown {', '.join(unknown)}; known: {', '.join(_KNOWN)}")
    return Notes(
        title=_text(content["title"], path, "title") if content.get("title") else None,
        arms={str(arm): str(name) for arm, name in _mapping(content, "arms", path).items()},
        remarks={str(key): _text(note, path, "remarks") for key, note in _mapping(content, "remarks", path).items()},
        by_hand=dict(_picked(item, path) for item in _items(content, "by_hand", path)),
        **{name: tuple(_text(item, path, name) for item in _items(content, name, path)) for name in _LISTS},
    )


def _mapping(content: Mapping[str, Any], name: str, path: Path) -> Mapping[Any, Any]:
    value = content.get(name) or {}
    if not isinstance(value, dict):
        raise DataError(f"{path}: `{name}` must be a mapping, not {value!r}")
    return value


def _items(content: Mapping[str, Any], name: str, path: Path) -> list[Any]:
    value = content.get(name) or []
    if not isinstance(value, list):
        raise DataError(f"{path}: `{name}` must be a list, not {value!r}")
    return value


def _picked(item: Any, path: Path) -> tuple[str, Text]:
    """An image and why it was chosen: `image id`, or `image id: why`."""
    if isinstance(item, str | int):
        return str(item), same("")
    if isinstance(item, dict) and len(item) == 1:
        [(image, why)] = item.items()
        return str(image), same("") if why is None else _text(why, path, "by_hand")
    raise DataError(f"{path}: `by_hand` must hold image ids, each alone or as `image id: why`, not {item!r}")


def _text(value: Any, path: Path, where: str) -> Text:
    if isinstance(value, str | int | float):
        return same(str(value).strip())
    if isinstance(value, dict) and value and set(value) <= {"en", "ko"}:
        english, korean = value.get("en"), value.get("ko")
        return Text(str(english or korean), str(korean or english))
    raise DataError(f"{path}: `{where}` must hold texts or {{en: ..., ko: ...}}, not {value!r}")
