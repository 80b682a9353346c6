"""A made-up study for the report's tests: every number here is invented, for layout only."""

from __future__ import annotations

from collections.abc import Iterator

from report_analysis import analysis
from report_design import ARMS, Made
from report_films import gallery, method_gallery

from study.records import ArmChain, Caution, Deviation, LearningCurve, ReportInput, StageRate, StudyFacts

__all__ = ["ARMS", "Made", "made_up"]


_WHOLE = Made()


def made_up(made: Made = _WHOLE) -> ReportInput:
    """A whole `ReportInput`."""
    analysed = analysis(made)
    return ReportInput(
        facts=_facts(made),
        analysis=analysed,
        gallery=tuple(gallery(made, analysed)) if made.gallery else (),
        learning=tuple(_learning(made)),
        languages=made.languages,
        methods=tuple(method_gallery(made)) if made.methods else (),
    )


def _stages(arm: str) -> tuple[tuple[str, str], ...]:
    last = ("finetune", "shoulder, 40 epochs")
    if arm == "baseline":
        return (last,)
    if arm == "proxy":
        return (("mae", "chest, random 75%"), ("rotation", "shoulder"), last)
    return (("mae", f"chest, {'center' if 'center' in arm else 'random'} 75%"), last)


def _facts(made: Made) -> StudyFacts:
    return StudyFacts(
        study="made_up",
        question="Does MAE pretraining change where attributions lie? (made-up data)",
        title="Chest-MAE pretraining: where attributions lie",
        protocol={
            "study": "made_up",
            "target": "shoulder",
            "image_size": 64,
            "target_class": "label",
            "report": {"notice": "Made-up data, for tests only"},
        },
        protocol_hash="sha256:9c1e77a0b1c2d3e4",
        protocol_locked="2024-04-01T09:30:00+00:00",
        deviations=(Deviation("2024-04-03T10:00:00", "seeds", "[11, 12]", "[11, 12, 13]", 4),) if made.failed else (),
        chains=tuple(ArmChain(arm, _stages(arm), ("a1b2c3",) * len(_stages(arm))) for arm in made.arms),
        datasets={
            "shoulder": {
                "films": {"train": 300, "val": 100, "test": made.images + 2},
                "classes": ["normal", "loose"],
                "resize": "letterbox",
                "mean": 0.4312,
                "digest": "sha256:1f0c9ae2",
                "quarantined": [{"path": "images/broken_017.png", "reason": "the file ends too early"}],
            },
            "chest": {"films": {"unlabelled": 2000}, "digest": "sha256:77d041b3", "quarantined": []},
        },
        provenance={
            "commit": "4be21f0aa1",
            "clean": True,
            "versions": {"python": "3.11.2", "torch": "2.15", "timm": "1.0"},
            "host": "workstation",
            "hardware": "2 cores, 24 GB",
            "seconds": {"mae": 1200.0, "finetune": 810.0, "explain": 60.0},
        },
        warnings=(Caution("saturated", {"arm": "mae_random", "seed": 11, "accuracy": 0.995, "chance": 0.25}),),
        date="2024-04-15",
        number=7,
        rates=tuple(
            StageRate(model, kind, data, lr, batch_size)
            for model in made.models
            for kind, data, lr, batch_size in (
                ("mae", "chest", 0.002, 64),
                ("mae", "shoulder", 0.0005, 64),
                ("finetune", "shoulder", 0.001, 32),
            )
        ),
    )


def _learning(made: Made) -> Iterator[LearningCurve]:
    epochs = list(range(1, 21))
    for model in made.models:
        for arm in made.arms:
            for seed in made.seeds:
                for place, (kind, _) in enumerate(_stages(arm), start=1):
                    loss = [1.0 / (epoch + seed % 3) + 0.1 for epoch in epochs]
                    yield LearningCurve(
                        f"{arm}-{model}-seed{seed}", arm, model, seed, f"{place} {kind}", epochs, {"loss": loss}, {}
                    )
