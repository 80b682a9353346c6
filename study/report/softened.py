"""Maps of single pixels, softened for the eye: a handful of bright pixels is lost on a page.

Only the picture is softened, and its caption says so; every value is of the map as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from study.report import numbers
from study.report.terms import Text, fill, join, same

SIGMA = 0.03
"""Of the Gaussian, as a share of the map's longer side."""
SPECKLED = 0.02
"""Maps with a smaller share of pixels at half of their maximum or more are softened."""


def speckled(maps: Sequence[NDArray[np.float32]]) -> bool:
    """Whether maps of one method ([H, W] in [0, 1]) light up in so few pixels, in the middle, that they are not seen.

    Flat maps and those with undefined pixels do not count; without others the answer is no.
    """
    drawn = [each for each in maps if np.isfinite(each).all() and np.ptp(each) > 0]
    return bool(drawn) and float(np.median([np.mean(each >= each.max() / 2) for each in drawn])) < SPECKLED


def softened(attribution: NDArray[np.float32]) -> NDArray[np.float32]:
    """The map under a Gaussian, its maximum 1 again; flat and undefined maps stay as they are."""
    if not np.isfinite(attribution).all() or np.ptp(attribution) <= 0:
        return attribution
    soft = gaussian_filter(attribution, SIGMA * max(attribution.shape), mode="nearest")
    result: NDArray[np.float32] = soft / soft.max()
    return result


def note(titles: Iterable[Text]) -> Text:
    """Which maps are softened; empty for none."""
    maps = join(titles, ", ")
    return fill("s8.softened", maps=maps, sigma=numbers.share(SIGMA)) if maps else same("")
