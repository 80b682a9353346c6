"""The grid of `study power` as plain data, for programs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from study.conclude.power import Planned
from study.statistics.power import Cell
from study.statistics.spreads import STUDIES

SCHEMA = "power/1"


def as_data(planned: Planned) -> dict[str, Any]:
    """The grid as plain data; an unlimited axis is null, and so is what was not asked for."""
    source = planned.source
    return {
        "schema": SCHEMA,
        "study": planned.study,
        "question": "if we trained again and took new images",
        "asked": asdict(planned.asked),
        "source": {
            "folder": source.folder.as_posix() if source.folder else None,
            "own": source.own,
            "spread": asdict(source.spread) if source.spread else None,
        },
        **asdict(planned.question),
        "price": asdict(planned.price),
        "studies": STUDIES,
        "start": {"seeds": planned.start[0], "images": planned.start[1], "images_known": planned.images_known},
        "now": _cell(planned.now),
        "doubled": {"seeds": planned.steps[0]._asdict(), "images": planned.steps[1]._asdict()},
        "cells": [_cell(cell) for cell in planned.cells],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    sides = {"expected": cell.expected._asdict(), "upper": cell.upper._asdict() if cell.upper else None}
    axes = {name: None if math.isinf(getattr(cell, name)) else int(getattr(cell, name)) for name in ("seeds", "images")}
    numbers = {name: value if math.isfinite(value) else None for name, value in (("df", cell.df), ("runs", cell.runs))}
    return {**axes, "simulated": cell.simulated, "se": cell.se, **numbers, "hours": cell.hours, **sides}
