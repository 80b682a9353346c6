"""YAML text as plain data in which every place still knows its line.

Data only: no tags, no anchors, no merge keys, no duplicate keys. Scalars are read as in YAML
1.2, so that `no` is a word, `010` is ten and `5e-4` is a number (PyYAML follows 1.1, where
the three are False, eight and a word).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from study.errors import Problem, ProtocolError

Location = tuple[str | int, ...]
"""Where a value stands: mapping keys and list positions from the top."""

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass
class Tree:
    """A protocol file as data.

    Attributes:
        data: mappings, lists, text, numbers, booleans and None.
        lines: line of every place, counted from 1; a mapping entry has the line of its key.
        problems: duplicate keys and other things that could still be read past.
    """

    data: dict[str, Any]
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse(path: Path) -> Tree:
    """The file's tree.

    Raises:
        ProtocolError: the file is missing, empty, not text, not YAML or not a mapping.
    """
    text = _text(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise ProtocolError(str(path), [_syntax(error, text)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character {chr(error.character)!r} is not allowed in YAML" if error.character else str(error)
        raise ProtocolError(str(path), [Problem(line, "YAML", message)]) from error
    except RecursionError as error:
        raise ProtocolError(str(path), [Problem(0, "YAML", "nested too deeply to be a protocol")]) from error
    if node is None:
        raise ProtocolError(str(path), [Problem(0, "file", "the file is empty; `study new` writes a protocol")])
    if not isinstance(node, yaml.MappingNode):
        found = f"found a {'list' if isinstance(node, yaml.SequenceNode) else 'text'}; a protocol is a mapping that starts with a line such as `study: my_study`"
        raise ProtocolError(str(path), [Problem(_line(node), "file", found)])
    tree = Tree({})
    tree.data = _mapping(node, (), tree)
    return tree


def dotted(location: Location) -> str:
    """`arms.mae_center[1].mae.masking`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return text.removeprefix(".")


class _Loader(yaml.SafeLoader):
    """Reads structure only: plain scalars stay text, aliases are refused."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name and type

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):  # type: ignore[no-untyped-call]
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read; write the value out", mark)
        return super().compose_node(parent, index)  # type: ignore[no-untyped-call]


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise ProtocolError(str(path), [Problem(0, "file", "there is no such file")]) from error
    except IsADirectoryError as error:
        raise ProtocolError(str(path), [Problem(0, "file", "this is a folder; name a YAML file in it")]) from error
    except OSError as error:
        raise ProtocolError(str(path), [Problem(0, "file", f"cannot be read: {error.strerror}")]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProtocolError(str(path), [Problem(line, "file", "not UTF-8 text; save the file as UTF-8")]) from error


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    rows = text.splitlines()
    row = rows[line - 1] if 0 < line <= len(rows) else ""
    said = "; ".join(part for part in (error.context, error.problem) if part)
    if "\t" in row[: len(row) - len(row.lstrip())] or "'\\t'" in said:
        return Problem(line, "YAML", "indented with a tab; YAML allows spaces only")
    return Problem(line, "YAML", f"not valid YAML: {said}" + (f"\nfound: {row.strip()}" if row.strip() else ""))


def _value(node: yaml.Node, location: Location, tree: Tree) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, location, tree)
    if isinstance(node, yaml.SequenceNode):
        _known_tag(node, location, tree)
        return [_item(child, (*location, i), tree) for i, child in enumerate(node.value)]
    _known_tag(node, location, tree)
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node)


def _item(node: yaml.Node, location: Location, tree: Tree) -> Any:
    tree.lines[location] = _line(node)
    return _value(node, location, tree)


def _mapping(node: yaml.MappingNode, location: Location, tree: Tree) -> dict[str, Any]:
    _known_tag(node, location, tree)
    found: dict[str, Any] = {}
    for key, child in node.value:
        line = _line(key)
        if not isinstance(key, yaml.ScalarNode):
            tree.problems.append(Problem(line, dotted(location) or "file", "a key must be a word"))
            continue
        place = (*location, key.value)
        if key.value in found:
            first = tree.lines[place]
            tree.problems.append(Problem(line, dotted(place), f"'{key.value}' is given twice; first in line {first}"))
            continue
        tree.lines[place] = line
        found[key.value] = _value(child, place, tree)
    return found


def _known_tag(node: yaml.Node, location: Location, tree: Tree) -> None:
    if not node.tag.startswith(_TAG) or node.tag.removeprefix(_TAG) not in ("str", "seq", "map"):
        tag = node.tag.replace(_TAG, "!!")
        tree.problems.append(Problem(_line(node), dotted(location) or "file", f"the tag {tag} is not allowed"))


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:  # quoted or block text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
