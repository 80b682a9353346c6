"""Two reports side by side."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from study.report.compared import as_data, compare, difference_interval
from study.report.results import Results


def other_study(results: Results) -> dict[str, Any]:
    """The same results as those of a study with another name and other films."""
    changed: dict[str, Any] = copy.deepcopy(dict(results))
    changed["study"] = "another"
    for facts in changed["datasets"].values():
        for name in ("digest", "fingerprint", "sha256"):
            if name in facts:
                facts[name] = "0" * 64
    return changed


def first_primary(results: Any) -> Any:
    return next(row for row in results["contrasts"] if row["family"] == "primary" and row["se"])


def test_the_interval_of_a_difference_of_studies_is_satterthwaites() -> None:
    # SE^2 = 9 + 16 = 25; df = 625 / (81 / 4 + 256 / 8) = 11.9617; t(.975; 11.9617) = 2.17947
    found = difference_interval({"estimate": 1.0, "se": 3.0, "df": 4.0}, {"estimate": 3.0, "se": 4.0, "df": 8.0}, 0.05)
    assert found["se"] == 5.0
    assert found["df"] == pytest.approx(625 / 52.25)
    assert found["ci_low"] == pytest.approx(2 - 5 * 2.179366, abs=1e-2)
    assert found["ci_high"] == pytest.approx(2 + 5 * 2.179366, abs=1e-2)


def test_equal_studies_on_other_films_differ_by_nothing_with_an_interval_wider_than_either(results: Results) -> None:
    found = compare(results, other_study(results))
    row = next(row for row in found.contrasts if row.why_not is None)
    assert not found.same_study
    assert found.changes == ()
    assert row.difference == 0.0
    assert row.ci_high is not None
    assert row.a.ci_high is not None
    assert row.a.se is not None
    assert row.se == pytest.approx(math.sqrt(2) * row.a.se)
    assert "never pooled" in found.notes[-1].en


def test_primary_contrasts_come_first_and_all_are_there(results: Results) -> None:
    found = compare(results, other_study(results))
    families = [row.family for row in found.contrasts]
    assert families == sorted(families, key=["primary", "secondary", "exploratory"].index)
    assert (len(found.contrasts), found.only_a, found.only_b) == (len(results["contrasts"]), 0, 0)


def test_another_version_or_direction_has_no_difference(results: Results) -> None:
    changed = other_study(results)
    row = first_primary(changed)
    row["metric_version"] += 1
    found = compare(results, changed)
    [odd] = [each for each in found.contrasts if each.why_not and "version" in each.why_not.en]
    assert (odd.metric, odd.difference, odd.ci_low) == (row["metric"], None, None)
    row["metric_version"] -= 1
    row["higher_is_better"] = not row["higher_is_better"]
    found = compare(results, changed)
    assert [each.difference for each in found.contrasts if each.why_not and "direction" in each.why_not.en] == [None]


def test_studies_on_the_same_films_get_no_interval(results: Results) -> None:
    one, two = (copy.deepcopy(dict(results)) for _ in range(2))
    two["study"] = "another"
    for part in (one, two):
        part["settings"] = {**part["settings"], "target": "shoulder"}
        part["datasets"] = {"shoulder": {"digest": "abc"}}
    found = compare(one, two)
    assert {row.ci_low for row in found.contrasts} == {None}
    assert all(row.why_not and "same films" in row.why_not.en for row in found.contrasts)
    two["datasets"] = {"shoulder": {"digest": "abd"}}
    assert any(row.ci_low is not None for row in compare(one, two).contrasts)


def test_versions_of_one_study_tell_what_changed_verdicts_first(results: Results) -> None:
    before = copy.deepcopy(dict(results))
    row = first_primary(before)
    row["verdict"]["short"] = {"en": "inconclusive", "ko": "결론 유보"}
    row["n_images_listed"] += 3
    now = copy.deepcopy(dict(results))
    now["report"] = before["report"] + 1
    deviation = {"when": "2024", "where": "seeds", "before": "3", "after": "4", "runs_finished": 9}
    now["protocol"] = {**now["protocol"], "deviations": [*now["protocol"]["deviations"], deviation]}
    found = compare(before, now)
    said = [text.en for text in found.changes]
    assert found.same_study
    assert "verdict inconclusive →" in said[0]
    assert said[-2].endswith("images left out 3 → 0.") or "images left out" in said[-2]
    assert said[-1] == "Protocol deviation, 9 runs finished by then: seeds: 3 → 4."
    assert all(row.why_not is not None for row in found.contrasts)
    assert [text.en for text in compare(before, before).changes] == [
        f"Nothing changed since report {before['report']}."
    ]


def test_what_differs_between_protocols_is_listed_and_nothing_else(results: Results) -> None:
    changed = copy.deepcopy(dict(results))
    assert compare(results, changed).differing == ()
    changed["seeds"] = [0, 1]
    changed["metrics"]["ehr"]["version"] += 1
    changed["arms"] = changed["arms"][:-1]
    spoken = [each.what.en for each in compare(results, changed).differing]
    assert spoken[0] == "Arms"
    assert {"Seeds", "Version of ehr"} <= set(spoken)
    assert "Models" not in spoken


def test_the_data_are_plain_and_hold_both_heads(results: Results) -> None:
    import json

    two = other_study(results)
    data = as_data(compare(results, two), results, two)
    again = json.loads(json.dumps(data, allow_nan=False))
    assert (again["schema"], again["a"]["study"], again["b"]["study"]) == ("compare/1", results["study"], "another")
    assert again["contrasts"][0]["a"]["estimate"] == results["contrasts"][0]["estimate"]
