"""The end of a study: store -> tables -> statistics -> gallery -> report.

In: a protocol, its plan and whatever the store holds of it. Out: `reports/<study>/` with the
report and the findings. Nothing here trains or scores; like `pipeline`, this package only hands
the results of one station to the next, and it is the only reader of both the store and the report.

The conclusion has a key of its own (what was finished, what was asked, the software's version):
when nothing changed, nothing is computed again, and a partial report can never be taken for the
full one. Reports are numbered; earlier ones stay in `reports/<study>/earlier/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.conclude.asked import key_of
from study.conclude.numbered import Conclusion, once
from study.errors import StudyError
from study.protocol import Lock, Protocol
from study.records import Plan, RunStatus
from study.store import Store

__all__ = ["Conclusion", "conclude"]


def conclude(
    protocol: Protocol, plan: Plan, store: Store, *, lock: Lock, statuses: Sequence[RunStatus], reports: Path
) -> Conclusion:
    """Statistics and report of everything that is finished, unless exactly this report is there already.

    Args:
        statuses: one per planned run; those not done are named in the report.
        reports: folder of all reports; this study's are in a folder of its name.

    Raises:
        StudyError: when no run is finished, or the report's folder cannot be written.
    """
    if not any(status.state == "done" for status in statuses):
        raise StudyError(f"{plan.study}: no run is finished, so there is nothing to report; see `study status`.")
    folder = reports / plan.study
    key = key_of(protocol, plan, store, lock, statuses)

    def make() -> Conclusion:
        from study.conclude import conclusion  # the libraries of the statistics take seconds to import

        return conclusion.conclude(protocol, plan, store, lock=lock, statuses=statuses, folder=folder, key=key)

    return once(folder, key, make)
