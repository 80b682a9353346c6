"""What was declared before the first result was seen, and every change since.

The first run of a study keeps a copy of its protocol. A later run may use another one; what
differs in it is written down once, with the number of runs that were finished by then, and
the report lists it. Where the work is done and how the report looks cannot change a number
and is left out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from study.errors import StoreError
from study.protocol.schema import Protocol
from study.records import Deviation
from study.store.files import store_errors, write_json

ABSENT = "(absent)"
NO_ANALYSIS = ("dispatch", "report", "question", "title")
_MARGINS = "analysis.margins."

Declared = dict[str, str]
"""Dotted path -> what the protocol says there, as JSON text; names of things stand at their own path."""


class LockedFile(typing.Protocol):
    """A study and the file that it was read from."""

    @property
    def study(self) -> str:
        """The study's name."""

    @property
    def source(self) -> Path:
        """The YAML file."""


@dataclass(frozen=True)
class Lock:
    """The locked protocol of a study.

    Attributes:
        hash: `sha256:...` of the protocol's analysis-relevant part as it was locked.
        locked_at: ISO time of the first run.
        deviations: every later change, oldest first.
        margins_set_later: metrics whose margin was declared or changed when runs had finished.
    """

    hash: str
    locked_at: str
    deviations: tuple[Deviation, ...]
    margins_set_later: tuple[str, ...]


def lock(
    protocol: Protocol,
    folder: Path,
    *,
    runs_finished: int,
    now: datetime,
    digests: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> Lock:
    """Lock the protocol in the study's folder, or note what has changed since it was locked.

    Writes `protocol.lock.yaml` (the file as it was), `lock.json` (the resolved protocol, its
    hash and time) and `deviations.json`; a change that is noted already is not noted again.
    Call it before the work and once more after it, so that a later change knows what was finished.

    Args:
        protocol: as it is now, overrides included.
        folder: the study's own, such as `runs/studies/mae_effect`; made where it is absent.
        runs_finished: runs of the plan that are complete already; the highest number ever given
            counts, since a change can leave no old run in the new plan.
        now: time of this run.
        digests: dataset name -> digest of its files, so that changed films are noticed.
        files: file of a `weights` stage -> digest of its bytes, likewise.

    Raises:
        StoreError: the folder cannot be written, or holds a lock that cannot be read.
    """
    now_declared = declared(protocol, digests or {}) | leaves({"(weights)": dict(files or {})})
    return lock_declared(protocol, now_declared, folder, runs_finished=runs_finished, now=now)


def lock_declared(
    study: LockedFile, now_declared: Declared, folder: Path, *, runs_finished: int, now: datetime
) -> Lock:
    """`lock` for any file that declares an analysis; `now_declared` is what counts as a change of it."""
    when = now.isoformat(timespec="seconds")
    with store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "lock.json").exists():
        _keep(study, now_declared, folder, when)
    locked = _read(folder / "lock.json", {})
    kept = _read(folder / "deviations.json", {"protocol": locked.get("protocol", {}), "deviations": []})
    try:
        known = max(runs_finished, locked["runs_finished"])
        noted = tuple(Deviation(**row) for row in kept["deviations"])
        new = tuple(Deviation(when, *change, known) for change in _changes(kept["protocol"], now_declared))
        result = Lock(locked["hash"], locked["locked_at"], (*noted, *new), _margins((*noted, *new)))
    except (KeyError, TypeError) as error:
        raise _unreadable(folder, error) from error
    if known > locked["runs_finished"]:
        write_json(folder / "lock.json", {**locked, "runs_finished": known}, durable=True)
    if new:
        rows = [asdict(deviation) for deviation in result.deviations]
        write_json(folder / "deviations.json", {"deviations": rows, "protocol": now_declared}, durable=True)
    return result


def declared(protocol: Protocol, digests: Mapping[str, str]) -> Declared:
    """Every analysis-relevant value of the resolved protocol under its dotted path."""
    plain = {key: value for key, value in protocol.plain().items() if key not in NO_ANALYSIS}
    found: Declared = {}
    for name, settings in plain.pop("data").items():
        places = protocol.data[name].paths  # where the films are; what they are is in the digest
        found[f"data.{name}"] = json.dumps(settings["format"])
        found |= leaves({key: value for key, value in settings.items() if key not in places}, f"data.{name}")
        if places and name in digests:
            found[f"data.{name}.(films)"] = json.dumps(digests[name])
    for arm, chain in plain.pop("arms").items():
        found[f"arms.{arm}"] = json.dumps(" > ".join(stage.kind for stage in protocol.arms[arm]))
        for i, stage in enumerate(chain):
            found |= leaves(stage, f"arms.{arm}[{i}]")
    for key, chosen in (("explain", protocol.explain), ("measure", protocol.measure)):
        del plain[key]
        found |= {f"{key}.{entry.label}": json.dumps(entry.settings) for entry in chosen}
    return found | leaves(plain, "")


def leaves(value: Any, where: str = "") -> Declared:
    """Dotted path -> JSON text; a list is one value, so that a seed less is one change."""
    if not isinstance(value, dict):
        return {where: json.dumps(value, ensure_ascii=False)}
    found: Declared = {}
    for key, child in value.items():
        found |= leaves(child, f"{where}.{key}".removeprefix("."))
    return found


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(where, before, after), sorted; what lies inside something new, gone or of another kind is not told."""
    places = [where for where in sorted({*before, *after}) if before.get(where) != after.get(where)]
    outer = [where for where in places if not any(where.startswith((f"{other}.", f"{other}[")) for other in places)]
    return [(where, before.get(where, ABSENT), after.get(where, ABSENT)) for where in outer]


def _keep(study: LockedFile, now_declared: Declared, folder: Path, when: str) -> None:
    with store_errors(folder):
        shutil.copyfile(study.source, folder / "protocol.lock.yaml")
    text = json.dumps(now_declared, sort_keys=True, separators=(",", ":"))
    content = {
        "schema": 1,
        "study": study.study,
        "locked_at": when,
        "hash": "sha256:" + hashlib.sha256(text.encode()).hexdigest(),
        "runs_finished": 0,
        "protocol": now_declared,
    }
    write_json(folder / "lock.json", content, durable=True)


def _margins(deviations: tuple[Deviation, ...]) -> tuple[str, ...]:
    later = [d.where.removeprefix(_MARGINS) for d in deviations if d.where.startswith(_MARGINS) and d.runs_finished]
    return tuple(dict.fromkeys(later))


def _read(path: Path, default: dict[str, Any]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        return default
    except (OSError, ValueError) as error:
        raise _unreadable(path.parent, error) from error
    if not isinstance(content, dict):
        raise _unreadable(path.parent, TypeError(f"{path.name} is not a mapping"))
    return content


def _unreadable(folder: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{folder}: the locked protocol cannot be read ({error})\nrestore it from a backup, or move it away"
    )
