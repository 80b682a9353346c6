"""The nouns that travel between the stations, as frozen records.

Nothing here computes. Images are arrays in `[N, H, W]`, boxes are `(x0, y0, x1, y1)` in
pixels with x = column, y = row and half-open ends, and an undefined number is NaN in an
array and None in a finding.
"""

from study.records.data import Dataset, Quarantined, Split
from study.records.designs import Dose, DoseLevel, DoseResponse, Factorial, FactorialEffect, Weighted
from study.records.effects import Effects
from study.records.findings import (
    Analysis,
    Components,
    Contrast,
    CrossMean,
    CurveSummary,
    Design,
    Finding,
    ImageDifference,
    Mean,
    MetricFacts,
    Ranking,
    RunMean,
    RunStatus,
    SeedDifference,
    Seeding,
)
from study.records.models import Cascade, Classifier, Curves, ExplainedBatch, Family, Masked
from study.records.omnibus import Omnibus
from study.records.pages import (
    ArmChain,
    Deviation,
    GalleryMap,
    GalleryRow,
    LearningCurve,
    MethodMap,
    MethodRow,
    ReportInput,
    ScoreFile,
    StudyFacts,
)
from study.records.planning import Job, Plan, Run, Stage, StageContext
from study.records.reliability import MetricReliability, RunAgreement
from study.records.rules import Rules, UndefinedRule
from study.records.spreads import Spread

__all__ = [
    "Analysis",
    "ArmChain",
    "Cascade",
    "Classifier",
    "Components",
    "Contrast",
    "CrossMean",
    "CurveSummary",
    "Curves",
    "Dataset",
    "Design",
    "Deviation",
    "Dose",
    "DoseLevel",
    "DoseResponse",
    "Effects",
    "ExplainedBatch",
    "Factorial",
    "FactorialEffect",
    "Family",
    "Finding",
    "GalleryMap",
    "GalleryRow",
    "ImageDifference",
    "Job",
    "LearningCurve",
    "Masked",
    "Mean",
    "MethodMap",
    "MethodRow",
    "MetricFacts",
    "MetricReliability",
    "Omnibus",
    "Plan",
    "Quarantined",
    "Ranking",
    "ReportInput",
    "Rules",
    "Run",
    "RunAgreement",
    "RunMean",
    "RunStatus",
    "ScoreFile",
    "SeedDifference",
    "Seeding",
    "Split",
    "Spread",
    "Stage",
    "StageContext",
    "StudyFacts",
    "UndefinedRule",
    "Weighted",
]
