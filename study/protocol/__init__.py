"""From a YAML file to a `Protocol`, or to all its problems at once.

In: a file, and what the command line overrides in it. Out: a frozen record of which every
name is known, every pair is possible and every default is written out; nothing downstream
checks a name again. A file with ten mistakes gives ten messages with their lines, because a
study is written by a student in the evening and must not be refused ten times in a row.

`read_analysis` reads the file that asks something of scores made elsewhere.

`lock` keeps what was declared before the first result was seen, and lists every later change.
"""

from study.protocol.jsonschema import json_schema
from study.protocol.lock import Lock, lock, lock_declared
from study.protocol.outside import AnalysisFile, OutsideStudy, TableFacts, planned_seeds, read_analysis
from study.protocol.read import read
from study.protocol.schema import (
    AnalysisSettings,
    ChainStage,
    Chosen,
    Comparison,
    DispatchSettings,
    Protocol,
    ReportSettings,
)

__all__ = [
    "AnalysisFile",
    "AnalysisSettings",
    "ChainStage",
    "Chosen",
    "Comparison",
    "DispatchSettings",
    "Lock",
    "OutsideStudy",
    "Protocol",
    "ReportSettings",
    "TableFacts",
    "json_schema",
    "lock",
    "lock_declared",
    "planned_seeds",
    "read",
    "read_analysis",
]
