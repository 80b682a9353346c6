"""The nouns that travel between the stations, as frozen records.

Nothing here computes. Images are arrays in `[N, H, W]`, boxes are `(x0, y0, x1, y1)` in
pixels with x = column, y = row and half-open ends, and an undefined number is NaN in an
array and None in a finding.
"""

from study.records.data import Dataset, Quarantined, Split
from study.records.findings import (
    Analysis,
    Components,
    Contrast,
    CurveSummary,
    Design,
    Finding,
    ImageDifference,
    Mean,
    MetricFacts,
    RunMean,
    RunStatus,
    SeedDifference,
    Seeding,
)
from study.records.models import Classifier, Curves, ExplainedBatch, Family, Masked
from study.records.pages import ArmChain, Deviation, GalleryMap, GalleryRow, LearningCurve, ReportInput, StudyFacts
from study.records.planning import Job, Plan, Run, Stage, StageContext

__all__ = [
    "Analysis",
    "ArmChain",
    "Classifier",
    "Components",
    "Contrast",
    "CurveSummary",
    "Curves",
    "Dataset",
    "Design",
    "Deviation",
    "ExplainedBatch",
    "Family",
    "Finding",
    "GalleryMap",
    "GalleryRow",
    "ImageDifference",
    "Job",
    "LearningCurve",
    "Masked",
    "Mean",
    "MetricFacts",
    "Plan",
    "Quarantined",
    "ReportInput",
    "Run",
    "RunMean",
    "RunStatus",
    "SeedDifference",
    "Seeding",
    "Split",
    "Stage",
    "StageContext",
    "StudyFacts",
]
