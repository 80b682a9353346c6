"""The end of a study: store -> tables -> statistics -> gallery -> report.

In: a protocol, its plan and whatever the store holds of it. Out: `reports/<study>/` with the
report and the findings. Nothing here trains or scores; like `pipeline`, this package only hands
the results of one station to the next, and it is the only reader of both the store and the report.

The conclusion has a key of its own (what was finished, what was asked, the software's version):
when nothing changed, nothing is computed again, and a partial report can never be taken for the
full one. Reports are numbered; earlier ones stay in `reports/<study>/earlier/`.
"""

from study.conclude.conclusion import conclude
from study.conclude.numbered import Conclusion

__all__ = ["Conclusion", "conclude"]
