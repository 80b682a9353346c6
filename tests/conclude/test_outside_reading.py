"""Score tables made elsewhere: what is read, and what is said of one that cannot be."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from outside_tables import analysis, predictions, score_table, write

from study.conclude.outside import Outside, read_outside
from study.conclude.outside.checking import undefined_by_reason
from study.errors import StudyError

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """What is said of a table (and analysis) that is refused."""

    def run(table: pd.DataFrame | str | bytes, *, name: str = "scores.csv", **changes: Any) -> str:
        scores, protocol = write(tmp_path, table, name=name, **changes)
        with pytest.raises(StudyError) as caught:
            read_outside(scores, protocol)
        assert caught.value.exit_code == 2
        return str(caught.value).replace(f"{tmp_path}/", "")

    return run


def read(folder: Path, table: pd.DataFrame | str | bytes, *, name: str = "scores.csv", **changes: Any) -> Outside:
    return read_outside(*write(folder, table, name=name, **changes))


def values(found: Outside) -> list[float]:
    column: list[float] = found.scores.numbers["value"].tolist()
    return column


def test_csv_gz_tsv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    table = score_table()
    expected = table["value"].tolist()
    assert values(read(tmp_path, table)) == expected
    assert values(read(tmp_path, gzip.compress(table.to_csv(index=False).encode()), name="s.csv.gz")) == expected
    assert values(read(tmp_path, table.to_csv(index=False, sep="\t"), name="s.tsv")) == expected
    table.to_parquet(tmp_path / "s.parquet")
    found = read_outside(tmp_path / "s.parquet", tmp_path / "analysis.yaml")
    assert values(found) == expected
    assert [(run.arm, run.seed, run.state) for run in found.runs][:2] == [
        ("baseline", 0, "done"),
        ("baseline", 1, "done"),
    ]


def test_a_mark_cp949_and_utf16_are_read(tmp_path: Path) -> None:
    table = score_table().replace({"baseline": "기준선", "film_000": "영상 0"})
    text = table.to_csv(index=False)
    for encoding, known in (("utf-8-sig", "utf8"), ("cp949", "cp949"), ("utf-16", "utf-16")):
        found = read(tmp_path, text.encode(encoding), reference="기준선")
        assert (found.study.arms, found.scores.encoding) == (("기준선", "mae"), known)
        assert "영상 0" in found.scores.keys["image_id"].names


def test_hangul_written_in_parts_and_blanks_around_names_are_the_same_name(tmp_path: Path) -> None:
    lines = score_table().replace({"baseline": "기준선"}).to_csv(index=False).splitlines()
    lines[1] = lines[1].replace("기준선", " 기준선 ")
    text = "\n".join(lines)
    assert read(tmp_path, text, reference="기준선").study.arms == ("기준선", "mae")


def test_what_is_undefined_is_counted_with_its_reason(tmp_path: Path) -> None:
    table = score_table().assign(reason="")
    table.loc[3, ["value", "reason"]] = np.nan, "no box"
    found = read(tmp_path, table)
    assert np.isnan(found.scores.numbers["value"]).nonzero()[0].tolist() == [3]
    assert undefined_by_reason(found.scores) == {"no box": 1}
    assert undefined_by_reason(read(tmp_path, table.drop(columns="reason")).scores) == {"": 1}


def test_planned_seeds_name_what_is_missing(tmp_path: Path) -> None:
    found = read(tmp_path, score_table(), planned={"seeds": 4})
    assert [(run.arm, run.seed) for run in found.runs if run.state == "missing"] == [("baseline", 3), ("mae", 3)]
    counted_from_one = score_table().assign(seed=lambda table: table["seed"] + 1)
    found = read(tmp_path, counted_from_one, planned={"seeds": 4})
    assert [run.seed for run in found.runs if run.state == "missing"] == [4, 4]
    assert found.study.seeds == (1, 2, 3, 4)


def test_seeds_written_as_floats_are_the_same_runs(tmp_path: Path) -> None:
    lines = score_table().to_csv(index=False).splitlines()
    lines[1] = lines[1].replace("baseline,0,", "baseline,0.0,", 1)
    found = read(tmp_path, "\n".join(lines), analysis=analysis()["analysis"] | {"images": "common"})
    assert len(found.runs) == 6


def test_metrics_of_the_registry_need_no_declaration(tmp_path: Path) -> None:
    table = score_table(metrics=("energy_pg", "insertion[baseline=blur]"))
    found = read(tmp_path, table, metrics=None)
    facts = found.study.metric_facts
    assert list(facts) == ["energy_pg", "insertion[baseline=blur]"]
    assert facts["insertion[baseline=blur]"].higher_is_better


def test_a_control_of_the_registry_is_one_here(tmp_path: Path) -> None:
    table = score_table()
    both = pd.concat([table, table.assign(attribution="control_random"), table.assign(attribution="my_noise")])
    found = read(tmp_path, both, controls=["my_noise"])
    assert (found.study.attributions, found.study.controls) == (("gradcam",), ("control_random", "my_noise"))
    assert {contrast.attribution for contrast in found.study.contrasts()} == {"gradcam"}


# ------------------------------------------------------------------------------ refusals


def test_every_mistake_is_named_at_once_with_its_line(refused: Refused) -> None:
    lines = score_table().to_csv(index=False).splitlines()
    lines[3] = lines[3].rpartition(",")[0] + ",fine"
    lines[6] = lines[6].replace("baseline,0", "baseline,first")
    lines[7] = lines[7].replace("patient_3", "patient_9")
    lines[15] = lines[15].rpartition(",")[0] + ",67.04"
    text = "\n".join([*lines[:2], "", *lines[2:], lines[20]])
    assert refused(text, reference="basline", metrics=["energy_pg"]) == (
        "scores.csv: 5 problems, nothing was analysed\n"
        "\n  line 5  value\n"
        "           found 'fine', which is no number; leave it empty where the value is not defined\n"
        "\n  line 8  seed\n"
        "           found 'first'; must be a whole number of at least 0\n"
        "\n  line 17  value\n"
        "           found 67.04 for 'energy_pg', which lies between 0 and 1\n"
        "           is it in percent? write fractions\n"
        "\n  line 33  cluster\n"
        "           image film_006 has the clusters 'patient_9' and 'patient_3'; it has exactly one\n"
        "           the same in 10 more rows\n"
        "\n  line 291  value\n"
        "           baseline / model / gradcam / energy_pg, seed 0, image film_019 has a value already; there is exactly "
        "one for a cell\n"
        "\nanalysis.yaml: 2 problems, nothing was analysed\n"
        "\n  line 3  reference\n"
        "           'basline' is not a known arm of the table; did you mean 'baseline'?\n"
        "           known: baseline, mae\n"
        "\n  line 4  metrics\n"
        "           'dice' is not a known metric; did you mean 'adcc'?\n"
        "           a metric of your own needs its direction: dice: {higher_is_better: true}\n"
    )


def test_a_decimal_comma_is_told(refused: Refused) -> None:
    lines = score_table().to_csv(index=False).splitlines()
    lines[5] = lines[5].rpartition(",")[0] + ',"0,51"'
    assert "line 6  value\n           found '0,51', which is a decimal comma; write 0.51\n" in refused("\n".join(lines))
    lines[5] = lines[5].rpartition(',"')[0] + ",0,51"
    said = refused("\n".join(lines))
    assert "line 6  row\n           found 8 fields; the first line has 7; is it a decimal comma" in said


def test_lines_are_those_of_the_file_with_blank_ones(refused: Refused) -> None:
    lines = score_table().to_csv(index=False).splitlines()
    lines[5] = lines[5].rpartition(",")[0] + ",bad"
    assert "line 9  value" in refused("\n".join([*lines[:2], "", "", "", *lines[2:]]))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("values", {"value": "valeu"}, "the column 'value' is missing; is it 'valeu'?"),
        ("methods", {"attribution": "method"}, "the column 'attribution' is missing; is it 'method'?"),
        ("patients", {"cluster": "patient_id"}, "the column 'patient_id' is not known; did you mean 'cluster'?"),
        ("case", {"arm": "Arm"}, "the column 'arm' is missing; is it 'Arm'?"),
    ],
)
def test_a_misspelt_column_is_told_with_the_one_that_was_meant(
    refused: Refused, name: str, change: dict[str, str], words: str
) -> None:
    said = refused(score_table().rename(columns=change), name=f"{name}.csv")
    assert f"line 1  {words}" in said
    assert "allowed: arm, seed, image_id, attribution, metric, [cluster]" in said


def test_a_wrong_separator_is_told(refused: Refused) -> None:
    said = refused(score_table().to_csv(index=False, sep=";"))
    assert "line 1: columns are separated by semicolons; a .csv file needs commas" in said
    assert "separated by commas; a .tsv file needs tabs" in refused(score_table().to_csv(index=False), name="s.tsv")


def test_files_that_are_no_tables_are_told(refused: Refused, tmp_path: Path) -> None:
    assert "the file is empty" in refused("")
    assert "has no row below its first line" in refused(score_table().head(0))
    assert "found the suffix '.xlsx'; allowed: .csv, .csv.gz, .tsv, .parquet" in refused("x", name="scores.xlsx")
    assert "this is a spreadsheet" in refused(b"PK\x03\x04 and so on")
    assert "this is no parquet file" in refused("arm", name="scores.parquet")
    with pytest.raises(StudyError, match="there is no such file"):
        read_outside(tmp_path / "absent.csv", tmp_path / "analysis.yaml")


def test_a_run_on_other_images_is_told(refused: Refused) -> None:
    table = score_table()
    gone = (table["arm"] == "mae") & (table["seed"] == 1) & table["image_id"].isin(["film_002", "film_005"])
    said = refused(table[~gone])
    assert "mae / model / gradcam / energy_pg, seed 1: no row for image film_002 and for 1 others" in said
    assert "write a row with an empty value where it is not defined" in said


def test_runs_on_other_images_are_fine_where_the_analysis_wants_the_common_ones(tmp_path: Path) -> None:
    table = score_table()
    gone = (table["arm"] == "mae") & (table["seed"] == 1) & (table["image_id"] == "film_002")
    settings = analysis()["analysis"] | {"images": "common"}
    assert len(read(tmp_path, table[~gone], analysis=settings).runs) == 6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": ["baseline"]}, "'mae' is not a known arm of the analysis file"),
        ({"arms": ["baseline", "mae", "proxy"]}, "'proxy' is not a known arm of the table"),
        ({"metrics": ["energy_pg", {"dice": {"higher_is_better": "yes"}}]}, "found 'yes'; must be true or false"),
        ({"metrics": ["energy_pg", {"dice": {"title": "Dice"}}]}, "higher_is_better\n           is required"),
        (
            {"metrics": {"energy_pg": {"higher_is_better": False}, "dice": {"higher_is_better": True}}},
            "'energy_pg' is a metric of this package and has its facts from it",
        ),
        ({"metrics": ["auc", {"dice": {"higher_is_better": True}}]}, "'auc' is made from predictions"),
        ({"planned": {"seeds": [0, 1]}}, "the table has the seeds 2, which are not planned"),
        ({"planned": {"seeds": 2}}, "the table has the seeds 0, 1, 2; list the 2 planned ones"),
        ({"analysis": {}}, "is required and not given; which attribution and metric decide?"),
        (
            {"analysis": {"primary": {"attribution": "gradcam", "metric": "dise"}}},
            "'dise' is not a known metric of the table; did you mean 'dice'?",
        ),
        (
            {"analysis": analysis()["analysis"] | {"contrasts": [{"treatment": "mea", "control": "baseline"}]}},
            "'mea' is not a known arm; did you mean 'mae'?",
        ),
        ({"analysis": analysis()["analysis"] | {"classification": ["accuracy"]}}, "'accuracy' needs predictions"),
        ({"seeds": 3}, "'seeds' is not a known key"),
        ({"question": None}, "question\n           is required and not given"),
    ],
)
def test_the_analysis_file_must_fit_the_table(refused: Refused, changes: dict[str, Any], words: str) -> None:
    assert words in refused(score_table(), **changes)


def test_a_run_has_one_pretraining(refused: Refused) -> None:
    table = score_table().assign(pretrain_run="a")
    table.loc[4, "pretrain_run"] = "b"
    assert "the run baseline / model / 0 has the pretraining runs 'a' and 'b'" in refused(table)


def test_a_shared_pretraining_run_is_known(tmp_path: Path) -> None:
    found = read(tmp_path, score_table().assign(pretrain_run=lambda t: np.where(t["arm"] == "mae", "one", "")))
    assert {run.arm: run.pretrain_key for run in found.runs} == {"baseline": None, "mae": "one"}


# ---------------------------------------------------------------------------- predictions


def given(folder: Path, table: pd.DataFrame) -> Outside:
    scores, protocol = write(folder, score_table())
    table.to_csv(folder / "predictions.csv", index=False)
    return read_outside(scores, protocol, folder / "predictions.csv")


def test_predictions_take_the_patients_of_the_scores(tmp_path: Path) -> None:
    found = given(tmp_path, predictions())
    assert found.predictions is not None
    assert found.predictions.keys["cluster"].names[:2] == ("patient_0", "patient_1")
    assert {"auc", "accuracy", "brier", "ece"} <= set(found.study.metric_facts)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="p_1"), "found the probabilities p_0; must be a column p_0, p_1"),
        (lambda t: t.assign(p_1=t["p_1"] * 100), "probabilities lie between 0 and 1"),
        (lambda t: t.assign(p_1=t["p_1"] / 2), "the probabilities of an image add up to 1"),
        (lambda t: t.assign(label=t["label"] + 1), "found '2'; labels count the classes, 0 to 1"),
        (lambda t: t.assign(arm=t["arm"].replace("mae", "mea")), "the scores have no run mea / model, seed 0"),
        (lambda t: pd.concat([t, t.head(1)]), "this run has the image already"),
        (lambda t: t.assign(label=[1, *t["label"][1:]]), "image film_000 has the labels '1' and '0'"),
        (
            lambda t: t.assign(cluster="alone"),
            "image film_000 has the cluster 'alone' here and 'patient_0' in scores.csv",
        ),
    ],
)
def test_predictions_that_cannot_be_are_told(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    with pytest.raises(StudyError, match=r"predictions\.csv") as caught:
        given(tmp_path, change(predictions()))
    assert words in str(caught.value)
