"""Choices of the analysis beside its contrasts: defaults, labels, problems."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.protocol import lock, read
from study.protocol.inference import InferenceSettings
from study.records import Rules

Write = Callable[..., Path]
END = "metric: energy_pg}"
THREE = ("reference: baseline", "  proxy: [rotation, finetune]\nreference: baseline")


def with_analysis(write: Write, lines: str, *more: str) -> Path:
    return write(END, END + "".join(f"\n  {line}" for line in lines.split("\n")), *more)


def test_nothing_is_chosen_by_default_and_a_choice_not_made_is_not_written(write: Write) -> None:
    protocol = read(write())
    assert protocol.analysis.rules == Rules()
    assert not InferenceSettings.model_fields.keys() & protocol.plain()["analysis"].keys()


def test_choices_reach_the_statistics_and_the_plain_form(write: Write) -> None:
    lines = (
        "simultaneous: true\ngate: true\nadjust_secondary: by\npool_run_variance: true\nstrata: class\nimages: common"
    )
    protocol = read(with_analysis(write, lines, *THREE))
    assert protocol.analysis.rules == Rules("class", True, True, "by", True, "common")
    assert protocol.plain()["analysis"]["adjust_secondary"] == "by"


def test_writing_a_default_changes_nothing_and_a_choice_after_the_lock_is_told(write: Write, tmp_path: Path) -> None:
    folder, now = tmp_path / "s", datetime(2026, 3, 1, tzinfo=UTC)
    first = lock(read(write()), folder, runs_finished=0, now=now)
    again = lock(read(with_analysis(write, "gate: false\nstrata: none")), folder, runs_finished=3, now=now)
    assert (again.hash, again.deviations) == (first.hash, ())
    changed = lock(read(with_analysis(write, "gate: true")), folder, runs_finished=3, now=now)
    assert [(d.where, d.before, d.after) for d in changed.deviations] == [("analysis.gate", "(absent)", "true")]


def test_metrics_are_meant_by_their_name_and_found_under_their_label(write: Write) -> None:
    lines = "undefined: {insertion: worst}\nmargins: {insertion: 0.02}\nnoninferiority: [insertion]"
    protocol = read(with_analysis(write, lines, "energy_pg, insertion]", "energy_pg, {insertion: {steps: 8}}]"))
    assert protocol.analysis.undefined == {"insertion[steps=8]": "worst"}
    asked = [contrast for contrast in protocol.contrasts() if contrast.noninferiority]
    assert {contrast.metric for contrast in asked} == {"insertion[steps=8]"}
    assert all(contrast.margin == 0.02 for contrast in asked)


def test_metrics_of_the_predictions_have_secondary_contrasts_where_asked(write: Write) -> None:
    def tested(path: Path) -> list[str]:
        return [c.metric for c in read(path).contrasts() if not c.attribution and c.family == "secondary"]

    assert tested(write()) == ["auc"]
    assert tested(with_analysis(write, "classification: [auc, accuracy, ece, brier]")) == [
        *("auc", "accuracy", "ece", "brier")
    ]
    assert tested(with_analysis(write, "classification: []")) == []


@pytest.mark.parametrize(
    ("lines", "where", "text"),
    [
        (
            "pool_run_variance: true",
            "analysis.pool_run_variance",
            "found true with 2 arms; pooling needs three or more",
        ),
        ("undefined: {ehr: worst}", "analysis.undefined.ehr", "'ehr' is not a known metric under `measure`"),
        ("undefined: {energypg: drop}", "analysis.undefined.energypg", "did you mean 'energy_pg'?"),
        ("undefined: {energy_pg: best}", "analysis.undefined.energy_pg", "found 'best', which is not allowed"),
        (
            "noninferiority: [energy_pg]",
            "analysis.noninferiority[0]",
            "declare one, such as margins: {energy_pg: 0.03}",
        ),
        ("noninferiority: [energypg]", "analysis.noninferiority[0]", "did you mean 'energy_pg'?"),
        ("classification: [acuracy]", "analysis.classification[0]", "did you mean 'accuracy'?"),
        ("classification: [auc, auc]", "analysis.classification[1]", "'auc' is listed twice"),
        ('classification: ["auc[class=normal]"]', "analysis.classification[0]", "with two classes `auc` says it all"),
        ('classification: ["ece[class=normal]"]', "analysis.classification[0]", 'write it as "auc[class=NAME]"'),
        ("simultaneuos: true", "analysis.simultaneuos", "did you mean 'simultaneous'?"),
        ("adjust_secondary: holm", "analysis.adjust_secondary", "holm"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(write: Write, lines: str, where: str, text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(with_analysis(write, lines))
    assert where in str(caught.value)
    assert text in str(caught.value)


def test_paired_seeds_are_not_pooled(write: Write) -> None:
    path = with_analysis(write, "pool_run_variance: true", "seeds: 3", "seeds: 3\nseeding: paired", *THREE)
    with pytest.raises(ProtocolError, match="found true with `seeding: paired`"):
        read(path)


def test_a_metric_without_a_worst_value_cannot_be_counted_as_such(write: Write) -> None:
    path = with_analysis(write, "undefined: {infidelity: worst}", "energy_pg, insertion]", "energy_pg, infidelity]")
    with pytest.raises(ProtocolError, match="'infidelity' has no worst value, so `worst` has no meaning; use drop"):
        read(path)
