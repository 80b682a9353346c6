"""The hand-written part: `notes.yaml` beside the protocol. A missing note leaves its box out.

Known parts: `title: {en: ..., ko: ...}`, `arms: {mae_random: MAE random}` (names for people),
the lists `questions`, `decisions`, `plan` and `by_hand` (image ids with a word why), and
`remarks: {s3: ...}` by section. A text is one string for both languages, or `{en: ..., ko: ...}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from study.errors import DataError
from study.report.terms import Text, same

_LISTS = ("questions", "decisions", "plan", "by_hand")
_KNOWN = ("title", "arms", "remarks", *_LISTS)


@dataclass(frozen=True)
class Notes:
    """What people wrote; printed as it is, never changed."""

    title: Text | None = None
    arms: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Text, ...] = ()
    decisions: tuple[Text, ...] = ()
    plan: tuple[Text, ...] = ()
    by_hand: tuple[Text, ...] = ()
    remarks: Mapping[str, Text] = field(default_factory=dict)

    def texts(self) -> Iterator[Text]:
        """Every hand-written text."""
        yield from (self.title,) if self.title else ()
        for name in _LISTS:
            yield from getattr(self, name)
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
        **{name: _list(content, name, path) for name in _LISTS},
    )


def _mapping(content: Mapping[str, Any], name: str, path: Path) -> Mapping[Any, Any]:
    value = content.get(name) or {}
    if not isinstance(value, dict):
        raise DataError(f"{path}: `{name}` must be a mapping, not {value!r}")
    return value


def _list(content: Mapping[str, Any], name: str, path: Path) -> tuple[Text, ...]:
    value = content.get(name) or []
    if not isinstance(value, list):
        raise DataError(f"{path}: `{name}` must be a list, not {value!r}")
    return tuple(_text(item, path, name) for item in value)


def _text(value: Any, path: Path, where: str) -> Text:
    if isinstance(value, str | int | float):
        return same(str(value).strip())
    if isinstance(value, dict) and value and set(value) <= {"en", "ko"}:
        english, korean = value.get("en"), value.get("ko")
        return Text(str(english or korean), str(korean or english))
    raise DataError(f"{path}: `{where}` must hold texts or {{en: ..., ko: ...}}, not {value!r}")
