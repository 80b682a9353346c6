"""Stage `supervised`: pretraining on the labels of another task."""

from __future__ import annotations

from study.train.finetune import finetune
from study.train.models import is_head
from study.train.stage import Assignment, Result


def supervised(assignment: Assignment) -> Result:
    """Train a classifier of the source task as `finetune` does, and keep its trunk.

    History and facts are those of `finetune`, on the source task's films.

    Raises:
        DataError: fewer than two labelled films, or fewer than two classes among them.
        StudyError: the preceding stage's weights do not fit.
    """
    result = finetune(assignment)
    kept = {name: value for name, value in result.weights.items() if not is_head(name)}
    return result._replace(weights=kept)
