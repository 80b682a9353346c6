"""What a line of a registry says, and how its object is found."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from study.records import Family, MetricFacts

Need = Literal["boxes", "curves", "masked", "cross", "cascade"]
BOTH: tuple[Family, ...] = ("vit", "cnn")


@dataclass(frozen=True)
class Entry:
    """A line of a registry: `path` is `module:object`, `version` counts changes of numbers."""

    path: str
    title: str
    version: int = 1


@dataclass(frozen=True)
class Metric(Entry):
    """A per-image metric: `(ExplainedBatch, **parameters) -> [B] float64`, NaN = undefined.

    `needs`: what is computed before and shared: perturbation `curves`, the answer to `masked` images,
    curves on the models of other arms (`cross`), maps of a model whose weights are redrawn (`cascade`).
    `true_zero`: whether 0 means that there is nothing; None = where the lower bound is 0.
    `curve`: settings of the shared curves that are no parameters. `random`: reads the batch's seeds.
    """

    higher_is_better: bool | None = None
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    needs: tuple[Need, ...] = ()
    group: Literal["agreement", "faithfulness", "masking", "sanity"] = "faithfulness"
    random: bool = False
    curve: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    undefined: str = ""
    true_zero: bool | None = None

    def facts(self, label: str) -> MetricFacts:
        """The part of this line that tables and verdicts need, under the score table's name."""
        return MetricFacts(
            name=label,
            title=self.title,
            higher_is_better=self.higher_is_better,
            bounds=self.bounds,
            version=self.version,
            undefined=self.undefined,
            group=self.group,
            true_zero=self.bounds[0] == 0 if self.true_zero is None else self.true_zero,
        )


@dataclass(frozen=True)
class Attribution(Entry):
    """An attribution method: raw signed maps [B, h, w] for images and targets.

    `rectified`: negative values carry no meaning (CAMs) and are cut before upsampling.
    `control`: not an explanation but a yardstick; shown in the controls of every report.
    `shares`: what it is made of and others are too; those are made in one pass over the films.
    `class_free`: the map does not depend on the target.
    `random`: reads its per-image seeds. `references`: reads films that the model was trained on.
    `architectures`: how the names of models begin that it is defined for; empty for all of `families`.
    """

    families: tuple[Family, ...] = BOTH
    architectures: tuple[str, ...] = ()
    rectified: bool = False
    control: bool = False
    shares: Literal["features", "gradients"] | None = None
    class_free: bool = False
    random: bool = False
    references: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Training(Entry):
    """A stage of a chain. `settings` is the class in `study.protocol.stages` that describes it.

    `supervised`: makes the classifier, hence ends the chain. `labelled`: reads labels; passes on the trunk only.
    `given`: trains nothing but brings weights that are there, hence starts the chain and knows no seed.
    """

    settings: str = ""
    supervised: bool = False
    labelled: bool = False
    given: bool = False
    families: tuple[Family, ...] = BOTH


@dataclass(frozen=True)
class Format(Entry):
    """A data format. `settings` is the class in `study.protocol.data` that describes it."""

    settings: str = ""


E = TypeVar("E", bound=Entry)


class Registry(Mapping[str, E]):
    """Names as written in a protocol, each with its line."""

    def __init__(self, noun: str, entries: Mapping[str, E]) -> None:
        self.noun = noun
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> E:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """The object behind `name`; imports its module on first use."""
        module, _, attribute = self._entries[name].path.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def unknown(self, name: str) -> str:
        """The sentence for a name that is not here, with the nearest one that is."""
        return unknown(self.noun, name, self._entries)


def unknown(noun: str, name: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """`'centre' is not a known masking; did you mean 'center'?` and the list of what is known."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"'{name}' is not a known {noun}{hint}\nknown: {', '.join(sorted(known))}"
