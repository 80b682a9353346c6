"""What a good protocol becomes, and that every mistake is told with its line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.protocol import Protocol, read
from study.protocol.stages import FinetuneSettings, MaeSettings
from study.registry import METRICS

Write = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]


def told(path: Path, **overrides: object) -> list[tuple[int, str, str]]:
    """The problems of a file as (line, where, message)."""
    with pytest.raises(ProtocolError) as caught:
        read(path, overrides)
    return [(problem.line, problem.where, problem.message) for problem in caught.value.problems]


def only(path: Path, **overrides: object) -> tuple[int, str, str]:
    """The one problem of a file."""
    [problem] = told(path, **overrides)
    return problem


def test_a_good_protocol_is_read_with_its_defaults_written_out(write: Write) -> None:
    protocol = read(write())
    assert protocol.seeds == (0, 1, 2)
    assert protocol.title == "mini"
    assert protocol.seeding == "nested"
    assert protocol.analysis.alpha == 0.05
    assert protocol.report.languages == ("en",)
    assert [stage.kind for stage in protocol.arms["mae_random"]] == ["mae", "finetune"]
    assert protocol.arms["mae_random"][0].settings == MaeSettings(data="chest", mask_ratio=0.75)
    assert protocol.measure[1].settings == {"baseline": "zero", "steps": 16}
    assert protocol.control_labels == ("control_random",)
    assert protocol.datasets_used == ("shoulder", "chest")


def test_a_chain_is_resolved_for_the_model_it_trains(write: Write) -> None:
    protocol = read(write("models: [vit_phantom]", "models: [vit_phantom, densenet_phantom]"))
    vit, cnn = (protocol.chain("mae_random", model)[0].settings for model in protocol.models)
    assert (vit.epochs, cnn.epochs) == (40, 15)
    [finetune] = protocol.chain("baseline", "vit_phantom")
    assert isinstance(finetune.settings, FinetuneSettings)
    assert (finetune.settings.data, finetune.settings.lr) == ("shoulder", 2e-3)


def test_parameters_that_differ_from_the_default_are_in_the_label(write: Write) -> None:
    protocol = read(
        write(
            "[gradcam, control_random]",
            "[gradcam: {layer: 3}, integrated_gradients: {steps: 25}, control_random]",
            "[energy_pg, insertion]",
            "[energy_pg, insertion, insertion: {baseline: blur, steps: 32}]",
        )
    )
    assert protocol.attribution_labels == ("gradcam[layer=3]", "integrated_gradients", "control_random")
    assert protocol.metric_labels[:3] == ("energy_pg", "insertion", "insertion[baseline=blur,steps=32]")
    assert protocol.analysis.primary.attribution == "gradcam[layer=3]"


def test_numbers_are_read_as_in_yaml_1_2(write: Write) -> None:
    path = write("mask_ratio: 0.75", "mask_ratio: 0.75, lr: 5e-4, epochs: 010", "seeds: 3", "seeds: [7, 1]")
    protocol = read(path)
    settings = protocol.arms["mae_random"][0].settings
    assert (settings.lr, settings.epochs, protocol.seeds) == (5e-4, 10, (7, 1))


def test_a_file_full_of_mistakes_gives_one_message_for_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        """\
study: bad study
question: Q?
data:
  chest: {format: phantom, anatomy: chest, imags: 50}
  shoulder: {format: phantom, anatomy: shoulder, train: many, val: 10, test: 10}
  films: {format: csf}
target: sholder
image_size: 60
models: [densenet_phantom]
arms:
  baseline: [finetune]
  mae_random: [mae: {data: chst, masking: centre, mask_ratio: 1.5}, finetune]
  mae_center: [finetune, rotation]
reference: basline
seeds: [0, 0]
explain: [gradcam, grad_cam, control_random]
measure: [ehr, energypg, insertion: {baseline: blurr}]
analysis:
  primary: {attribution: control_random, metric: ehr}
  alhpa: 0.1
report: {languages: [en, kr]}
dispatch: {workers: 0}
extra: 1
""",
        encoding="utf8",
    )
    assert [(line, where, message.splitlines()[0]) for line, where, message in told(path)] == [
        (1, "study", "found 'bad study'; use letters, digits, '_' and '-' only, starting with a letter or digit"),
        (4, "data.chest.imags", "'imags' is not a known key; did you mean 'images'?"),
        (5, "data.shoulder.train", "found 'many'; must be a whole number"),
        (6, "data.films.format", "'csf' is not a known data format; did you mean 'csv'?"),
        (7, "target", "'sholder' is not a known dataset; did you mean 'shoulder'?"),
        (8, "image_size", "found 60; densenet_phantom needs a multiple of 16, such as 64"),
        (12, "arms.mae_random[0].mae.data", "'chst' is not a known dataset; did you mean 'chest'?"),
        (12, "arms.mae_random[0].mae.mask_ratio", "found 1.5; must be less than 1"),
        (12, "arms.mae_random[0].mae.masking", "'centre' is not a known masking; did you mean 'center'?"),
        (
            13,
            "arms.mae_center[0].finetune",
            "'finetune' makes the classifier and must be the last stage of the chain",
        ),
        (
            13,
            "arms.mae_center[1].rotation",
            "the chain ends with 'rotation'; it must end with finetune or linear_probe",
        ),
        (14, "reference", "'basline' is not a known arm; did you mean 'baseline'?"),
        (15, "seeds", "'0' is listed 2 times"),
        (16, "explain[1]", "'grad_cam' is not a known attribution; did you mean 'gradcam'?"),
        (17, "measure[1]", "'energypg' is not a known metric; did you mean 'energy_pg'?"),
        (17, "measure[2].insertion.baseline", "found 'blurr', which is not allowed; did you mean 'blur'?"),
        (
            19,
            "analysis.primary.attribution",
            "'control_random' is a control and explains nothing; choose another attribution",
        ),
        (20, "analysis.alhpa", "'alhpa' is not a known key; did you mean 'alpha'?"),
        (21, "report.languages[1]", "found 'kr', which is not allowed; did you mean 'ko'?"),
        (22, "dispatch.workers", "found 0; must be at least 1"),
        (23, "extra", "'extra' is not a known key; did you mean 'explain'?"),
    ]


ONE_MISTAKE = [
    ("seeds: 3", "seeds: 0", 13, "seeds", "found 0; must be a number of seeds, 1 to 1000, or a list such as [0, 1, 2]"),
    ("seeds: 3", "seeds: yes", 13, "seeds", "found 'yes'; must be a number of seeds, 1 to 1000, or a list such as"),
    ("seeds: 3", "seeds: []", 13, "seeds", "found []; the list must have at least 1 item"),
    ("seeds: 3", "seeds: [0, -1]", 13, "seeds[1]", "found -1; must be at least 0"),
    ("seeds: 3\n", "", 0, "seeds", "is required and not given"),
    ("question: Does it help?", "question:", 2, "question", "found nothing; must be text"),
    ("image_size: 64", "image_size: 64.0", 7, "image_size", "found 64.0"),
    ("image_size: 64", "image_size: true", 7, "image_size", "found true; must be a whole number"),
    ("image_size: 64", "image_size: 60", 7, "image_size", "found 60; vit_phantom needs a multiple of 8, such as 64"),
    ("image_size: 64", "image_size: 8", 7, "image_size", "found 8; must be at least 16"),
    ("[vit_phantom]", "[vit_phantom, vit_phantom]", 8, "models", "'vit_phantom' is listed 2 times"),
    ("[vit_phantom]", "vit_phantom", 8, "models", "found 'vit_phantom'; must be a list [a, b]"),
    ("[vit_phantom]", "[vit_tiny.in1k]", 8, "models[0]", "'vit_tiny.in1k' names pretrained weights, which a model's"),
    ("[finetune]", "finetune", 10, "arms.baseline", "found 'finetune'; must be a list of stages such as"),
    ("[finetune]", "[]", 10, "arms.baseline", "found []; must be a list of stages such as"),
    (
        "[finetune]",
        "[finetun]",
        10,
        "arms.baseline[0].finetun",
        "'finetun' is not a known training stage; did you mean",
    ),
    ("[finetune]", "[finetune: 3]", 10, "arms.baseline[0].finetune", "found 3; must be a mapping of settings"),
    ("[finetune]", "[7]", 10, "arms.baseline[0]", "found 7; must be a name or {name: {settings}}"),
    (
        "[finetune]",
        "[{finetune: , epochs: 3}]",
        10,
        "arms.baseline[0]",
        "found the keys finetune, epochs; one name per entry",
    ),
    ("data: chest, ", "data: 5, ", 11, "arms.mae_random[0].mae.data", "found 5; must be text"),
    (
        "mask_ratio: 0.75",
        "mask_ratio: 0.001",
        11,
        "arms.mae_random[0].mae.mask_ratio",
        "vit_phantom has 8 x 8 patches; a ratio of 0.001 hides 0 of them",
    ),
    (
        "[mae: {data: chest, masking: random, mask_ratio: 0.75}, finetune]",
        "[finetune: {epochs: 40}]",
        11,
        "arms.mae_random",
        "is the same chain as 'baseline'; every score would be equal",
    ),
    ("anatomy: chest", "anatomy: knee", 4, "data.chest.anatomy", "found 'knee', which is not allowed"),
    ("images: 50", "test: 50", 11, "arms.mae_random[0].mae.data", "'mae' needs unlabelled or training films"),
    ("images: 50", "images: 0", 4, "data.chest", "no films asked for; give images (unlabelled) or train, val and test"),
    ("val: 10, test: 10", "val: 10", 5, "data.shoulder", "the target needs labelled films; give it test: 100"),
    (
        "[finetune]",
        "[finetune: {data: chest}]",
        10,
        "arms.baseline[0].finetune.data",
        "trains on chest labels, but the target is shoulder",
    ),
    ("control_random]", "gradcam]", 14, "explain[1]", "'gradcam' is listed twice"),
    (
        "control_random]",
        "smoothgrad: {noise: 0}]",
        14,
        "explain[1].smoothgrad.noise",
        "found 0; must be a number above 0",
    ),
    (
        "insertion]",
        "insertion: {steps: 2.5}]",
        15,
        "measure[1].insertion.steps",
        "found 2.5; must be a whole number of",
    ),
    ("insertion]", "ehr: {x: 1}]", 15, "measure[1].ehr.x", "'ehr' has no settings; found 'x'"),
    ("[energy_pg, insertion]", "[]", 15, "measure", "found []; must be a list of at least one metric"),
    (
        "metric: energy_pg}",
        "metric: ehr}",
        17,
        "analysis.primary.metric",
        "'ehr' is not a known metric under `measure`",
    ),
    (
        "metric: energy_pg}",
        "metric: energy_pg}\n  margins: {ehr: 0.1}",
        18,
        "analysis.margins.ehr",
        "'ehr' is not a known metric under `measure`",
    ),
    (
        "metric: energy_pg}",
        "metric: energy_pg}\n  margins: {energy_pg: 0}",
        18,
        "analysis.margins.energy_pg",
        "found 0; must be more than 0",
    ),
    (
        "metric: energy_pg}",
        "metric: energy_pg}\n  contrasts: [{treatment: mae_rand, control: baseline}]",
        18,
        "analysis.contrasts[0].treatment",
        "'mae_rand' is not a known arm; did you mean 'mae_random'?",
    ),
    (
        "metric: energy_pg}",
        "metric: energy_pg}\n  contrasts: [{treatment: baseline, control: baseline}]",
        18,
        "analysis.contrasts[0]",
        "compares 'baseline' with itself",
    ),
    (
        "metric: energy_pg}",
        "metric: energy_pg}\n  contrasts:\n    - {treatment: mae_random, control: baseline}\n"
        "    - {treatment: baseline, control: mae_random}",
        20,
        "analysis.contrasts[1]",
        "'mae_random' against 'baseline' is already declared, reversed",
    ),
    ("metric: energy_pg}", "}", 17, "analysis.primary.metric", "is required and not given"),
    (
        "metric: energy_pg}",
        "metric: energy_pg}\nreport: {notes: words.yaml}",
        18,
        "report.notes",
        "'words.yaml' does not exist\nrelative paths start at the folder of the protocol",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "where", "message"), ONE_MISTAKE)
def test_one_mistake_gives_one_message(write: Write, old: str, new: str, line: int, where: str, message: str) -> None:
    found = only(write(old, new))
    assert found[:2] == (line, where)
    assert found[2].startswith(message)


def test_one_arm_alone_is_no_comparison(write: Write) -> None:
    path = write("  mae_random: [mae: {data: chest, masking: random, mask_ratio: 0.75}, finetune]\n", "")
    message = "there is one arm only; a comparison needs a second one, or a second attribution"
    assert only(path) == (9, "arms", message)


def test_one_arm_with_two_attributions_compares_these_and_needs_no_primary(write: Write) -> None:
    second = "  mae_random: [mae: {data: chest, masking: random, mask_ratio: 0.75}, finetune]\n"
    analysis = "analysis:\n  primary: {attribution: gradcam, metric: energy_pg}\n"
    both = "[gradcam, saliency, control_random]"
    protocol = read(write(second, "", "[gradcam, control_random]", both, analysis, ""))
    assert protocol.contrasts() == ()
    path = write("[gradcam, control_random]", both, analysis, "analysis: {}\n")
    assert only(path) == (16, "analysis.primary", "is required and not given; which attribution and metric decide?")


def test_raw_curves_bring_their_random_order_and_their_normalised_gap(write: Write) -> None:
    protocol = read(write("[gradcam, control_random]", "[gradcam]"))
    assert protocol.attribution_labels == ("gradcam", "control_random")
    assert protocol.metric_labels == ("energy_pg", "insertion", "faithfulness_gap")
    plain = read(write("[gradcam, control_random]", "[gradcam]", "[energy_pg, insertion]", "[energy_pg]"))
    assert (plain.attribution_labels, plain.metric_labels) == (("gradcam",), ("energy_pg",))


def test_rules_for_the_inside_of_a_network_need_a_network_that_has_them(write: Write) -> None:
    asked = ("[gradcam, control_random]", "[gradcam, relevance_cam]")
    assert only(write(*asked)) == (
        14,
        "explain[1]",
        "'relevance_cam' does not work on vit_phantom (vit); it supports: cnn",
    )
    message = "'relevance_cam' has no rules for convnext_tiny (convnext); it supports: resnet, resnext, densenet, vgg"
    path = write(
        *asked,
        "[vit_phantom]",
        "[convnext_tiny]",
        "[mae: {data: chest, masking: random, mask_ratio: 0.75}, finetune]",
        "[rotation, finetune]",
    )
    assert only(path) == (14, "explain[1]", message)


def test_all_stands_for_everything_that_fits_models_and_arms(write: Write) -> None:
    protocol = read(write("[gradcam, control_random]", "[all]", "[energy_pg, insertion]", "[all]"))
    names = set(protocol.attribution_labels)
    assert {"gradcam", "attention_rollout", "control_edges"} <= names
    assert not names & {"lrp_zplus", "relevance_cam"}
    assert set(protocol.metric_labels) == set(METRICS)
    second = "  mae_random: [mae: {data: chest, masking: random, mask_ratio: 0.75}, finetune]\n"
    alone = read(
        write(
            *("[gradcam, control_random]", "[gradcam: {layer: 1}, all]", "[energy_pg, insertion]", "[all]", second, ""),
            *("[vit_phantom]", "[vit_phantom, densenet_phantom]"),
        )
    )
    assert alone.attribution_labels[0] == "gradcam[layer=1]"
    assert not set(alone.attribution_labels) & {"lrp_zplus", "attention_rollout"}
    assert not [label for label in alone.metric_labels if label.startswith("cross")]
    found = only(write("[gradcam, control_random]", "[all, relevance_cam]"))
    assert found[:2] == (14, "explain[1]")


def test_random_weights_are_shown_by_a_method_that_needs_the_model_only(write: Write) -> None:
    found = only(write("control_random]", "control_randomised: {method: smoothgrad}]"))
    assert found[:2] == (14, "explain[1].control_randomised.method")
    assert found[2].startswith("found 'smoothgrad'; must be one of: gradcam, gradcampp")
    read(write("control_random]", "control_randomised: {method: saliency}]"))


def test_evaluators_are_arms(write: Write) -> None:
    asked = "[energy_pg, cross_gap: {evaluators: %s}]"
    for good in ("others", "all", "baseline", "[baseline, mae_random]"):
        read(write("[energy_pg, insertion]", asked % good))
    label = read(write("[energy_pg, insertion]", asked % "[baseline, mae_random]")).metric_labels[1]
    assert label == "cross_gap[evaluators=baseline+mae_random]"
    found = only(write("[energy_pg, insertion]", asked % "[baseline, mae_rand]"))
    assert found[:2] == (15, "measure[1].cross_gap.evaluators")
    assert found[2].startswith("'mae_rand' is not a known arm; did you mean 'mae_random'?")


def test_concepts_are_measured_per_run_and_layer(write: Write) -> None:
    protocol = read(write("reference: baseline", "reference: baseline\nconcepts: {layers: [1, 3]}"))
    facts = protocol.metric_facts
    assert facts["unique_detectors[layer=3]"].per_run
    assert "unique_detectors[layer=2]" not in facts
    found = only(write("reference: baseline", "reference: baseline\nconcepts: {layers: [0]}"))
    assert found[:2] == (13, "concepts.layers[0]")


def test_an_ambiguous_primary_metric_asks_for_a_label(write: Write) -> None:
    path = write(
        "[energy_pg, insertion]",
        "[insertion: {steps: 8}, insertion: {steps: 32}]",
        "metric: energy_pg",
        "metric: insertion",
    )
    line, where, message = only(path)
    assert (line, where) == (17, "analysis.primary.metric")
    assert "could be any of: insertion[steps=8], insertion[steps=32]" in message


def test_a_margin_by_name_reaches_the_metric_under_its_label(write: Write) -> None:
    path = write(
        "insertion]",
        "insertion: {steps: 8}]",
        "metric: energy_pg}",
        "metric: energy_pg}\n  margins: {insertion: 0.1, auc: 0.02}",
    )
    assert read(path).analysis.margins == {"insertion[steps=8]": 0.1, "auc": 0.02}


def test_fine_tuning_and_target_share_the_format(write: Write, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("image,label,split,patient_id,boxes\n", encoding="utf8")
    path = write("target:", "  films: {format: csv, manifest: .}\ntarget:", "[finetune]", "[finetune: {data: films}]")
    line, where, message = only(path)
    assert (line, where) == (11, "arms.baseline[0].finetune.data")
    assert message.startswith("the classifier is trained on 'csv' films and tested on 'phantom' films")


def test_a_missing_manifest_is_told_with_where_paths_start(write: Write) -> None:
    path = write("target:", "  films: {format: csv, manifest: nowhere.csv}\ntarget:")
    line, where, message = only(path)
    assert (line, where) == (6, "data.films.manifest")
    assert message == "'nowhere.csv' does not exist\nrelative paths start at the folder of the protocol"


def test_a_path_from_the_working_folder_is_corrected(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("target:", "  films: {format: csv, manifest: films.csv}\ntarget:")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "films.csv").touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "did you mean 'elsewhere/films.csv'?" in only(path)[2]


def test_options_of_the_command_line_win_and_are_named_in_messages(write: Write, tmp_path: Path) -> None:
    path = write()
    protocol = read(
        path, {"seeds": 1, "models": ["densenet_phantom"], "image_size": 32, "cluster": "inline", "workers": 3}
    )
    assert (protocol.seeds, protocol.models, protocol.image_size) == ((0,), ("densenet_phantom",), 32)
    assert (protocol.dispatch.cluster, protocol.dispatch.workers) == ("inline", 3)
    assert only(path, seeds=0)[:2] == (0, "--seeds")
    assert only(path, models=["vit_phantom", "vit_phantom"])[:2] == (0, "--models")
    assert only(path, image_size=60)[:2] == (0, "--image-size")
    assert only(path, cluster="cloud")[:2] == (0, "--cluster")
    assert only(path, languages=["fr"])[:2] == (0, "--lang")
    assert only(path, data={"sholder": "x"})[1:] == (
        "--data",
        "'sholder' is not a known dataset of this protocol; did you mean 'shoulder'?\nknown: chest, shoulder",
    )
    line, where, message = only(path, data={"": str(tmp_path / "gone.csv")})
    assert (line, where, message) == (0, "--data", f"'{tmp_path / 'gone.csv'}' does not exist")


def test_real_films_replace_a_phantom_and_keep_what_a_csv_dataset_chose(write: Write, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    phantom = read(write(), {"data": {"": str(tmp_path / "a.csv")}})
    assert phantom.data["shoulder"].model_dump()["manifest"] == str(tmp_path / "a.csv")
    path = write(
        "{format: phantom, anatomy: shoulder, train: 20, val: 10, test: 10}",
        "{format: csv, manifest: a.csv, images: ., classes: [x, y]}",
    )
    settings = read(path, {"data": {"shoulder": str(tmp_path / "b.csv")}}).data["shoulder"].model_dump()
    assert (settings["manifest"], settings["images"], settings["classes"]) == (
        str(tmp_path / "b.csv"),
        None,
        ("x", "y"),
    )


@pytest.mark.slow  # imports timm
def test_a_timm_name_must_exist_and_its_patches_must_divide_the_image(write: Write) -> None:
    message = only(write("[vit_phantom]", "[vit_smal_patch16_224]"))[2]
    assert message.startswith("'vit_smal_patch16_224' is not a known model; did you mean 'vit_small_patch16_224'")
    assert "timm has 'mobilenetv3_large_100', but" in only(write("[vit_phantom]", "[mobilenetv3_large_100]"))[2]
    path = write("[vit_phantom]", "[vit_small_patch16_224]", "image_size: 64", "image_size: 72")
    assert only(path)[2] == "found 72; vit_small_patch16_224 needs a multiple of 16, such as 64"
    message = only(write("[vit_phantom]", "[densenet121]", "image_size: 64", "image_size: 226"))[2]
    assert message == "densenet121: cannot be cut into 6 to 16 equal cells for masking; use a multiple of 8"
    assert read(write("[vit_phantom]", "[vit_small_patch16_224]")).family("vit_small_patch16_224") == "vit"


def test_primary_contrasts_come_first_and_controls_give_none(write: Write) -> None:
    protocol = read(
        write(
            "control_random]",
            "integrated_gradients, control_random]",
            "energy_pg}",
            "energy_pg}\n  margins: {energy_pg: 0.03}",
        )
    )
    contrasts = protocol.contrasts()
    assert [(c.family, c.attribution, c.metric) for c in contrasts] == [
        ("primary", "gradcam", "energy_pg"),
        ("secondary", "gradcam", "insertion"),
        ("secondary", "gradcam", "faithfulness_gap"),
        ("secondary", "integrated_gradients", "energy_pg"),
        ("secondary", "integrated_gradients", "insertion"),
        ("secondary", "integrated_gradients", "faithfulness_gap"),
        ("secondary", "", "auc"),
    ]
    first = contrasts[0]
    assert first.contrast_id == "mae_random-vs-baseline.vit_phantom.gradcam.energy_pg"
    assert (first.treatment, first.control, first.margin) == ("mae_random", "baseline", 0.03)
    assert first.question == "mae_random vs baseline"
    assert contrasts[-1].contrast_id == "mae_random-vs-baseline.vit_phantom.auc"
    assert len({contrast.contrast_id for contrast in contrasts}) == len(contrasts)


def test_declared_contrasts_replace_the_default_ones(write: Write) -> None:
    path = write(
        "energy_pg}", 'energy_pg}\n  contrasts: [{treatment: baseline, control: mae_random, question: "Why?"}]'
    )
    contrasts = read(path).contrasts(margins_set_later=["energy_pg"])
    assert {(c.treatment, c.control, c.question) for c in contrasts} == {("baseline", "mae_random", "Why?")}
    assert not any(c.margin_set_later for c in contrasts), "no margin, so none set later"


def test_every_model_has_its_own_contrasts(write: Write) -> None:
    protocol = read(write("[vit_phantom]", "[vit_phantom, densenet_phantom]"))
    primary = [c.model for c in protocol.contrasts() if c.family == "primary"]
    assert primary == ["vit_phantom", "densenet_phantom"]


def test_the_resolved_protocol_can_be_written_as_a_protocol_again(write: Write, tmp_path: Path) -> None:
    import json

    protocol = read(write())
    plain = {key: value for key, value in protocol.plain().items() if value is not None}
    plain["report"].pop("notes")
    plain["dispatch"].pop("workers")
    again = tmp_path / "again.yaml"
    again.write_text(json.dumps(plain), encoding="utf8")
    assert read(again) == protocol.model_copy(update={"source": again})


SHIPPED = [path for path in sorted((ROOT / "protocols").glob("*.yaml")) if path.stem != "transfer_real"]  # needs files


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_protocol_is_fine(path: Path) -> None:
    protocol = read(path)
    assert isinstance(protocol, Protocol)
    assert protocol.study == path.stem
    assert path.read_text(encoding="utf8").startswith("# yaml-language-server: $schema=schema.json\n")
