"""From a YAML file to a `Protocol`, or to all its problems at once.

In: a file, and what the command line overrides in it. Out: a frozen record of which every
name is known, every pair is possible and every default is written out; nothing downstream
checks a name again. A file with ten mistakes gives ten messages with their lines, because a
study is written by a student in the evening and must not be refused ten times in a row.

`lock` keeps what was declared before the first result was seen, and lists every later change.
"""

from study.protocol.jsonschema import json_schema
from study.protocol.lock import Lock, lock
from study.protocol.read import read
from study.protocol.schema import AnalysisSettings, ChainStage, Chosen, DispatchSettings, Protocol, ReportSettings

__all__ = [
    "AnalysisSettings",
    "ChainStage",
    "Chosen",
    "DispatchSettings",
    "Lock",
    "Protocol",
    "ReportSettings",
    "json_schema",
    "lock",
    "read",
]
