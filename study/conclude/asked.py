"""The key of a conclusion: what was finished, what was asked, and the software's version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from study import __version__
from study.protocol import Lock, Protocol
from study.records import Plan, RunStatus
from study.store import Store

VERSION = 6
"""Raise it when findings or pages change for equal scores."""


def key_of(protocol: Protocol, plan: Plan, store: Store, lock: Lock, statuses: Sequence[RunStatus]) -> str:
    """A hash that is another one whenever the report would be."""
    notes = protocol.report.notes_path(protocol.root)
    content = {
        "version": [VERSION, __version__],
        "protocol": {name: value for name, value in protocol.plain().items() if name != "dispatch"},
        "lock": asdict(lock),
        "runs": [asdict(status) for status in statuses],
        "stages": sorted(key for key in plan.stages if store.has(key)),
        "notes": notes.read_text(encoding="utf8") if notes and notes.is_file() else None,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
