"""What a protocol may ask where films have several findings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.plan import expand
from study.protocol import read
from study.protocol.data import FINDINGS

Write = Callable[..., Path]
PHANTOM = "shoulder: {format: phantom, anatomy: shoulder, train: 20, val: 10, test: 10}"
NIH = "shoulder: {format: nih14, folder: films, findings: [Mass, Edema]}"
PRIMARY = "  primary: {attribution: gradcam, metric: energy_pg}"


@pytest.fixture(autouse=True)
def films(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()


def refused(path: Path) -> str:
    with pytest.raises(ProtocolError) as error:
        read(path)
    return str(error.value)


def test_all_stands_for_the_fourteen(write: Write) -> None:
    settings = read(write(PHANTOM, NIH.replace("[Mass, Edema]", "all"))).data["shoulder"]
    assert getattr(settings, "several") == FINDINGS  # noqa: B009 - of some formats only
    one = read(write(PHANTOM, "shoulder: {format: nih14, folder: films, finding: Mass}")).data["shoulder"]
    assert getattr(one, "several") is None  # noqa: B009
    assert "findings" not in one.model_dump()


def test_mistakes_are_told_with_their_place(write: Write) -> None:
    text = refused(write(PHANTOM, NIH.replace("Edema", "Edma")))
    assert "data.shoulder.findings" in text
    assert "'Edma' is not a known finding; did you mean 'Edema'?" in text
    text = refused(write(PHANTOM, "shoulder: {format: csv, manifest: films, multilabel: true}"))
    assert "multilabel: true needs `classes`, two or more different findings" in text
    text = refused(write(PHANTOM, NIH.replace("findings:", "finding: Mass, findings:")))
    assert "`findings` takes the place of `finding`; leave one of them out" in text


def test_the_predicted_class_is_not_what_boxes_show(write: Write) -> None:
    text = refused(write(PHANTOM, NIH, "image_size: 64", "image_size: 64\ntarget_class: predicted"))
    assert (
        "target_class\n           'predicted' is for films with one label; with several findings maps explain" in text
    )


def test_films_with_several_findings_are_not_drawn_within_classes(write: Write) -> None:
    text = refused(write(PHANTOM, NIH, PRIMARY, f"{PRIMARY}\n  strata: class"))
    assert "analysis.strata\n           'class' draws films within classes, but a film of the target may have" in text


def test_the_auc_of_one_of_two_findings_may_be_asked(write: Write) -> None:
    asked = f'{PRIMARY}\n  classification: [auc, "auc[class=Edema]"]'
    assert read(write(PHANTOM, NIH, PRIMARY, asked)).analysis.classification == ("auc", "auc[class=Edema]")
    text = refused(write(PHANTOM, NIH, PRIMARY, asked.replace("Edema", "Hernia")))
    assert "'Hernia' is not a known class of the target" in text
    other = "shoulder: {format: csv, manifest: films, classes: [Mass, Edema]}"
    assert "with two classes `auc` says it all" in refused(write(PHANTOM, other, PRIMARY, asked))


def test_the_classifier_is_trained_on_the_findings_that_it_is_tested_on(write: Write) -> None:
    more = f"{NIH}\n  other: {{format: nih14, folder: films, findings: [Mass, Hernia]}}"
    text = refused(write(PHANTOM, more, "baseline: [finetune]", "baseline: [finetune: {data: other}]"))
    assert "the classifier is trained on other classes than the target's; give both the same" in text


def test_findings_may_come_before_a_target_with_one_label_per_film(write: Write) -> None:
    more = f"{PHANTOM}\n  {NIH.replace('shoulder', 'nih')}"
    chain = ("mae: {data: chest, masking: random, mask_ratio: 0.75}", "supervised: {data: nih}")
    protocol = read(write(PHANTOM, more, *chain))
    digests = {name: f"sha256:{name}" for name in protocol.datasets_used}
    plan = expand(protocol, digests=digests)
    assert [stage.kind for stage in plan.stages.values()].count("supervised") == 3
