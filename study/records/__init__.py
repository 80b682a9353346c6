"""The nouns that travel between the stations, as frozen records.

Nothing here computes. Images are arrays in `[N, H, W]`, boxes are `(x0, y0, x1, y1)` in
pixels with x = column, y = row and half-open ends, and an undefined number is NaN in an
array and None in a finding.
"""

from study.records.data import Dataset, Findings, NoLabels, Quarantined, Split
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
from study.records.models import Cascade, Classifier, Curves, ExplainedBatch, Family, Masked, Outputs
from study.records.omnibus import Omnibus
from study.records.pages import (
    ArmChain,
    Caution,
    Deviation,
    GalleryMap,
    GalleryRow,
    LearningCurve,
    MaskExample,
    MethodMap,
    MethodRow,
    ReportInput,
    ScoreFile,
    StageRate,
    StudyFacts,
)
from study.records.planning import Allowance, Job, Plan, Run, Stage, StageContext
from study.records.reliability import MetricReliability, RunAgreement
from study.records.resources import Requests, Resources
from study.records.rules import Rules, UndefinedRule
from study.records.spreads import Spread

__all__ = [
    "Allowance",
    "Analysis",
    "ArmChain",
    "Cascade",
    "Caution",
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
    "Findings",
    "GalleryMap",
    "GalleryRow",
    "ImageDifference",
    "Job",
    "LearningCurve",
    "MaskExample",
    "Masked",
    "Mean",
    "MethodMap",
    "MethodRow",
    "MetricFacts",
    "MetricReliability",
    "NoLabels",
    "Omnibus",
    "Outputs",
    "Plan",
    "Quarantined",
    "Ranking",
    "ReportInput",
    "Requests",
    "Resources",
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
    "StageRate",
    "StudyFacts",
    "UndefinedRule",
    "Weighted",
]
