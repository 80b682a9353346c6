"""Which stages may stand where, with which masks, tiles, source tasks and weights."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.plan import expand
from study.protocol import read
from study.protocol.checkpoints import family_of_file

Write = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]
MAE = "mae_random: [mae: {data: chest, masking: random, mask_ratio: 0.75}, finetune]"


def told(path: Path, **overrides: object) -> list[tuple[str, str]]:
    """The problems of a file as (where, message)."""
    with pytest.raises(ProtocolError) as caught:
        read(path, overrides)
    return [(problem.where, problem.message) for problem in caught.value.problems]


def safetensors(path: Path, *names: str) -> Path:
    """A file with the header of safetensors and these names."""
    header = json.dumps({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


@pytest.fixture
def chain(write: Write) -> Callable[..., Path]:
    """`chain("[mae, finetune]")`: the good protocol with this chain as its second arm."""
    return lambda text, *more: write(MAE, f"mae_random: {text}", *more)


def test_a_classifier_in_the_middle_is_refused(chain) -> None:
    [(where, message)] = told(chain("[finetune, rotation, finetune]"))
    assert where == "arms.mae_random[0].finetune"
    assert message == "'finetune' makes the classifier and must be the last stage of the chain"


def test_weights_after_training_are_refused(chain, tmp_path) -> None:
    safetensors(tmp_path / "w.safetensors", "blocks.0.attn.qkv.weight")
    [(where, message)] = told(chain("[mae: {data: chest}, weights: {file: w.safetensors}, finetune]"))
    assert where == "arms.mae_random[1].weights"
    assert message == "'weights' would replace what 'mae' trained; it can only be the first stage of a chain"


def test_weights_alone_are_no_classifier(chain, tmp_path) -> None:
    safetensors(tmp_path / "w.safetensors", "blocks.0.attn.qkv.weight")
    [(_, message)] = told(chain("[weights: {file: w.safetensors}]"))
    assert message.startswith("the chain ends with 'weights'; it must end with")


@pytest.mark.parametrize("name", ["conv1.weight", "features.denseblock1.denselayer1.conv1.weight"])
def test_a_cnns_file_is_refused_for_a_vit_before_anything_runs(name: str, chain, tmp_path) -> None:
    names = ("layer1.0.conv1.weight", name)
    safetensors(tmp_path / "w.safetensors", *names)
    [(where, message)] = told(chain("[weights: {file: w.safetensors}, finetune]"))
    assert where == "arms.mae_random[0].weights.file"
    assert message == "'w.safetensors' holds a CNN; vit_phantom is a vision transformer"


def test_a_cnns_name_is_refused_for_a_vit(chain) -> None:
    [(where, message)] = told(
        chain("[weights: {timm: densenet121.tv_in1k}, finetune]", "[vit_phantom]", "[vit_small_patch16_224]")
    )
    assert where == "arms.mae_random[0].weights.timm"
    assert message == (
        "'densenet121.tv_in1k' (a CNN) holds weights of another model than vit_small_patch16_224 (a vision "
        "transformer); write a name that begins with 'vit_small_patch16_224.'"
    )


def test_timm_has_no_weights_for_our_small_models(chain) -> None:
    [(_, message)] = told(chain("[weights: {timm: vit_small_patch16_224.dino}, finetune]"))
    assert message.endswith("timm has none for it; use file:, or a model of timm")


def test_every_model_needs_weights_of_its_own(chain, tmp_path) -> None:
    safetensors(tmp_path / "v.safetensors", "blocks.0.attn.qkv.weight")
    text = "[weights: {file: {vit_phantom: v.safetensors}}, finetune]"
    [(where, message)] = told(chain(text, "[vit_phantom]", "[vit_phantom, densenet_phantom]"))
    assert where == "arms.mae_random[0].weights.file"
    assert message == "no weights are named for densenet_phantom; write file: {densenet_phantom: ...}"


@pytest.mark.parametrize("text", ["weights", "weights: {timm: a.b, file: c}"])
def test_there_is_one_source_of_weights(text: str, chain) -> None:
    [(where, message)] = told(chain(f"[{text}, finetune]"))
    assert where.startswith("arms.mae_random[0].weights")
    assert message == "give either timm: NAME (downloaded once) or file: PATH (a checkpoint that is there)"


def test_a_file_that_is_not_there_is_named(chain) -> None:
    [(_, message)] = told(chain("[weights: {file: absent.pth}, finetune]"))
    assert message == "'absent.pth' is not a file\nrelative paths start at the folder of the protocol"


def test_weights_that_are_neither_a_name_nor_a_mapping_are_refused(chain) -> None:
    found = told(chain("[weights: {file: 3}, finetune]"))
    assert found
    assert all(where.startswith("arms.mae_random[0].weights") for where, _ in found)


@pytest.mark.parametrize("data", ["", "{data: shoulder}"])
def test_supervised_pretraining_is_for_another_task(data: str, chain) -> None:
    [(where, message)] = told(chain(f"[supervised: {data}, finetune]" if data else "[supervised, finetune]"))
    assert where == "arms.mae_random[0].supervised.data"
    assert message == (
        "'supervised' pretrains on the labels of another task; name its dataset with data:\n"
        "known beside the target: chest"
    )


def test_a_source_task_needs_labelled_films(chain) -> None:
    [(_, message)] = told(chain("[supervised: {data: chest}, finetune]"))
    assert message == "this dataset has no train and no val films; give it train: 100, val: 100"


def test_a_source_task_of_another_anatomy_is_fine(chain) -> None:
    path = chain("[supervised: {data: chest}, finetune]", "images: 50", "train: 20, val: 10")
    stage = read(path).chain("mae_random", "vit_phantom")[0]
    assert (stage.kind, stage.settings.data) == ("supervised", "chest")


@pytest.mark.parametrize(
    ("settings", "where", "message"),
    [
        ("masking: grid, mask_ratio: 0.7", "mask_ratio", "masking 'grid' keeps one patch of every s x s; found a ratio of 0.7\nallowed: 1 - 1 / s^2 for a whole s: 0.75, 0.889, 0.9375"),
        ("masking: grid, mask_ratio: 0.889", "mask_ratio", "masking 'grid' with a ratio of 0.889 needs a grid that is a multiple of 3; vit_phantom has 8 x 8 patches here"),
        ("masking: block, sigma: 0.3", "sigma", "shapes the maskings center and edge; 'block' has no such setting, leave it out"),
        ("masking: random, floor: 0.3", "floor", "shapes the maskings center and edge; 'random' has no such setting, leave it out"),
    ],
)  # fmt: skip
def test_masks_that_cannot_be_are_refused(settings: str, where: str, message: str, chain) -> None:
    assert told(chain(f"[mae: {{data: chest, {settings}}}, finetune]")) == [
        (f"arms.mae_random[0].mae.{where}", message)
    ]


@pytest.mark.parametrize("settings", ["masking: grid", "masking: block, mask_ratio: 0.5", "masking: edge, sigma: 0.3"])
def test_masks_that_can_be_are_read(settings: str, chain) -> None:
    assert read(chain(f"[mae: {{data: chest, {settings}}}, finetune]"))


def test_a_lattice_is_checked_with_the_ratio_that_suits_each_model(chain) -> None:
    text = chain("[mae: {data: chest, masking: grid}, finetune]", "[vit_phantom]", "[densenet_phantom]")
    [(_, message)] = told(text)  # a CNN hides 60 % unless told otherwise
    assert "found a ratio of 0.6" in message


def test_two_by_two_tiles_have_twenty_four_orders(chain) -> None:
    [(where, message)] = told(chain("[jigsaw: {data: chest, permutations: 30}, finetune]"))
    assert where == "arms.mae_random[0].jigsaw.permutations"
    assert message == "found 30; 2 x 2 tiles have 24 orders; give at most 24, or tiles: 3"
    settings = read(chain("[jigsaw: {data: chest}, finetune]")).chain("mae_random", "vit_phantom")[0].settings
    assert (settings.tiles, settings.permutations) == (2, 24)
    settings = read(chain("[jigsaw: {data: chest, tiles: 3}, finetune]")).chain("mae_random", "vit_phantom")[0].settings
    assert settings.permutations == 100


def test_tiles_too_small_for_the_network_are_refused(chain) -> None:
    [(where, message)] = told(chain("[jigsaw: {data: chest}, finetune]", "[vit_phantom]", "[resnet18]"))
    assert where == "arms.mae_random[0].jigsaw.tiles"
    assert message == (
        "3 x 3 tiles of 64 px films are too small for resnet18, which needs 32 px each; use tiles: 2, or a larger "
        "image_size"
    )


def test_the_scale_of_exemplars_is_ordered(chain) -> None:
    [(_, message)] = told(chain("[exemplar: {data: chest, scale: [1.4, 0.7]}, finetune]"))
    assert message == "found the scale [1.4, 0.7]; the first must not exceed the second"


DIGESTS = {"chest": "sha256:c", "shoulder": "sha256:s"}


def test_a_given_file_is_in_the_key_by_its_content_and_shared_by_all_seeds(chain, tmp_path) -> None:
    for name in ("a", "b"):
        safetensors(tmp_path / f"{name}.safetensors", "blocks.0.attn.qkv.weight")
    plans = {}
    for name, content in (("a", "1"), ("b", "1"), ("a", "2")):
        protocol = read(chain(f"[weights: {{file: {name}.safetensors}}, finetune]"))
        assert protocol.weight_files == (f"{name}.safetensors",)
        plans[name, content] = expand(protocol, DIGESTS, {f"{name}.safetensors": f"sha256:{content}"})
    keys = {which: [run.training for run in plan.runs if run.arm == "mae_random"] for which, plan in plans.items()}
    first = {which: {training[0] for training in runs} for which, runs in keys.items()}
    assert all(len(found) == 1 for found in first.values())
    assert first["a", "1"] == first["b", "1"] != first["a", "2"]
    assert len({training[1] for training in keys["a", "1"]}) == 3
    stage = plans["a", "1"].stages[keys["a", "1"][0][0]]
    assert stage.recipe["content"] == "sha256:1"
    assert "a.safetensors" not in json.dumps(dict(stage.recipe))
    assert stage.places == {"file": "a.safetensors"}
    assert {run.pretrain_key for run in plans["a", "1"].runs} == {None}  # the file belongs to the recipe


def test_the_family_of_a_pytorch_file_is_read_from_its_index(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    for family, name in (("vit", "module.blocks.0.attn.qkv.weight"), ("cnn", "model.encoder.features.denseblock1.x")):
        torch.save({"model": {name: torch.zeros(1)}}, tmp_path / f"{family}.pth")
        assert family_of_file(tmp_path / f"{family}.pth") == family
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("nothing of the kind")
    assert family_of_file(tmp_path / "other.pth") is None
    assert family_of_file(tmp_path / "text.pth") is None
    assert family_of_file(tmp_path / "absent.pth") is None


def test_the_real_chains_are_fine_once_their_files_are_there(tmp_path) -> None:
    text = (ROOT / "protocols" / "transfer_real.yaml").read_text(encoding="utf8")
    path = tmp_path / "protocols" / "transfer_real.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf8")
    assert {where.rpartition(".")[2] for where, _ in told(path)} == {"manifest", "file"}
    for folder in ("checkpoints", "data/chest", "data/shoulder"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("vit-s_CXR_0.3M_mae.pth", "vit-s_ImageNet_mae.pth"):
        safetensors(tmp_path / "checkpoints" / name, "blocks.0.attn.qkv.weight")
    for name in ("densenet121_CXR_0.3M_mae.pth", "densenet121_ImageNet_mae.pth"):
        safetensors(tmp_path / "checkpoints" / name, "model.encoder.features.denseblock1.denselayer1.conv1.weight")
    protocol = read(path)
    assert protocol.study == "transfer_real"
    assert len(protocol.weight_files) == 4
    chains = {arm: " > ".join(stage.kind for stage in chain) for arm, chain in protocol.arms.items()}
    assert chains == {
        "scratch": "finetune",
        "imagenet": "weights > finetune",
        "chest_mae": "mae > finetune",
        "chest_mae_given": "weights > finetune",
        "imagenet_mae": "weights > finetune",
        "chest_mae_proxy": "mae > rotation > finetune",
        "chest_mae_chest_proxy": "mae > rotation > finetune",
        "imagenet_mae_chest_proxy": "weights > rotation > finetune",
        "chest_mae_center": "mae > mae > finetune",
        "chest_mae_random": "mae > mae > finetune",
    }
    vit, cnn = (protocol.chain("imagenet", model)[0].settings.timm for model in protocol.models)
    assert (vit, cnn) == ("vit_small_patch16_224.augreg_in1k", "densenet121.tv_in1k")
