"""What a protocol is once everything in it has been checked."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from study.protocol.cluster import SlurmSettings
from study.protocol.data import DataSettings
from study.protocol.designs import default_pairs, dose_of, factorial_of
from study.protocol.inference import InferenceSettings
from study.protocol.stages import StageSettings
from study.records import Allowance, Contrast, Dose, Factorial, Family, MetricFacts, Seeding
from study.registry import ATTRIBUTIONS, METRICS, RUN_METRICS, concept_facts, model_family

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""Names that become file names: studies, arms and datasets."""
Text = Annotated[str, Field(min_length=1)]
Language = Literal["en", "ko"]


class Frozen(BaseModel):
    """No unknown keys, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChainStage(Frozen):
    """One stage of an arm's chain: a registered training stage and its settings."""

    kind: str
    settings: SerializeAsAny[StageSettings]


class Chosen(Frozen):
    """An attribution or metric as the protocol asks for it.

    Attributes:
        name: as in the registry.
        label: its name in every table: `name`, or `name[k=v]` where a parameter is not the default.
        settings: every parameter, defaults written out.
    """

    name: str
    label: str
    settings: dict[str, Any]


class Primary(Frozen):
    """The one question that is tested without correction for all the others."""

    attribution: Text
    metric: Text


class DeclaredContrast(Frozen):
    """Two arms to compare: treatment minus control."""

    treatment: Text
    control: Text
    question: Text | None = None
    """What the report calls this comparison; default: `treatment vs control`."""


class ConceptSettings(Frozen):
    """Network dissection: how many parts of the films single units of the classifier answer to."""

    layers: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (1, 2)
    """Depths as for `layer:` of the attributions."""
    quantile: Annotated[float, Gt(0), Lt(0.5)] = 0.005
    """Share of a unit's activations that counts as high."""
    min_iou: Annotated[float, Gt(0), Lt(1)] = 0.04
    """Overlap with a part from which a unit is its detector."""


class AnalysisSettings(InferenceSettings):
    """What is tested and how; fixed before results are seen."""

    primary: Primary | None = None
    """Required where two arms or more are compared."""
    contrasts: tuple[DeclaredContrast, ...] = ()
    """Default: every arm against the reference; with `factors` the two simple effects of the first factor, and arms
    outside the factors against the reference."""
    margins: dict[str, Annotated[float, Gt(0)]] = Field(default_factory=dict)
    """Differences that would not matter, per metric, for tests of equivalence."""
    alpha: Annotated[float, Gt(0), Lt(0.5)] = 0.05
    resamples: Annotated[int, Ge(100), Le(1_000_000)] = 10_000
    resampling_seed: Annotated[int, Ge(0)] = 20240501
    weight: Literal["image", "patient"] = "image"


class ReportSettings(Frozen):
    """How the report looks; never part of a key."""

    languages: Annotated[tuple[Language, ...], MinLen(1)] = ("en",)
    images: bool = True
    """Show films with their maps (section 8 of the report); false where no image may leave the site."""
    notes: Text | None = None
    """A YAML file with the team's words (questions, decisions, remarks); default: `notes.yaml` beside the protocol."""

    def notes_path(self, root: Path) -> Path:
        """Where the notes are or would be."""
        return root / (self.notes or "notes.yaml")


class DispatchSettings(Frozen):
    """Where the work is done; never part of a key."""

    cluster: Literal["local", "inline", "slurm"] = "local"
    workers: Annotated[int, Ge(1), Le(512)] | None = None
    """Stages at a time; default: what the machine has, on SLURM as many as the scheduler starts."""
    slurm: SlurmSettings = SlurmSettings()
    """What jobs ask for on SLURM."""
    gpus_per_run: Annotated[int, Ge(1), Le(64)] = 1
    """GPUs of one machine that share each training; batch and step stay what the recipe says."""
    cpus_per_run: Annotated[int, Ge(1), Le(64)] = 1
    """Processes that share each training where there is no GPU."""
    tensorboard: bool = False
    """Write event files of the trainings to runs/studies/<study>/tensorboard."""

    @property
    def allowance(self) -> Allowance:
        """What one training may use."""
        return Allowance(gpus=self.gpus_per_run, cpus=self.cpus_per_run, tensorboard=self.tensorboard)


class Comparison(Frozen):
    """The half of a study that the statistics read; scores made elsewhere come with no other."""

    study: Name
    title: Text | None = None
    question: Text
    models: Annotated[tuple[Text, ...], MinLen(1)]
    reference: Text
    seeds: Annotated[tuple[Annotated[int, Ge(0)], ...], MinLen(1)]
    seeding: Seeding = "nested"
    analysis: AnalysisSettings = AnalysisSettings()
    report: ReportSettings = ReportSettings()

    @property
    @abstractmethod
    def arm_names(self) -> tuple[str, ...]:
        """The arms in the file's order."""

    @property
    @abstractmethod
    def attribution_labels(self) -> tuple[str, ...]:
        """Labels of all attributions, controls included."""

    @property
    @abstractmethod
    def control_labels(self) -> tuple[str, ...]:
        """Labels of the attributions that are yardsticks, not explanations."""

    @property
    @abstractmethod
    def metric_labels(self) -> tuple[str, ...]:
        """Labels of everything measured on maps."""

    @property
    @abstractmethod
    def metric_facts(self) -> dict[str, MetricFacts]:
        """Label -> direction, bounds and title, the run metrics included."""

    @property
    def factorial(self) -> Factorial | None:
        """The two factors of two levels, where the protocol has them."""
        return factorial_of(self.analysis.factors)

    @property
    def dose(self) -> Dose | None:
        """The doses, where the protocol has them."""
        return dose_of(self.analysis.dose)

    def contrasts(self, margins_set_later: Collection[str] = ()) -> tuple[Contrast, ...]:
        """What the statistics may test: primary ones first, then secondary, model by model.

        Primary are the declared pairs of arms (default: every arm minus the reference; with two factors
        `designs.default_pairs`) on the
        primary attribution and metric; secondary the same pairs on every other declared metric
        and attribution that is not a control, and on the metrics of `analysis.classification` (attribution ""; default:
        the AUC). None in a study of one arm.

        Args:
            margins_set_later: metrics whose margin was declared after results existed (`Lock`).
        """
        if self.analysis.primary is None:
            return ()
        primary = (self.analysis.primary.attribution, self.analysis.primary.metric)
        cells = [
            (attribution, metric)
            for attribution in self.attribution_labels
            if attribution not in self.control_labels
            for metric in self.metric_labels
        ]
        cells += [("", metric) for metric in self.analysis.classification]
        ordered = [primary, *(cell for cell in cells if cell != primary)]
        return tuple(
            self._contrast(pair, model, cell, is_primary=cell == primary, later=cell[1] in margins_set_later)
            for cell in ordered
            for model in self.models
            for pair in self._pairs()
        )

    def _pairs(self) -> Iterator[DeclaredContrast]:
        if self.analysis.contrasts:
            yield from self.analysis.contrasts
            return
        if self.factorial is not None:
            for treatment, control, question in default_pairs(self.factorial, self.arm_names, self.reference):
                yield DeclaredContrast(treatment=treatment, control=control, question=question)
            return
        for arm in self.arm_names:
            if arm != self.reference:
                yield DeclaredContrast(treatment=arm, control=self.reference)

    def _contrast(
        self, pair: DeclaredContrast, model: str, cell: tuple[str, str], *, is_primary: bool, later: bool
    ) -> Contrast:
        attribution, metric = cell
        words = (f"{pair.treatment}-vs-{pair.control}", model, attribution, metric)
        margin = self.analysis.margins.get(metric)
        return Contrast(
            contrast_id=".".join(word for word in words if word),
            question=pair.question or f"{pair.treatment} vs {pair.control}",
            family="primary" if is_primary else "secondary",
            treatment=pair.treatment,
            control=pair.control,
            model=model,
            attribution=attribution,
            metric=metric,
            margin=margin,
            margin_set_later=later and margin is not None,
            noninferiority=metric in self.analysis.noninferiority and margin is not None,
        )


class Fields(Comparison):
    """The parts of a protocol that need no registry, with their defaults."""

    target: Name
    image_size: Annotated[int, Ge(16), Le(1024)]
    reference: Name
    share_pretraining: bool = False
    target_class: Literal["label", "predicted"] = "label"
    concepts: ConceptSettings | None = None
    dispatch: DispatchSettings = DispatchSettings()


class Protocol(Fields):
    """A study, checked: every name is known and every pair is possible.

    Attributes:
        title: the report's; the study's name in words where none is given.
        data: dataset name -> settings of its format.
        arms: arm -> its chain, first stage to classifier, in the file's order.
        explain, measure: what is computed, in the file's order.
        source: the YAML file.
        root: folder that relative paths start from: the file's own.
    """

    title: Text
    data: dict[str, SerializeAsAny[DataSettings]]
    arms: dict[str, tuple[ChainStage, ...]]
    explain: tuple[Chosen, ...]
    measure: tuple[Chosen, ...]
    source: Path
    root: Path

    @property
    def weight_files(self) -> tuple[str, ...]:
        """Checkpoints that `weights` stages of these models name, as the file writes them."""
        chains = (self.chain(arm, model) for arm in self.arms for model in self.models)
        settings = (stage.settings for chain in chains for stage in chain)
        named = (getattr(each, path) for each in settings for path in each.paths)
        return tuple(dict.fromkeys(file for file in named if file is not None))

    @property
    def datasets_used(self) -> tuple[str, ...]:
        """Datasets that some stage reads; others in the file are left alone."""
        named = (stage.settings.data or self.target for chain in self.arms.values() for stage in chain)
        return tuple(dict.fromkeys((self.target, *named)))

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The arms in the file's order."""
        return tuple(self.arms)

    @property
    def attribution_labels(self) -> tuple[str, ...]:
        """Labels of everything explained, controls included."""
        return tuple(chosen.label for chosen in self.explain)

    @property
    def control_labels(self) -> tuple[str, ...]:
        """Labels of the attributions that are yardsticks, not explanations."""
        return tuple(chosen.label for chosen in self.explain if ATTRIBUTIONS[chosen.name].control)

    @property
    def metric_labels(self) -> tuple[str, ...]:
        """Labels of everything measured on maps."""
        return tuple(chosen.label for chosen in self.measure)

    @property
    def metric_facts(self) -> dict[str, MetricFacts]:
        """Label -> direction, bounds and title, the run metrics included."""
        measured = {chosen.label: METRICS[chosen.name].facts(chosen.label) for chosen in self.measure}
        layers = self.concepts.layers if self.concepts else ()
        concepts = [facts for layer in layers for facts in concept_facts(layer)]
        return measured | dict(RUN_METRICS) | {facts.name: facts for facts in concepts}

    def family(self, model: str) -> Family:
        """The family of one of `models`."""
        family = model_family(model)
        assert family is not None, "read() has checked it"
        return family

    def chain(self, arm: str, model: str) -> tuple[ChainStage, ...]:
        """The arm's stages with every `None` replaced by what suits the model."""
        family = self.family(model)
        return tuple(
            ChainStage(
                kind=stage.kind, settings=stage.settings.resolved(model=model, family=family, target=self.target)
            )
            for stage in self.arms[arm]
        )

    def plain(self) -> dict[str, Any]:
        """The resolved protocol as plain data, in the words of the file, defaults written out."""
        settings = self.model_dump(mode="json", exclude={"source", "root", "arms", "explain", "measure"})
        return settings | {
            "arms": {arm: [_entry(s.kind, s.settings.written()) for s in c] for arm, c in self.arms.items()},
            "explain": [_entry(chosen.name, chosen.settings) for chosen in self.explain],
            "measure": [_entry(chosen.name, chosen.settings) for chosen in self.measure],
        }


def _entry(name: str, settings: dict[str, Any]) -> dict[str, Any] | str:
    """`name` or `{name: {settings}}`, as a protocol writes it; settings without a value are left out."""
    given = {key: value for key, value in settings.items() if value is not None}
    return {name: given} if given else name
