"""From the contrasts of a design to drafts of findings: which kind of metric each is about."""

from __future__ import annotations

from collections.abc import Sequence

from study.records import Contrast, Design
from study.statistics.cells import Cells
from study.statistics.comparison import Draft, draft_mean, find_block
from study.statistics.effects import fill_effects
from study.statistics.means import RunFigures
from study.statistics.run_contrasts import draft_figures


def draft(design: Design, contrast: Contrast, cells: Cells, figures: Sequence[RunFigures] = ()) -> Draft:
    """Everything about a contrast that needs no resampling and no other contrast.

    Args:
        design: as given to `analyse`.
        contrast: one of its contrasts.
        cells: all scores.
        figures: per-run figures made from the predictions; others (counts of concepts) have no contrasts.
    """
    facts = design.metrics[contrast.metric]
    made = Draft(contrast, facts)
    block = find_block(cells, (contrast.model, contrast.attribution, contrast.metric))
    part = None if contrast.attribution else _figures(contrast, figures)
    if block is not None:
        draft_mean(made, design, block, cells)
    elif part is not None:
        draft_figures(made, design, part, cells)
    else:
        made.status = "no_data"
    made.fields.setdefault("metric_version", facts.version)
    made.fields["noninferiority"] = contrast.noninferiority
    fill_effects(made, design, cells)
    return made


def _figures(contrast: Contrast, figures: Sequence[RunFigures]) -> RunFigures | None:
    named = (contrast.model, contrast.metric)
    return next((part for part in figures if part.n_images and (part.model, part.metric) == named), None)
