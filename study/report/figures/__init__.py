"""Figures of the report: finished records in, one SVG string (or JPEG) out.

Each function takes records and returns a self-contained `<svg>` 180 or 87 mm wide, or None when there
is nothing to show. Text stays text in the font `Study Sans`, which the page must bring; ids carry the
figure's name, so that several figures stand inline on one page. Nothing is computed here but layout,
the shape of a distribution and the three diagnostic pictures of `checks`; every number that is written
into a figure comes from the records.

matplotlib is imported with the first figure that is asked for, so that a list of metrics or a check of
a protocol does not wait for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.report.figures.assumptions import checks
    from study.report.figures.chains import design_chains
    from study.report.figures.control_maps import controls
    from study.report.figures.dose_plot import dose
    from study.report.figures.estimation_plot import estimation
    from study.report.figures.films import film, masked, overlay
    from study.report.figures.flow_chart import flow
    from study.report.figures.forest_plot import forest
    from study.report.figures.interaction_plot import interaction
    from study.report.figures.learning import learning_curves
    from study.report.figures.perturbation import curves
    from study.report.figures.rank_plot import ranks
    from study.report.figures.rule import verdict_rule
    from study.report.figures.run_marks import runs
    from study.report.figures.secondary_plot import secondary_forest

__all__ = [
    "checks",
    "controls",
    "curves",
    "design_chains",
    "dose",
    "estimation",
    "film",
    "flow",
    "forest",
    "interaction",
    "learning_curves",
    "masked",
    "overlay",
    "ranks",
    "runs",
    "secondary_forest",
    "verdict_rule",
]

_HOMES = {
    "checks": "assumptions",
    "controls": "control_maps",
    "curves": "perturbation",
    "design_chains": "chains",
    "dose": "dose_plot",
    "estimation": "estimation_plot",
    "film": "films",
    "flow": "flow_chart",
    "forest": "forest_plot",
    "interaction": "interaction_plot",
    "learning_curves": "learning",
    "masked": "films",
    "overlay": "films",
    "ranks": "rank_plot",
    "runs": "run_marks",
    "secondary_forest": "secondary_plot",
    "verdict_rule": "rule",
}


def __getattr__(name: str) -> Any:
    """The figure of this name; its module, and matplotlib with it, is imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
