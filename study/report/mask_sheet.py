"""The sheet of masks: one film of each data, then the same film under a mask of every kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from study.records import MaskExample
from study.report import figures, numbers
from study.report.sheets import ACROSS, PANEL_PX, Panel, Sheet, data_uri
from study.report.stage_words import stage_words
from study.report.terms import TERMS, Text, fill, same

_NO_BOXES = np.zeros((0, 4))
FEWEST_IN_PRINT = 3
"""Kinds of mask from which on a study is about masking, and its masks worth their place on paper."""


def mask_sheet(examples: Sequence[MaskExample]) -> Sheet | None:
    """The sheet; None where nothing was masked."""
    if not examples:
        return None
    panels = tuple(_panels(examples))
    return Sheet(
        TERMS["fig.masks"], panels, min(max(len(panels), ACROSS), 2 * ACROSS), len(examples) >= FEWEST_IN_PRINT
    )


def _panels(examples: Sequence[MaskExample]) -> Iterator[Panel]:
    for data, own in groupby(examples, key=lambda example: example.data):
        group = list(own)
        name = same(data)
        whole = figures.film(group[0].image, _NO_BOXES, width_px=PANEL_PX)
        yield Panel(data_uri(whole), fill("alt.film", image=name), name, False)
        for example in group:
            picture = figures.masked(example.image, example.hidden, width_px=PANEL_PX)
            title = _title(example)
            yield Panel(data_uri(picture), fill("alt.masked", data=name, mask=title), title, False)


def _title(example: MaskExample) -> Text:
    """`center 75 %: 96% / 68%`; a mask that hides as much of both is told by its ratio."""
    name = stage_words(f"{example.masking} {example.ratio * 100:.3g} %")
    shares = [numbers.share(share) for share in (example.central, example.remainder) if share is not None]
    return name + same(": " + " / ".join(shares)) if len(set(shares)) > 1 else name
