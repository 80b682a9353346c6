"""Made-up records for figures: no number here was ever measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from study.records import (
    Analysis,
    ArmChain,
    Contrast,
    CurveSummary,
    Design,
    Finding,
    ImageDifference,
    LearningCurve,
    Mean,
    MetricFacts,
    RunMean,
    RunStatus,
    SeedDifference,
)
from study.report.figures import sheet

METRICS: Mapping[str, MetricFacts] = {
    "ehr": MetricFacts("ehr", "EHR", True, (0.0, 1.0), 1),
    "energy_pg": MetricFacts("energy_pg", "EnergyPG", True, (0.0, 1.0), 1),
    "deletion": MetricFacts("deletion", "Deletion", False, (0.0, 1.0), 1),
    "faithfulness_gap": MetricFacts("faithfulness_gap", "LeRF − MoRF gap, normalised", True, (None, None), 1),
    "auc": MetricFacts("auc", "AUC", True, (0.0, 1.0), 1, per_run=True, unit="percent"),
}
ODD_NAMES = (
    "MAE_<random>_75%_마스킹 & a very long name, indeed",
    "100%_of_<patches>_are_hidden_무작위_긴_이름",
    "$a$ {b}",
)


@dataclass(frozen=True)
class Judged:
    mark: str
    short: str


@dataclass(frozen=True)
class MadeUp:
    """A study that never was, of any size."""

    n_arms: int = 4
    n_models: int = 2
    n_seeds: int = 5
    n_images: int = 120
    attributions: tuple[str, ...] = ("gradcam", "integrated_gradients")
    metrics: tuple[str, ...] = ("ehr", "energy_pg", "deletion")
    margin: float | None = 0.02
    odd_names: bool = False
    missing: bool = False
    primary: str = "ehr"
    names: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        plain = ("baseline", "MAE random", "MAE center", "MAE → proxy", *(f"arm {n}" for n in range(5, 40)))
        odd = tuple(f"{ODD_NAMES[n % 3]} {n}" for n in range(40))
        chosen = odd if self.odd_names else plain
        object.__setattr__(self, "names", {arm: chosen[i] for i, arm in enumerate(self.arms)})

    @property
    def arms(self) -> tuple[str, ...]:
        return ("baseline", "mae_random", "mae_center", "proxy", *(f"arm_{n}" for n in range(5, 40)))[: self.n_arms]

    @property
    def models(self) -> tuple[str, ...]:
        plain = ("ViT-S/16", "DenseNet-121", "vit_base_patch16_224.augreg_in21k", "ResNet-50")
        return plain[: self.n_models]

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        rows = []
        for i, treatment in enumerate(self.arms[1:]):
            for model in self.models:
                for attribution in self.attributions:
                    for metric in self.metrics:
                        primary = (attribution, metric) == (self.attributions[0], self.primary)
                        rows.append(
                            Contrast(
                                f"{treatment}-{self.arms[0]}-{model}-{attribution}-{metric}",
                                f"Does {self.names[treatment]} help?",
                                "primary" if primary else "secondary",
                                treatment,
                                self.arms[max(0, i - 1)],
                                model,
                                attribution,
                                metric,
                                margin=self.margin if primary else None,
                            )
                        )
        return tuple(rows)

    def finding(self, contrast: Contrast, index: int) -> Finding:
        rng = np.random.default_rng(index)
        estimate, half = float(rng.normal(0.012, 0.02)), float(rng.uniform(0.008, 0.02))
        missing = self.missing and index % 4 == 0
        one_run = self.n_seeds == 1
        facts = METRICS[contrast.metric]

        def known(value: float) -> float | None:
            return None if missing else value

        def retrained(value: float) -> float | None:
            return None if missing or one_run else value

        return Finding(
            contrast_id=contrast.contrast_id,
            question=contrast.question,
            family=contrast.family,
            m=6,
            model=contrast.model,
            attribution=contrast.attribution,
            metric=contrast.metric,
            metric_version=1,
            treatment=contrast.treatment,
            control=contrast.control,
            higher_is_better=facts.higher_is_better,
            status="no_data" if missing else "insufficient_runs" if one_run else "ok",
            sentences_en=("No value of EHR for this arm (0 of 200 images).",) if missing else (),
            sentences_ko=("이 비교군에는 EHR 값이 없음.",) if missing else (),
            n_runs_treatment=self.n_seeds,
            n_runs_control=self.n_seeds,
            n_images=self.n_images,
            n_images_listed=self.n_images + 14,
            mean_treatment=known(0.5 + estimate),
            mean_control=known(0.5),
            estimate=known(estimate),
            ci_low=retrained(estimate - half),
            ci_high=retrained(estimate + half),
            ci90_low=retrained(estimate - 0.8 * half),
            ci90_high=retrained(estimate + 0.8 * half),
            p_adjusted=known(0.357),
            margin=contrast.margin,
            estimate_models=known(estimate),
            ci_models_low=known(estimate - 0.6 * half),
            ci_models_high=known(estimate + 0.6 * half),
            p_improve_images=known(0.76),
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(self.finding(contrast, i) for i, contrast in enumerate(self.contrasts))

    @property
    def seed_differences(self) -> tuple[SeedDifference, ...]:
        return tuple(
            SeedDifference(finding.contrast_id, seed, finding.estimate + 0.012 * np.sin(seed * 2.1 + i))
            for i, finding in enumerate(self.findings)
            if finding.estimate is not None
            for seed in range(self.n_seeds)
        )

    @property
    def verdicts(self) -> Mapping[str, Judged]:
        kinds = (
            Judged("black", "better, ≥ 0.02"),
            Judged("white", "inconclusive"),
            Judged("grey", "equivalent"),
            Judged("black", "worse"),
        )
        return {
            finding.contrast_id: kinds[i % 4] if finding.estimate is not None else Judged("none", "not tested")
            for i, finding in enumerate(self.findings)
        }

    @property
    def image_differences(self) -> tuple[ImageDifference, ...]:
        rows = []
        for i, finding in enumerate(self.findings):
            if finding.family != "primary" or finding.estimate is None:
                continue
            rng = np.random.default_rng(1000 + i)
            control = rng.normal(0.5, 0.12, self.n_images)
            treatment = control + rng.normal(finding.estimate, 0.07, self.n_images)
            rows += [
                ImageDifference(finding.contrast_id, f"img_{n:03d}", float(a), float(b), float(a - b))
                for n, (a, b) in enumerate(zip(treatment, control, strict=True))
            ]
        return tuple(rows)

    @property
    def runs(self) -> tuple[RunStatus, ...]:
        return tuple(
            RunStatus(f"{arm}-{model}-seed{seed}", arm, model, seed, *self._state(arm, seed))
            for arm in self.arms
            for model in self.models
            for seed in range(self.n_seeds)
        )

    def _state(self, arm: str, seed: int) -> tuple[str, str]:
        lost = self.n_seeds > 1 and arm == self.arms[-1] and seed == 1
        return ("failed", "NaN loss in epoch 31 of fine-tuning") if lost else ("done", "")

    @property
    def cells(self) -> list[tuple[str, str]]:
        controls = ("control_random", "control_center", "control_fakecam")
        mapped = [(a, m) for a in (*self.attributions, *controls) for m in self.metrics]
        return [*mapped, ("", "auc")]

    @property
    def run_means(self) -> tuple[RunMean, ...]:
        return tuple(
            RunMean(
                run.run_id,
                run.arm,
                run.model,
                run.seed,
                attribution,
                metric,
                0.5 + 0.02 * self.arms.index(run.arm) + 0.01 * np.sin(run.seed * 1.7),
                self.n_images,
                0,
            )
            for run in self.runs
            if run.state == "done"
            for attribution, metric in self.cells
        )

    @property
    def means(self) -> tuple[Mean, ...]:
        levels = {"control_random": 0.21, "control_center": 0.46, "control_fakecam": 0.2}
        return tuple(
            Mean(
                arm,
                model,
                attribution,
                metric,
                self.n_seeds,
                self.n_images,
                2,
                levels.get(attribution, 0.49 + 0.015 * i),
                0.008,
                0.1,
                0.45,
                0.55,
                0.46,
                0.54,
            )
            for i, arm in enumerate(self.arms)
            for model in self.models
            for attribution, metric in self.cells
        )

    @property
    def curves(self) -> tuple[CurveSummary, ...]:
        x = np.linspace(0, 1, 33)
        rows = []
        for attribution in self.attributions:
            for model in self.models:
                for i, arm in enumerate(self.arms):
                    shapes = {
                        "insertion_morf": 0.08 + 0.84 * (1 - np.exp(-(3 + 0.4 * (i % 4)) * x)),
                        "deletion_morf": 0.08 + 0.84 * np.exp(-(4.2 + 0.6 * (i % 4)) * x),
                        "deletion_lerf": 0.92 - 0.84 * x ** (2.6 + 0.5 * (i % 4)),
                    }
                    base = {
                        "insertion_morf": 0.08 + 0.84 * (1 - np.exp(-3 * x)),
                        "deletion_morf": 0.08 + 0.84 * np.exp(-4.2 * x),
                        "deletion_lerf": 0.92 - 0.84 * x**2.6,
                    }
                    for curve, mean in shapes.items():
                        d = mean - base[curve] if i else np.empty(0)
                        w = 0.02 * np.sin(np.pi * x) + 0.002 if i else np.empty(0)
                        rows.append(
                            CurveSummary(
                                arm,
                                model,
                                attribution,
                                curve,
                                x.tolist(),
                                mean.tolist(),
                                d.tolist(),
                                (d - w).tolist(),
                                (d + w).tolist(),
                                self.n_seeds,
                                self.n_images,
                            )
                        )
        return tuple(rows)

    @property
    def design(self) -> Design:
        return Design(
            study="made_up",
            arms=self.arms,
            reference=self.arms[0],
            models=self.models,
            seeds=tuple(range(self.n_seeds)),
            seeding="nested",
            contrasts=self.contrasts,
            metrics=METRICS,
            attributions=self.attributions,
            controls=("control_random", "control_center", "control_fakecam"),
            runs=self.runs,
        )

    @property
    def analysis(self) -> Analysis:
        return Analysis(
            design=self.design,
            findings=self.findings,
            means=self.means,
            run_means=self.run_means,
            components=(),
            image_differences=self.image_differences,
            seed_differences=self.seed_differences,
            curves=self.curves,
        )

    @property
    def chains(self) -> tuple[ArmChain, ...]:
        chest, shoulder = ("mae", "chest, random 75%"), ("mae", "shoulder, center 75%")
        finetune = ("finetune", "shoulder, 75 epochs")
        known = (
            (finetune,),
            (chest, finetune),
            (chest, shoulder, finetune),
            (chest, ("rotation", "shoulder"), finetune),
        )
        return tuple(
            ArmChain(arm, known[i % 4], tuple(f"key{i}{n}" for n in range(len(known[i % 4]))))
            for i, arm in enumerate(self.arms)
        )

    @property
    def learning(self) -> tuple[LearningCurve, ...]:
        rows = []
        for chain in self.chains:
            for model in self.models:
                for seed in range(self.n_seeds):
                    for kind, _ in chain.stages:
                        loss = [
                            1.4 * (0.8 - 0.03 * self.arms.index(chain.arm)) ** e + 0.02 * seed + 0.05 for e in range(20)
                        ]
                        series = {"loss": loss, "val_auc": [1 - v / 3 for v in loss]}
                        run_id = f"{chain.arm}-{model}-seed{seed}"
                        rows.append(LearningCurve(run_id, chain.arm, model, seed, kind, list(range(1, 21)), series, {}))
        return tuple(rows)


_FINER = 4


@dataclass
class Drawn:
    """What was measured on a figure when it became SVG, in points."""

    name: str
    size: tuple[float, float]
    texts: list[tuple[str, Bbox]]

    def outside(self) -> list[str]:
        width, height = self.size
        return [
            text
            for text, box in self.texts
            if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > width + 0.5 or box.y1 > height + 0.5
        ]

    def overlapping(self) -> list[tuple[str, str]]:
        return [
            (a, b) for i, (a, one) in enumerate(self.texts) for b, two in self.texts[i + 1 :] if _depth(one, two) > 1.0
        ]


def _depth(one: Bbox, two: Bbox) -> float:
    """How far two boxes reach into each other, in points."""
    across = min(one.x1, two.x1) - max(one.x0, two.x0)
    down = min(one.y1, two.y1) - max(one.y0, two.y0)
    return min(across, down)


@contextmanager
def measuring() -> Iterator[list[Drawn]]:
    """Every figure made meanwhile, with the extent of each of its texts."""
    made: list[Drawn] = []
    real = sheet.svg

    def measured(figure: Figure, name: str, label: str) -> str:
        text = real(figure, name, label)
        figure.set_dpi(72 * _FINER)  # hinting makes letters too wide on coarse pixels
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        shown = [each for each in figure.findobj(Text) if each.get_visible() and each.get_text().strip()]
        boxes = [(each.get_text(), Bbox(each.get_window_extent(renderer).get_points() / _FINER)) for each in shown]
        made.append(Drawn(name, (figure.bbox.width / _FINER, figure.bbox.height / _FINER), boxes))
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet, "svg", measured)
        yield made


@pytest.fixture
def drawn() -> Iterator[list[Drawn]]:
    """Every figure made in the test, with the extent of each of its texts."""
    with measuring() as made:
        yield made


@pytest.fixture
def made_up() -> MadeUp:
    """Four arms, two models, five seeds."""
    return MadeUp()


@pytest.fixture
def film() -> NDArray[np.uint8]:
    """A round bright thing on black, 64 by 64."""
    y, x = np.mgrid[0:64, 0:64]
    return np.asarray(200 * np.exp(-((x - 32) ** 2 + (y - 28) ** 2) / 300), dtype=np.uint8)
