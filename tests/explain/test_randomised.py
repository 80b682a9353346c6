"""Networks redrawn part by part, and the control made of the last of them."""

import copy
import gc
import weakref
from typing import Any

import pytest
import timm
import torch
from timm.models.densenet import DenseNet
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain import attribute, randomised, to_input_size
from study.explain.randomised import cascade, parts, redrawn
from study.records import Classifier

TARGETS = torch.tensor([1, 0])
SMALL: dict[str, Any] = {"in_chans": 1, "num_classes": 2}


def classifier_of(module: nn.Module, family: str) -> Classifier:
    return Classifier(module.eval().requires_grad_(False), "net", family, ("a", "b"), 1, 32, 0.5, 0.25)


def resnet() -> Classifier:
    torch.manual_seed(1)
    module = ResNet(BasicBlock, (1, 1, 1, 1), channels=(4, 4, 8, 8), stem_width=4, **SMALL)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):  # as after training
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return classifier_of(module, "cnn")


def vit(**options: Any) -> Classifier:
    torch.manual_seed(1)
    module = VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, **SMALL, **options)
    return classifier_of(module, "vit")


NETWORKS = {"resnet": resnet, "vit": vit, "vit with registers": lambda: vit(reg_tokens=2, init_values=0.1)}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def films() -> Tensor:
    return torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))


def weights(classifier: Classifier) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in classifier.module.state_dict().items()}


def changed(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    return {name for name in one if not torch.equal(one[name], other[name])}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vit_tiny_patch16_224", ["head", "norm", *(f"blocks.{k}" for k in range(11, -1, -1)), "patch_embed"]),
        ("resnet18", ["fc", "layer4", "layer3", "layer2", "layer1", "stem"]),
        (
            "densenet121",
            [
                *("classifier", "norm5", "denseblock4", "transition3", "denseblock3", "transition2", "denseblock2"),
                *("transition1", "denseblock1", "stem"),
            ],
        ),
        ("vgg16_bn", ["head", "pre_logits", "stage5", "stage4", "stage3", "stage2", "stage1"]),
        ("convnext_atto", ["head", "stages.3", "stages.2", "stages.1", "stages.0", "stem"]),
        ("efficientnet_b0", ["classifier", "bn2", "conv_head", *(f"blocks.{k}" for k in range(6, -1, -1)), "stem"]),
    ],
)
def test_networks_are_taken_apart_from_the_head_to_the_stem(name: str, expected: list[str]) -> None:
    with torch.device("meta"):
        module = timm.create_model(name)
    found = parts(module)
    assert [part.name for part in found] == expected
    held = sorted(f"{name}.{key}".lstrip(".") for part in found for name in part.modules for key in own(module, name))
    assert held == sorted(key for key, _ in module.named_parameters()), "every weight belongs to exactly one part"


def own(module: nn.Module, name: str) -> list[str]:
    return [key for key, _ in module.get_submodule(name).named_parameters(recurse=False)]


def test_networks_of_unknown_layout_are_taken_apart_by_their_children() -> None:
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    assert [part.name for part in parts(plain)] == ["3", "0"]
    assert [part.name for part in parts(nn.Linear(3, 2))] == ["weights"]


def test_wrappers_are_looked_into() -> None:
    network = resnet().module
    inside = parts(nn.Sequential(nn.ReLU(), nn.Sequential(network)))
    assert [part.name for part in inside] == [part.name for part in parts(network)]
    assert inside[0].modules == ("1.0.fc",)


@every_network
def test_every_step_redraws_one_part_more_and_leaves_the_original_alone(network: Any) -> None:
    classifier = network()
    original = before = weights(classifier)
    done: set[str] = set()
    for part, (name, step) in zip(parts(classifier.module), cascade(classifier, draw=0), strict=True):
        assert name == part.name
        now = weights(step)
        inside = {f"{module}.{key}".lstrip(".") for module in part.modules for key in own(classifier.module, module)}
        moved = changed(before, now)
        assert {key for key in moved if "running" not in key} <= inside, "nothing else moves"
        # A bias or a norm that was never trained starts where it stood.
        assert {key for key in inside if key.endswith("weight") and before[key].ndim > 1} <= moved
        done |= moved
        before = now
    assert changed(original, before) == done
    assert not changed(original, weights(classifier))
    assert not any(p.requires_grad for p in step.module.parameters())
    assert not step.module.training


def test_steps_stay_as_they_were_when_the_next_is_made() -> None:
    steps = cascade(resnet(), draw=0)
    _, first = next(steps)
    kept = weights(first)
    for _ in steps:
        pass
    assert not changed(kept, weights(first))


def test_batch_normalisation_starts_anew_with_its_statistics() -> None:
    classifier = resnet()
    after = redrawn(classifier, draw=0).module.layer3[0].bn1
    assert classifier.module.layer3[0].bn1.running_mean.any()
    assert torch.equal(after.weight, torch.ones(8))
    assert not after.bias.any()
    assert not after.running_mean.any()
    assert torch.equal(after.running_var, torch.ones(8))


def test_tokens_and_positions_are_drawn_small_and_layer_scales_start_as_in_timm() -> None:
    classifier = vit(reg_tokens=4, init_values=0.1)
    for part in ("blocks.1.ls1.gamma", "pos_embed", "cls_token", "reg_token"):
        nn.init.ones_(classifier.module.get_parameter(part))
    module = redrawn(classifier, draw=0).module
    for token in (module.pos_embed, module.cls_token, module.reg_token):
        assert token.std().item() == pytest.approx(0.02, rel=0.5)
    assert torch.equal(module.blocks[1].ls1.gamma, torch.full((16,), 0.1))


@every_network
def test_all_weights_redrawn_is_where_the_cascade_ends(network: Any) -> None:
    classifier = network()
    *_, (_, last) = cascade(classifier, draw=3)
    assert not changed(weights(last), weights(redrawn(classifier, draw=3)))


def test_a_draw_gives_the_same_weights_whatever_was_drawn_before_and_another_gives_others() -> None:
    classifier = vit()
    first = weights(redrawn(classifier, draw=0))
    torch.manual_seed(123)
    state = torch.get_rng_state()
    assert not changed(first, weights(redrawn(copy.deepcopy(classifier), draw=0)))
    assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"
    assert "head.weight" in changed(first, weights(redrawn(classifier, draw=1)))


def test_what_is_drawn_does_not_depend_on_the_weights_that_were_there() -> None:
    one, other = vit(), vit()
    nn.init.normal_(other.module.head.weight)
    assert not changed(weights(redrawn(one, draw=0)), weights(redrawn(other, draw=0)))


def test_redrawn_networks_can_be_differentiated_when_made_in_inference_mode() -> None:
    with torch.inference_mode():
        step = redrawn(resnet(), draw=0)
        list(cascade(resnet(), draw=0))
    assert attribute("saliency", step, films(), TARGETS).any()


@pytest.mark.parametrize("method", ["gradcam", "integrated_gradients"])
def test_the_control_is_the_map_of_the_method_on_the_redrawn_network(method: str) -> None:
    classifier = resnet()
    maps = attribute("control_randomised", classifier, films(), TARGETS, settings={"method": method, "draw": 2})
    expected = attribute(method, redrawn(classifier, draw=2), films(), TARGETS)
    assert torch.equal(maps, expected)
    assert not torch.equal(maps, attribute(method, classifier, films(), TARGETS))


def test_the_control_is_cut_at_input_size_where_its_method_is() -> None:
    raw = torch.tensor([[[-9.0, 1.0]]])
    for settings, method in (
        ({}, "saliency"),
        ({"method": "layercam"}, "gradcam"),
        ({"method": "input_x_gradient"}, "input_x_gradient"),
    ):
        control = to_input_size("control_randomised", raw, (1, 4), settings=settings)
        assert torch.equal(control, to_input_size(method, raw, (1, 4)))


def test_a_network_is_redrawn_once_and_forgotten_with_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def noted(classifier: Classifier, *, draw: int) -> Classifier:
        drawn.append(draw)
        return redrawn(classifier, draw=draw)

    monkeypatch.setattr(randomised, "redrawn", noted)
    classifier = resnet()
    for draw in (0, 0, 1, 0):
        attribute("control_randomised", classifier, films(), TARGETS, settings={"draw": draw})
    assert drawn == [0, 1]
    made = weakref.ref(randomised._REDRAWN[classifier.module][0])
    del classifier
    gc.collect()
    assert made() is None


@pytest.mark.parametrize("method", ["control_random", "control_randomised", "smoothgrad", "iba", "gradcamm"])
def test_methods_that_need_seeds_or_films_and_controls_cannot_be_redrawn(method: str) -> None:
    message = f"cannot use method '{method}': .*\nallowed: .*gradcam, .*saliency"
    with pytest.raises(UnsupportedError, match=message):
        attribute("control_randomised", resnet(), films(), TARGETS, settings={"method": method})


def test_a_method_of_another_family_is_refused_as_always() -> None:
    settings = {"method": "attention_rollout"}
    with pytest.raises(UnsupportedError, match="attention_rollout is not defined for net"):
        attribute("control_randomised", resnet(), films(), TARGETS, settings=settings)


def test_maps_of_redrawn_networks_are_finite() -> None:
    torch.manual_seed(0)
    dense = classifier_of(DenseNet(growth_rate=4, block_config=(2, 2, 2), **SMALL), "cnn")
    for classifier in (dense, resnet(), vit()):
        for _, step in cascade(classifier, draw=0):
            assert attribute("gradcam", step, films(), TARGETS).isfinite().all()
