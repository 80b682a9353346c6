"""Collects everything wrong with a protocol and says it in the words of its writer."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from study.errors import Problem, ProtocolError
from study.protocol.yamltree import Location, Tree, dotted
from study.registry import unknown

_WANTED: Mapping[str, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list [a, b]",
    "list": "a list [a, b]",
    "dict": "a mapping {key: value}",
    "model": "a mapping {key: value}",
    "too": "a list of another length",
}
_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


class Ledger:
    """The problems of one file so far.

    Args:
        source: the file's name as the user wrote it.
        tree: the file.
        origins: places that the command line has set, with the option's name.
    """

    def __init__(self, source: str, tree: Tree, origins: Mapping[Location, str]) -> None:
        self._source = source
        self._lines = tree.lines
        self._origins = origins
        self._problems = list(tree.problems)
        self._places: set[Location] = set()
        self.entries: dict[tuple[str, str], int] = {}
        """List and label -> index of the entry that asks for it; one `all` asks for many."""

    def add(self, location: Location, message: str) -> None:
        """Note a problem at this place, or at the nearest place above it that the file has."""
        self._places.add(location)
        for length in range(len(location), 0, -1):
            if option := self._origins.get(location[:length]):
                self._problems.append(Problem(0, option, message))
                return
            if line := self._lines.get(location[:length]):
                self._problems.append(Problem(line, dotted(location), message))
                return
        self._problems.append(Problem(0, dotted(location), message))

    def has_below(self, location: Location) -> bool:
        """Whether something at or below this place is wrong, so that what was read of it is not all."""
        return any(place[: len(location)] == location for place in self._places)

    def check(self, kind: Any, value: Any, location: Location, *, salvage: bool = False) -> Any:
        """`value` as `kind` (a pydantic model or annotated type), or None with problems noted.

        Args:
            kind: what is expected here.
            value: what the file says.
            location: where it says so.
            salvage: after a problem, return what is left without the keys that were wrong, so
                that the remaining keys are checked against the rest of the file too.
        """
        text = json.dumps(value)
        try:
            return _adapter(kind).validate_json(text, strict=True)
        except ValidationError as error:
            wrong = _innermost(error.errors(include_url=False))
        for details in wrong:
            self.add((*location, *details["loc"]), _sentence(details, kind))
        if not salvage or not isinstance(value, dict):
            return None
        left = {key: item for key, item in value.items() if key not in {row["loc"][0] for row in wrong if row["loc"]}}
        try:
            return _adapter(kind).validate_json(json.dumps(left), strict=True)
        except ValidationError:
            return None

    @property
    def problems(self) -> list[Problem]:
        """What was noted so far, each once."""
        return list(dict.fromkeys(self._problems))

    def raise_if_any(self) -> None:
        """End here when there are problems.

        Raises:
            ProtocolError: with all of them.
        """
        if self._problems:
            raise ProtocolError(self._source, self.problems)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _innermost(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without those that only follow from one further in, such as a list too short for its bad item."""
    places = [row["loc"] for row in errors]
    return [row for row in errors if not any(p != row["loc"] and p[: len(row["loc"])] == row["loc"] for p in places)]


def _sentence(details: ErrorDetails, kind: Any) -> str:
    """What pydantic found, with what is allowed."""
    error, found, context = details["type"], details["input"], details.get("ctx", {})
    if error == "missing":
        return "is required and not given"
    if error == "extra_forbidden":
        fields = _model_at(kind, details["loc"][:-1]).model_fields
        return unknown("key", str(details["loc"][-1]), list(fields))
    if error == "literal_error":
        return not_allowed(found, (word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")))
    if error in _LIMITS:
        words, limit = _LIMITS[error]
        return f"found {shown(found)}; must be {words} {context[limit]:g}"
    if error == "value_error":
        return str(context["error"])
    if error == "string_pattern_mismatch":
        return f"found {shown(found)}; use letters, digits, '_' and '-' only, starting with a letter or digit"
    if error in ("too_short", "too_long"):
        return f"found {shown(found)}; the list must have {details['msg'].partition('have ')[2].partition(' after')[0]}"
    wanted = _WANTED.get(error.partition("_")[0])
    return f"found {shown(found)}; must be {wanted}" if wanted else f"found {shown(found)}: {details['msg']}"


def not_allowed(found: Any, allowed: Iterable[str]) -> str:
    """`found 'kr', which is not allowed; did you mean 'ko'?` and the list of what is."""
    words = list(allowed)
    near = difflib.get_close_matches(str(found), words, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"found {shown(found)}, which is not allowed{hint}\nallowed: {', '.join(words)}"


def shown(value: Any) -> str:
    """A value as it would be written in YAML, short."""
    words = {True: "true", False: "false", None: "nothing"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _model_at(kind: Any, location: Iterable[str | int]) -> type[BaseModel]:
    """The pydantic model that stands at this place inside `kind`."""
    for step in (None, *location):
        if step is not None and isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(step)].annotation
        elif step is not None:
            kind = get_args(kind)[-1 if isinstance(step, str) else 0]  # dict[str, kind] or tuple[kind, ...]
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        if isinstance(kind, UnionType):  # `Primary | None`: what is wrong is inside the model
            kind = get_args(kind)[0]
    assert isinstance(kind, type)
    assert issubclass(kind, BaseModel)
    return kind
