"""What every proxy task reports of itself."""

from __future__ import annotations

from typing import Any

SATURATED = 0.99
"""Accuracy from which a task has nothing left to teach."""


def proxy_facts(*, accuracy: float | None, train_accuracy: float | None, chance: float) -> dict[str, Any]:
    """Accuracy on held-out views beside what guessing gives, and whether the task was too easy or not learnt.

    Args:
        accuracy: share right in [0, 1], None without held-out views.
        train_accuracy: mean over the last epoch's training views.
        chance: share that guessing gets right.

    Returns:
        The three, `saturated` (accuracy >= 0.99) and `failed` (accuracy <= 2 chance); None where accuracy is.
    """
    return {
        "accuracy": accuracy,
        "train_accuracy": train_accuracy,
        "chance": chance,
        "saturated": None if accuracy is None else accuracy >= SATURATED,
        "failed": None if accuracy is None else accuracy <= 2 * chance,
    }
