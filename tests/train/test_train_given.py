"""Checkpoints of others, written here in their layouts, become the trunk; what does not fit is refused by name."""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from study.errors import StudyError
from study.train.checkpoint import named, read_checkpoint
from study.train.fitting import Colours, adapt_channels, decoder_of, fit_trunk
from study.train.models import build, trunk
from study.train.positions import sincos

State = dict[str, Tensor]


def vit(size: int = 32, **form: Any) -> Any:
    """A ViT of timm's own class: patches of 8, two blocks."""
    form = {"embed_dim": 32, "depth": 2, "num_heads": 2, "in_chans": 1, "num_classes": 2} | form
    norm = partial(nn.LayerNorm, eps=1e-6)
    return timm.models.VisionTransformer(img_size=size, patch_size=8, norm_layer=norm, **form)


def mae_state(*, size: int = 32, width: int = 64, depth: int = 4, channels: int = 3, decoder: bool = True) -> State:
    """Names and shapes of a facebookresearch MAE checkpoint with patches of 8."""
    draw = torch.Generator().manual_seed(0)
    length, wide = (size // 8) ** 2, 16
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, length + 1, width),
        "patch_embed.proj.weight": (width, channels, 8, 8),
        "patch_embed.proj.bias": (width,),
    }

    def block(prefix: str, width: int) -> dict[str, tuple[int, ...]]:
        parts = {
            "norm1": (width,),
            "attn.qkv": (3 * width, width),
            "attn.proj": (width, width),
            "norm2": (width,),
            "mlp.fc1": (4 * width, width),
            "mlp.fc2": (width, 4 * width),
        }
        weights = {f"{prefix}.{part}.weight": shape for part, shape in parts.items()}
        return weights | {f"{prefix}.{part}.bias": shape[:1] for part, shape in parts.items()}

    for index in range(depth):
        shapes |= block(f"blocks.{index}", width)
    shapes |= {"norm.weight": (width,), "norm.bias": (width,)}
    if decoder:
        shapes |= {"mask_token": (1, 1, wide), "decoder_pos_embed": (1, length + 1, wide)}
        shapes |= {"decoder_embed.weight": (wide, width), "decoder_embed.bias": (wide,)}
        shapes |= block("decoder_blocks.0", wide)
        shapes |= {"decoder_norm.weight": (wide,), "decoder_norm.bias": (wide,)}
        shapes |= {"decoder_pred.weight": (64 * channels, wide), "decoder_pred.bias": (64 * channels,)}
    state = {name: 0.1 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    return state | {"pos_embed": sincos((size // 8, size // 8), width, prefix=1)[None]}


def fitted(state: State, module: nn.Module, **options: Any) -> Any:
    return fit_trunk(named(state, layout="auto", source="here", stripped=[]), module, **options)


def as_stage(path: Path, trained: Callable[..., Path], dataset: Any, model: str = "vit_phantom", **chosen: Any) -> Path:
    return trained("weights", model, dataset, file=str(path), **chosen)


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return facts


def test_a_facebookresearch_mae_file_becomes_the_trunk(films, trained, tmp_path) -> None:
    state = mae_state()
    torch.save({"model": state}, tmp_path / "mae_pretrain.pth")
    folder = as_stage(tmp_path / "mae_pretrain.pth", trained, films(train=4, size=32))
    stored, facts = load_file(folder / "weights.safetensors"), facts_of(folder)
    assert torch.equal(stored["blocks.3.mlp.fc2.weight"], state["blocks.3.mlp.fc2.weight"])
    assert torch.equal(stored["pos_embed"], state["pos_embed"])
    torch.testing.assert_close(
        stored["patch_embed.proj.weight"], state["patch_embed.proj.weight"].sum(dim=1, keepdim=True)
    )
    assert facts["layout"] == "mae"
    assert facts["stripped"] == ["model"]
    assert facts["n_taken"] == 4 + 4 * 12
    assert facts["source"] == "mae_pretrain.pth"
    assert facts["summary"] == "52 of 52 tensors; 3 to 1 channels (sum); left out: 2 norm, 20 decoder"
    assert facts["supervised"] is False


def test_a_medical_mae_vit_with_its_options_and_optimiser_is_read_safely(films, trained, tmp_path) -> None:
    whole = {
        "model": {f"module.{name}": value for name, value in mae_state(decoder=False).items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]},
        "epoch": 800,
        "scaler": {"scale": 65536.0},
        "args": argparse.Namespace(batch_size=256, mask_ratio=0.9, output_dir="./out"),
    }
    whole["model"] |= {"module.fc_norm.weight": torch.ones(64), "module.head.weight": torch.ones(14, 64)}
    torch.save(whole, tmp_path / "vit-s_CXR_0.3M_mae.pth")
    facts = facts_of(as_stage(tmp_path / "vit-s_CXR_0.3M_mae.pth", trained, films(train=4, size=32)))
    assert facts["stripped"] == ["model", "module."]
    assert facts["has_decoder"] is False
    assert facts["summary"].endswith("left out: 2 norm, 2 head")


def unet_state(module: nn.Module) -> State:
    """The names of medical_mae's U-Net around a DenseNet: encoder, decoder, head."""
    inside = {f"model.encoder.{name}": value for name, value in module.state_dict().items() if "classifier" not in name}
    return inside | {
        "model.decoder.blocks.0.conv1.0.weight": torch.zeros(4, 4, 3, 3),
        "model.segmentation_head.0.weight": torch.zeros(3, 4, 3, 3),
    }


def test_the_encoder_of_a_medical_mae_densenet_is_taken_out_of_its_unet(tmp_path) -> None:
    source = build("densenet_phantom", num_classes=2, image_size=32, in_chans=3)
    torch.save({"model": unet_state(source), "epoch": 1}, tmp_path / "densenet121_CXR_0.3M_mae.pth")
    checkpoint = read_checkpoint(tmp_path / "densenet121_CXR_0.3M_mae.pth", layout="auto")
    assert (checkpoint.layout, checkpoint.stripped) == ("medical_mae", ["model", "model.", "encoder."])
    module = build("densenet_phantom", num_classes=2, image_size=32, in_chans=1)
    report = fit_trunk(checkpoint, module)
    assert {what: len(names) for what, names in report.left_out.items()} == {"decoder": 2}
    assert len(report.taken) == len(trunk(module))
    assert decoder_of(checkpoint, module) == {}  # a U-Net's is none of ours
    images = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        own = module.eval().forward_features(images)  # type: ignore[operator]
        theirs = source.eval().forward_features(images.expand(-1, 3, -1, -1))  # type: ignore[operator]
    torch.testing.assert_close(own, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["densenet121", "resnet18", "resnet50"])
def test_a_torchvision_file_gives_the_logits_of_torchvision(name: str, tmp_path) -> None:
    torch.manual_seed(0)
    source = torchvision.models.get_model(name, weights=None, num_classes=5).eval()
    for part in source.modules():  # statistics that matter
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    checkpoint = read_checkpoint(tmp_path / "weights.pth", layout="torchvision")
    module = timm.create_model(name, num_classes=5, in_chans=3).eval()
    report = fit_trunk(checkpoint, module)
    assert {what: len(names) for what, names in report.left_out.items()} == {} or set(report.left_out) == {"head"}
    head = module.get_classifier()
    own = source.classifier if name.startswith("densenet") else source.fc
    head.load_state_dict(own.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(module(images), source(images), atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_an_old_densenet_file_with_dots_gives_the_same_logits() -> None:
    source = torchvision.models.densenet121(weights=None, num_classes=5).eval()
    dotted = {
        name.replace(".norm1.", ".norm.1.").replace(".norm2.", ".norm.2.").replace(".conv1.", ".conv.1.")
        .replace(".conv2.", ".conv.2."): value
        for name, value in source.state_dict().items()
    }  # fmt: skip
    assert "features.denseblock1.denselayer1.norm.1.weight" in dotted
    module = timm.create_model("densenet121", num_classes=5).eval()
    fitted(dotted, module)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        theirs = source.features(images).relu()  # timm's last norm includes it
        torch.testing.assert_close(module.features(images), theirs, atol=1e-4, rtol=1e-4)


def test_a_torchvision_vit_gives_the_logits_of_torchvision() -> None:
    torch.manual_seed(0)
    form = {"num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 128, "num_classes": 2}
    source = torchvision.models.VisionTransformer(image_size=32, patch_size=8, **form).eval()
    module = vit(in_chans=3).eval()
    nn.init.normal_(source.heads.head.weight)
    report = fitted(source.state_dict(), module)
    assert set(report.left_out) <= {"head"}
    module.head.load_state_dict(source.heads.head.state_dict())
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(module(images), source(images), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("prefix", ["", "module.", "encoder.", "backbone.", "module.encoder."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_what_stands_in_front_of_names_is_taken_off(prefix: str, wrapper: str | None, tmp_path) -> None:
    state = {prefix + name: value for name, value in vit().state_dict().items()}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "weights.pt")
    checkpoint = read_checkpoint(tmp_path / "weights.pt", layout="plain")
    assert checkpoint.state.keys() == vit().state_dict().keys()
    assert "".join(checkpoint.stripped) == (wrapper or "") + prefix


def test_safetensors_and_our_own_stages_are_read(films, trained) -> None:
    dataset = films(train=4, unlabelled=8, size=32)
    first = trained("mae", "vit_phantom", dataset, epochs=1)
    folder = as_stage(first / "weights.safetensors", trained, dataset)
    start, end = (load_file(each / "weights.safetensors") for each in (first, folder))
    assert start.keys() == end.keys()
    assert all(torch.equal(start[name], end[name]) for name in start)  # the decoder too
    again = trained("mae", "vit_phantom", dataset, initial=folder, carry_decoder=True, epochs=1)
    assert (again / "weights.safetensors").is_file()


def test_the_next_stage_starts_from_given_weights(films, trained, tmp_path) -> None:
    save_file(mae_state(channels=1), tmp_path / "w.safetensors")
    dataset = films(train=8, size=32)
    folder = as_stage(tmp_path / "w.safetensors", trained, dataset)
    still = {"lr": 1e-30, "weight_decay": 0.0, "epochs": 1}
    end = load_file(trained("finetune", "vit_phantom", dataset, initial=folder, **still) / "weights.safetensors")
    assert torch.equal(end["blocks.1.attn.qkv.weight"], mae_state(channels=1)["blocks.1.attn.qkv.weight"])


def test_positions_of_another_grid_are_interpolated_and_the_class_row_is_kept() -> None:
    module = vit(size=48)  # 6 x 6
    state = vit(size=32).state_dict()
    report = fitted(state, module)
    rows = state["pos_embed"][:, 1:].reshape(1, 4, 4, 32).permute(0, 3, 1, 2)
    wanted = nn.functional.interpolate(rows, size=(6, 6), mode="bicubic", align_corners=False)
    torch.testing.assert_close(module.pos_embed[:, 1:], wanted.permute(0, 2, 3, 1).flatten(1, 2))
    assert torch.equal(module.pos_embed[:, :1], state["pos_embed"][:, :1])
    assert report.adapted == ["positions 4 x 4 to 6 x 6"]


def test_grey_kernels_answer_repeated_grey_images_alike() -> None:
    kernel = torch.randn(4, 3, 3, 3)
    grey = torch.randn(2, 1, 8, 8)
    rgb = nn.functional.conv2d(grey.expand(-1, 3, -1, -1), kernel)
    torch.testing.assert_close(nn.functional.conv2d(grey, adapt_channels(kernel, 1)), rgb)
    one = torch.randn(4, 1, 3, 3)
    torch.testing.assert_close(
        nn.functional.conv2d(grey.expand(-1, 3, -1, -1), adapt_channels(one, 3)), nn.functional.conv2d(grey, one)
    )


MEANS, STDS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize("family", ["vit", "cnn"])
def test_exact_channels_answer_as_the_rgb_network_does_to_films_in_its_own_normalisation(family: str) -> None:
    torch.manual_seed(0)
    made = [
        vit(in_chans=channels) if family == "vit" else build("densenet_phantom", num_classes=2, image_size=32, in_chans=channels)
        for channels in (3, 1)
    ]  # fmt: skip
    rgb, grey = (module.eval() for module in made)
    report = fitted(rgb.state_dict(), grey, colours=Colours(MEANS, STDS, 0.36, 0.26))
    assert "3 to 1 channels (exact)" in report.adapted
    pixels = torch.rand(2, 1, 32, 32)
    theirs = (pixels - torch.tensor(MEANS)[:, None, None]) / torch.tensor(STDS)[:, None, None]
    ours = (pixels - 0.36) / 0.26
    with torch.no_grad():
        if family == "vit":
            torch.testing.assert_close(grey.forward_features(ours), rgb.forward_features(theirs), atol=1e-5, rtol=1e-4)
        else:  # exact where the padding does not reach
            stem = [nn.Sequential(net.features.conv0, net.features.norm0) for net in (grey, rgb)]
            one, other = (part(images)[:, :, 3:-3, 3:-3] for part, images in zip(stem, (ours, theirs), strict=True))
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_published_decoder_is_handed_on_in_our_names(films, trained, tmp_path) -> None:
    state = mae_state()
    save_file(state, tmp_path / "full.safetensors")
    dataset = films(train=4, unlabelled=4, size=32)
    folder = as_stage(tmp_path / "full.safetensors", trained, dataset)
    stored = load_file(folder / "weights.safetensors")
    assert torch.equal(stored["decoder.embed.weight"], state["decoder_embed.weight"])
    assert torch.equal(stored["decoder.before.weight"], state["norm.weight"])
    pixel, channel = 5, torch.arange(3)
    torch.testing.assert_close(
        stored["decoder.predict.weight"][pixel], state["decoder_pred.weight"][3 * pixel + channel].mean(dim=0)
    )
    carried = {"decoder_width": 16, "decoder_depth": 1, "carry_decoder": True, "initial": folder}
    out = trained("mae", "vit_phantom", dataset, **carried, lr=1e-30, weight_decay=0.0, epochs=1)
    assert torch.equal(load_file(out / "weights.safetensors")["decoder.embed.bias"], state["decoder_embed.bias"])


def refused(state: State, module: nn.Module) -> str:
    with pytest.raises(StudyError) as caught:
        fitted(state, module)
    return str(caught.value)


def test_a_wrong_shape_is_refused_with_the_name_and_both_shapes(films, trained, tmp_path) -> None:
    state = mae_state()
    state["blocks.2.attn.qkv.weight"] = torch.zeros(192, 48)
    torch.save({"model": state}, tmp_path / "wrong.pth")
    with pytest.raises(StudyError, match=r"wrong\.pth: the weights do not fit the model") as caught:
        as_stage(tmp_path / "wrong.pth", trained, films(train=4, size=32))
    assert "other shape: blocks.2.attn.qkv.weight [192, 48] for [192, 64]\n" in str(caught.value)
    assert "use a file of the same architecture" in str(caught.value)


def test_another_width_depth_or_patch_is_refused_with_the_first_names() -> None:
    text = refused(vit(embed_dim=48).state_dict(), vit())
    assert "other shape: blocks.0.attn.proj.bias [48] for [32]" in text
    text = refused(vit(depth=3).state_dict(), vit())
    assert "not known to the model: blocks.2.attn.proj.bias, " in text
    assert "missing in the file: blocks.1." in refused(vit(depth=1).state_dict(), vit())
    state = vit(in_chans=3).state_dict()
    state["patch_embed.proj.weight"] = torch.zeros(32, 3, 16, 16)
    assert "patch_embed.proj.weight [32, 3, 16, 16] for [32, 1, 8, 8]" in refused(state, vit())


def test_a_table_without_a_class_row_does_not_pass_for_one_with_it() -> None:
    state = vit().state_dict()
    state["pos_embed"] = state["pos_embed"][:, 1:]
    assert "pos_embed [1, 16, 32] for [1, 17, 32]" in refused(state, vit())


def test_a_file_without_any_known_name_is_refused() -> None:
    text = refused({"a": torch.zeros(1), "b": torch.zeros(1)}, vit())
    assert text.startswith("here: no name in it is one of the model's, so nothing can be taken\n  in the file: a, b\n")
    assert "in the model: blocks.0.attn.proj.bias" in text


def test_a_cnn_file_is_refused_for_a_vit() -> None:
    state = build("densenet_phantom", num_classes=2, image_size=32, in_chans=1).state_dict()
    assert "in the file: classifier.bias" in refused(state, vit())


def test_a_file_that_could_run_a_program_is_not_opened(tmp_path) -> None:
    torch.save({"model": vit().state_dict(), "best": np.float64(0.8), "model_class": Path("x")}, tmp_path / "w.pth")
    with pytest.raises(StudyError, match=r"(?s)w\.pth: holds more than tensors.*torch\.save\(checkpoint\['model'\]"):
        read_checkpoint(tmp_path / "w.pth", layout="auto")


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_that_is_no_checkpoint_is_refused(name: str, tmp_path) -> None:
    (tmp_path / name).write_bytes(b"not at all a checkpoint")
    with pytest.raises(StudyError, match=r"w.*: (cannot be read as|holds more than tensors)"):
        read_checkpoint(tmp_path / name, layout="auto")


def test_a_file_without_tensors_is_refused(tmp_path) -> None:
    torch.save({"epoch": 3, "history": [1.0]}, tmp_path / "w.pth")
    with pytest.raises(StudyError, match="holds no weights; found epoch, history"):
        read_checkpoint(tmp_path / "w.pth", layout="auto")


def test_a_file_that_changed_after_planning_is_refused(tmp_path) -> None:
    save_file(vit().state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(StudyError, match="the file has changed since the study was planned"):
        read_checkpoint(tmp_path / "w.safetensors", layout="auto", content="sha256:0")


def test_a_layout_that_is_not_the_files_is_refused(tmp_path) -> None:
    save_file(vit().state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(StudyError, match=r"not in the layout 'torchvision', whose names are features\.conv0"):
        read_checkpoint(tmp_path / "w.safetensors", layout="torchvision")


def test_a_name_without_a_network_tells_both_ways_out(films, trained, monkeypatch, tmp_path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    with pytest.raises(StudyError, match="could not be downloaded") as caught:
        trained("weights", "vit_tiny_patch16_224", films(train=4, size=32), timm=name)
    assert "download them once on a machine with a network" in str(caught.value)
    assert f"weights: {{file: {name}.safetensors}}" in str(caught.value)


def test_a_name_that_timm_does_not_have_is_refused_with_those_it_has(films, trained) -> None:
    with pytest.raises(StudyError, match=r"no pretrained weights called 'resnet18\.nobody'\nknown: resnet18\.a1_in1k"):
        trained("weights", "resnet18", films(train=4, size=32), timm="resnet18.nobody")


def test_weights_of_timm_are_taken_by_name(films, trained, monkeypatch) -> None:
    torch.manual_seed(1)
    source = timm.create_model("resnet18", num_classes=10)
    source.pretrained_cfg = {"mean": MEANS, "std": STDS}
    create = timm.create_model

    def created(name: str, **options: Any) -> nn.Module:
        return source if options.get("pretrained") else create(name, **options)

    monkeypatch.setattr(timm, "create_model", created)
    folder = trained("weights", "resnet18", films(train=4, size=32), timm="resnet18.a1_in1k", channels="exact")
    stored, facts = load_file(folder / "weights.safetensors"), facts_of(folder)
    assert torch.equal(stored["layer3.0.conv1.weight"], source.state_dict()["layer3.0.conv1.weight"])
    assert facts["source"] == "resnet18.a1_in1k"
    assert facts["summary"] == "120 of 120 tensors; 3 to 1 channels (exact); left out: 2 head"
    assert facts["content"].startswith("sha256:")


def test_decoders_of_models_without_patches_are_none() -> None:
    module = build("densenet_phantom", num_classes=2, image_size=32, in_chans=1)
    assert decoder_of(named(module.state_dict(), layout="auto", source="here", stripped=[]), module) == {}
