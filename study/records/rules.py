"""Choices of the analysis that a protocol may make beside its contrasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

UndefinedRule = Literal["drop", "worst"]


@dataclass(frozen=True)
class Rules:
    """Fixed before results are seen; the defaults are what `analyse` does without being asked.

    Attributes:
        strata: `class` draws resampled images within the classes of the target.
        simultaneous: intervals that hold for a whole family at once, and for primary contrasts the p that goes with
            them.
        gate: secondary contrasts are confirmatory only where the primary contrasts of their question are told apart.
        adjust_secondary: Benjamini-Hochberg, or Benjamini-Yekutieli for any dependence.
        pool_run_variance: one run variance for all arms; never with paired seeds.
        images: `common` compares runs on the images that all of them list; `same` refuses other lists.
        undefined: metric -> `worst`: an undefined value counts as the metric's worst; `drop` (default): it is left out.
    """

    strata: Literal["none", "class"] = "none"
    simultaneous: bool = False
    gate: bool = False
    adjust_secondary: Literal["bh", "by"] = "bh"
    pool_run_variance: bool = False
    images: Literal["same", "common"] = "same"
    undefined: Mapping[str, UndefinedRule] = field(default_factory=dict)
