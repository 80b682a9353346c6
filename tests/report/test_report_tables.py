"""Tables: bold and daggers from the findings, groups by model, nothing empty."""

from __future__ import annotations

from typing import Any

from report_builder import Made, made_up

from study.report import contrast_tables, fact_tables, files
from study.report.control_tables import controls_table
from study.report.notes import Notes
from study.report.results import Results
from study.report.results import results as make_results
from study.report.table import Cell, Group, Head, Line, Table, word_head
from study.report.tables import Column, best, classification, index, metric_tables
from study.report.terms import Text, same


def small(p_adjusted: dict[str, float | None], means: dict[str, float], n_runs: int = 3) -> Results:
    """Results of one metric with these adjusted p against `a` and these means."""
    contrasts = [
        {"model": "m", "attribution": "g", "metric": "ehr", "treatment": arm, "control": "a", "p_adjusted": p}
        for arm, p in p_adjusted.items()
    ]
    rows: list[dict[str, Any]] = [
        {"arm": arm, "model": "m", "attribution": "g", "metric": "ehr", "mean": mean, "n_runs": n_runs}
        for arm, mean in means.items()
    ]
    return {
        "alpha": 0.05,
        "arms": [{"arm": arm} for arm in means],
        "metrics": {"ehr": {"higher_is_better": True}},
        "contrasts": contrasts,
        "means": rows,
    }


def bold(results: Results) -> set[str]:
    return best(results, index(results), Column("g", "ehr"), "m")


def test_the_best_and_every_arm_not_told_apart_from_it_are_bold() -> None:
    means = {"a": 0.5, "b": 0.6, "c": 0.59}
    assert bold(small({"b": 0.01, "c": 0.2}, means)) == {"b", "c"}
    assert bold(small({"b": 0.2, "c": 0.2}, means)) == {"a", "b", "c"}
    assert bold(small({"b": None, "c": 0.01}, means)) == {"a", "b", "c"}


def test_lower_is_better_turns_the_best_around() -> None:
    results = small({"b": 0.01}, {"a": 0.5, "b": 0.6})
    results["metrics"]["ehr"]["higher_is_better"] = False
    assert bold(results) == {"a"}


def test_with_one_run_in_an_arm_nothing_is_bold() -> None:
    assert bold(small({"b": 0.01}, {"a": 0.5, "b": 0.6}, n_runs=1)) == set()


def test_daggers_are_exactly_the_arms_that_differ_from_the_baseline(results: Results) -> None:
    table = metric_tables(results, "agreement")[0]
    column = [head.text.en for head in table.heads].index("EHR ↑") - 1
    marked = {line.head.en for line in table.groups[0].lines if line.cells[column].dagger}
    apart = {
        row["treatment"]
        for row in results["contrasts"]
        if row["model"] == "vit_small"
        and (row["attribution"], row["metric"]) == ("gradcam", "ehr")
        and row["p_adjusted"] < 0.05
    }
    names = {arm["arm"]: arm["name"] for arm in results["arms"]}
    assert marked == {names[arm] for arm in apart} == {"MAE random"}


def test_one_run_per_arm_has_neither_bold_nor_daggers_nor_their_notes() -> None:
    made = make_results(made_up(Made(models=("vit_small",), seeds=(11,), failed=False)), Notes())
    table = metric_tables(made, "agreement")[0]
    cells = [cell for group in table.groups for line in group.lines for cell in line.cells]
    assert not any(cell.dagger or cell.strong or "±" in cell.text.en for cell in cells)
    notes = " ".join(note.en for note in table.notes)
    assert "Fewer than two runs in an arm: no bold." in notes
    assert "†" not in notes


def test_every_table_has_at_most_six_columns_and_no_empty_cell(results: Results) -> None:
    found = [table for which in ("agreement", "faithfulness", "masking") for table in metric_tables(results, which)]
    found += [classification(results), contrast_tables.primary(results), contrast_tables.chance(results)]
    found += [contrast_tables.others(results, "secondary"), controls_table(results, "vit_small")]
    for table in found:
        assert table is not None
        assert len(table.heads) <= 6
        for group in table.groups:
            for line in group.lines:
                assert len(line.cells) == len(table.heads) - 1
                assert all(cell.plain.en for cell in line.cells)


def test_a_model_with_missing_runs_says_so_in_its_group(results: Results) -> None:
    table = metric_tables(results, "agreement")[0]
    assert [group.label for group in table.groups] == [
        same("vit_small"),
        Text("densenet121; Proxy: 2 of 3 runs", "densenet121; Proxy: 실행 3회 중 2회"),
    ]


def test_controls_are_rows_of_the_same_table(results: Results) -> None:
    table = controls_table(results, "vit_small")
    assert table is not None
    assert [group.label.en for group in table.groups if group.label] == [
        "Grad-CAM",
        "Random map",
        "Centre prior",
        "Fake-CAM",
    ]
    above = results["above_centre"][0]
    assert above["difference"] == above["value"] - above["centre"]


def test_a_missing_run_says_which_verdicts_rest_on_its_arm(results: Results) -> None:
    table = fact_tables.missing(results)
    assert table is not None
    (line,) = table.groups[0].lines
    assert line.head.en == "Proxy, densenet121, 13"
    assert [cell.text.en for cell in line.cells] == [
        "failed",
        "loss was not finite in epoch 31",
        "open: Q3 Proxy − Baseline with 2 of 3 runs",
    ]


def test_a_change_after_the_lock_says_when_where_what_and_what_was_known(results: Results) -> None:
    table = fact_tables.deviations(results)
    assert table is not None
    (line,) = table.groups[0].lines
    assert line.head.en == "2024-04-03 10:00"
    assert [cell.text.en for cell in line.cells] == ["seeds", "[11, 12]", "[11, 12, 13]", "4"]


def test_tables_without_anything_to_say_are_left_out() -> None:
    made = make_results(made_up(Made(failed=False, metrics=("insertion",), primary="insertion")), Notes())
    assert fact_tables.missing(made) is None
    assert fact_tables.deviations(made) is None
    assert metric_tables(made, "agreement") == []
    assert contrast_tables.others(made, "exploratory") is None


def test_latex_escapes_names_and_uses_aligned_columns_for_bare_numbers() -> None:
    lines = (Line(same("50%_a & <b>"), (Cell(same("−0.004"), value=-0.004), Cell(same("0.1 ± 0.2"), strong="0.1"))),)
    table = Table("k", same("A_b"), (word_head(same("Arm")), Head(same("Δ")), Head(same("x"))), (Group(None, lines),))
    text = files.tables_tex([table], "en", study="s_1")
    assert r"\begin{tabular}{lS[table-format=+1.3,retain-explicit-plus]r}" in text
    assert r"50\%\_a \& $<$b$>$ & -0.004 & \textbf{0.1}" in text
    assert r"\label{tab:s-1-k}" in text


def test_every_latex_table_is_balanced(results: Results) -> None:
    tables = [*metric_tables(results, "agreement"), *metric_tables(results, "masking")]
    primary = contrast_tables.primary(results)
    assert primary is not None
    text = files.tables_tex([*tables, primary], "en", study="made_up")
    assert text.count(r"\begin{") == text.count(r"\end{")
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")


def test_csv_files_begin_with_a_byte_order_mark_and_hold_unrounded_numbers(results: Results) -> None:
    text = files.contrasts_csv(results)
    assert text.startswith("\ufeffcontrast_id,question,family,m,")
    row = next(row for row in results["contrasts"] if row["verdict"])
    assert repr(row["estimate"]) in text
    assert files.metrics_csv(results).count("\n") == 1 + len(results["means"]) + len(results["controls"])
