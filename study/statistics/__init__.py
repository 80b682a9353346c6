"""Score table -> findings.

In comes one row per run, image, attribution and metric; out comes an `Analysis`: for each
contrast of the protocol an estimate with an interval for every question it can answer, and
the notes that must be read with it. The report reads nothing else.

Rows are not replicates. A study has two random axes, training runs and test images, and they are
crossed, so one formula (`primary`) serves means and AUC alike; what it says is checked by
companions that hold one axis fixed and by one set of resampling weights shared by all
numbers. No p-value over pooled rows exists anywhere in this package.

Beside the contrasts of arms, `rankings` says which attribution method each metric prefers within an arm, and `cross`
how an arm's maps do on the models of others. `omnibus_arms` compares all arms at once, `agreement` says how alike runs
explain, and `reliability` whether a metric can carry a conclusion.

The mathematics (`primary companions bootstrap effect_sizes multiplicity equivalence auc classification components
omnibus factorial planning pooled simultaneous`) is pure functions over arrays; `cells` and `missing` turn the table
into arrays without holes; `drafts comparison run_contrasts effects resampling resampled_effects undefined families notes
means summaries rankings cross omnibus_arms agreement reliability` fill records; `analyse` carries it all on.
"""

from study.statistics.agreement import AGREEMENT_COLUMNS
from study.statistics.analyse import analyse
from study.statistics.curves import CurveTable
from study.statistics.findings_io import PAIRS, read_findings, write_findings

__all__ = ["AGREEMENT_COLUMNS", "PAIRS", "CurveTable", "analyse", "read_findings", "write_findings"]
