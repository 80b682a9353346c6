"""Labels of the protocol in running text: where a sentence says `mae_random`, the page says `MAE random`.

Sentences of the statistics, warnings and questions name arms, metrics and attributions by their labels. Those with an
underscore are spoken on the page; paths (`arms.mae_random.0`), settings (`PROTOCOL=mae_25`) and ids stay as they are,
and so does everything in CSV and JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from study.report.designs import spoken

Results = Mapping[str, Any]
_BEFORE, _AFTER = r"(?<![A-Za-z0-9_.=/\[-])", r"(?![A-Za-z0-9_\[=/-]|\.[A-Za-z0-9_])"


def speaker(results: Results) -> Callable[[str], str]:
    """A function that speaks the labels in a text."""
    names = _names(results)
    if not names:
        return str
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(f"{_BEFORE}({'|'.join(map(re.escape, longest_first))}){_AFTER}")
    return lambda text: pattern.sub(lambda found: names[found[1]], text)


def by_default(row: Mapping[str, Any]) -> bool:
    """Whether the question of a contrast is only the labels of its arms."""
    return bool(row["question"] == f"{row['treatment']} vs {row['control']}")


def question(results: Results, row: Mapping[str, Any]) -> str:
    """The question of a contrast; the one that a protocol without questions gives it, by the names of its arms."""
    arms = {arm["arm"]: arm["name"] for arm in results["arms"]}
    treatment, control = row["treatment"], row["control"]
    if by_default(row):
        return f"{arms[treatment]} vs {arms[control]}"
    return speaker(results)(row["question"])


def _names(results: Results) -> dict[str, str]:
    """Label -> how people say it, of those that nobody says as they are written."""
    design = results.get("factors") or {}
    factors = [*design.get("factors", ()), *(level for own in design.get("levels", ()) for level in own)]
    known = {
        **{factor: spoken(factor) for factor in factors},
        **{label: facts["title"] for label, facts in results["metrics"].items()},
        **{label: facts["title"] for label, facts in results["attributions"].items()},
        **{arm["arm"]: arm["name"] for arm in results["arms"]},
    }
    return {label: name for label, name in known.items() if "_" in label and label != name}
