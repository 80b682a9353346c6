"""What the report reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from study.records.findings import Analysis


@dataclass(frozen=True)
class Deviation:
    """A change of the protocol after it was locked, and what was known by then."""

    when: str
    where: str
    before: str
    after: str
    runs_finished: int


@dataclass(frozen=True)
class ArmChain:
    """An arm for the design figure: its stages as (kind, short text), first to last."""

    arm: str
    stages: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class StageRate:
    """The learning rate of one training stage of a model, and the number of films per step that it is for."""

    model: str
    kind: str
    data: str
    lr: float
    batch_size: int


@dataclass(frozen=True)
class GalleryMap:
    """One attribution for the gallery: the first seed's map and the run-averaged value."""

    arm: str
    attribution: NDArray[np.float32]
    value: float | None


@dataclass(frozen=True)
class GalleryRow:
    """One image across arms, chosen by rule, or by hand; `difference` is None where this image has none."""

    image_id: str
    model: str
    rule: Literal["gain", "median", "loss", "hand"]
    contrast_id: str
    difference: float | None
    label: str
    image: NDArray[np.uint8]
    boxes: NDArray[np.int32]
    maps: tuple[GalleryMap, ...]


@dataclass(frozen=True)
class MethodMap:
    """One attribution's map for the gallery of methods, [H, W] in [0, 1]."""

    attribution: str
    map: NDArray[np.float32]


@dataclass(frozen=True)
class MethodRow:
    """One image under every attribution of one run, chosen by how sure that run is of its label."""

    image_id: str
    run_id: str
    rule: Literal["surest", "median", "least_sure"]
    probability: float
    label: str
    image: NDArray[np.uint8]
    boxes: NDArray[np.int32]
    maps: tuple[MethodMap, ...]


@dataclass(frozen=True)
class LearningCurve:
    """History of one training stage of one run."""

    run_id: str
    arm: str
    model: str
    seed: int
    stage: str
    epochs: Sequence[int]
    series: Mapping[str, Sequence[float | None]]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class MaskExample:
    """A mask that a pretraining stage draws, on a film of its data.

    Attributes:
        data, masking, ratio: name of the data, kind of mask, share of hidden patches from 0 to 1.
        image: [H, W] uint8.
        hidden: [rows, columns] bool, True = hidden patch.
        central, remainder: share of hidden patches in the central quarter of the film and elsewhere, over many masks;
            None where no patch lies there.
    """

    data: str
    masking: str
    ratio: float
    image: NDArray[np.uint8]
    hidden: NDArray[np.bool_]
    central: float | None
    remainder: float | None


@dataclass(frozen=True)
class ScoreFile:
    """A table that was made elsewhere.

    Attributes:
        scores: whether it holds scores, not predictions.
        encoding: `utf8`, `utf-16`, `cp949` or `parquet`.
        ignored: columns that nothing is known of.
        has_clusters: whether it says which images belong to one patient.
        undefined: reason -> how many values are not defined; '' where no reason is given.
    """

    name: str
    sha256: str
    n_rows: int
    scores: bool
    encoding: str
    ignored: tuple[str, ...]
    has_clusters: bool
    undefined: Mapping[str, int]


@dataclass(frozen=True)
class Caution:
    """Something a reader should be warned of.

    Attributes:
        kind: which one; the report has the words as `caution.` and this.
        values: what the words name: labels, counts, shares from 0 to 1.
    """

    kind: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class StudyFacts:
    """What the report says of the study besides its numbers.

    Attributes:
        protocol: the resolved protocol as plain data.
        protocol_hash, protocol_locked: of the locked protocol; ISO time of the lock.
        deviations: changes after the lock.
        chains: the arms, in the protocol's order.
        datasets: name -> counts, classes, quarantined files, channels, resize rule, mean, std.
        provenance: commit, clean or not, versions, host, hardware, seconds per stage kind, store keys.
        warnings: for the warnings box of section 9.
        date: ISO date printed in the report.
        number: report number, counted from 1.
        tables: the files that the scores were read from; empty where this package trained and measured. With tables
            there are no chains, no datasets, and nothing is known of the training.
        rates: learning rates of the stages, each once, in the order of the chains.
    """

    study: str
    question: str
    title: str
    protocol: Mapping[str, Any]
    protocol_hash: str
    protocol_locked: str
    deviations: tuple[Deviation, ...]
    chains: tuple[ArmChain, ...]
    datasets: Mapping[str, Mapping[str, Any]]
    provenance: Mapping[str, Any]
    warnings: tuple[Caution, ...]
    date: str
    number: int
    tables: tuple[ScoreFile, ...] = ()
    rates: tuple[StageRate, ...] = ()


@dataclass(frozen=True)
class ReportInput:
    """All the report reads."""

    facts: StudyFacts
    analysis: Analysis
    gallery: tuple[GalleryRow, ...]
    learning: tuple[LearningCurve, ...]
    languages: tuple[Literal["en", "ko"], ...]
    notes_path: Path | None = None
    previous_results: Mapping[str, Any] | None = None
    methods: tuple[MethodRow, ...] = ()
    masks: tuple[MaskExample, ...] = ()
