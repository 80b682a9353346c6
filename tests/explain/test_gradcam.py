"""Grad-CAM: peers, layers and shapes."""

import dataclasses

import pytest
import timm
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain import attribute
from study.explain.gradcam import features
from study.explain.layers import feature_layers
from study.records import Classifier

TARGETS = torch.tensor([1, 0])


def classifier_of(module: nn.Module, name: str = "net", family: str = "cnn") -> Classifier:
    return Classifier(module.eval().requires_grad_(False), name, family, ("a", "b"), 3, 64, 0.5, 0.25)


def timm_classifier(name: str, **options: object) -> Classifier:
    torch.manual_seed(0)
    module = timm.create_model(name, num_classes=2, **options)
    return classifier_of(module, name, "vit" if name.startswith(("vit", "deit")) else "cnn")


def films(*size: int, in_chans: int = 3) -> Tensor:
    return torch.randn(2, in_chans, *size, generator=torch.Generator().manual_seed(1))


def by_pytorch_grad_cam(classifier: Classifier, layer: nn.Module, images: Tensor, reshape: object = None) -> Tensor:
    """Raw maps before ReLU and scaling: its weights (computed by it) times its activations."""
    module = classifier.module.requires_grad_(True)
    with GradCAM(module, [layer], reshape_transform=reshape) as cam:
        cam(images, [ClassifierOutputTarget(int(target)) for target in TARGETS])
        activations = cam.activations_and_grads.activations[0]
        gradients = cam.activations_and_grads.gradients[0]
        weights = cam.get_cam_weights(images, layer, None, activations.detach().numpy(), gradients.detach().numpy())
    module.requires_grad_(False)
    return (torch.as_tensor(weights)[:, :, None, None] * activations.detach()).sum(dim=1)


def test_resnet18_maps_are_those_of_pytorch_grad_cam() -> None:
    classifier, images = timm_classifier("resnet18"), films(96, 64)
    expected = by_pytorch_grad_cam(classifier, classifier.module.layer4[-1], images)
    raw = attribute("gradcam", classifier, images, TARGETS)
    assert raw.shape == (2, 3, 2)
    torch.testing.assert_close(raw, expected, atol=1e-6, rtol=1e-4)


def test_vit_maps_are_those_of_pytorch_grad_cam_with_its_token_grid() -> None:
    classifier = timm_classifier("vit_tiny_patch16_224", img_size=(96, 64), depth=3)

    def reshape(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].reshape(len(tokens), 6, 4, -1).permute(0, 3, 1, 2)

    images = films(96, 64)
    expected = by_pytorch_grad_cam(classifier, classifier.module.blocks[-1].norm1, images, reshape)
    raw = attribute("gradcam", classifier, images, TARGETS)
    assert raw.shape == (2, 6, 4)
    torch.testing.assert_close(raw, expected, atol=1e-6 * float(expected.abs().max()), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "depths", "default"),
    [
        ("resnet18", {}, 4, "layer4"),
        ("densenet121", {"block_config": (2, 2, 2, 2), "growth_rate": 8}, 4, "features.norm5"),
        ("vgg11", {"cfg": (8, "M", 16, "M", 16, 16, "M"), "mlp_ratio": 0.01}, 3, "features.10"),
        ("efficientnet_b0", {}, 8, "bn2"),
        ("convnext_atto", {}, 4, "stages.3"),
        ("vit_tiny_patch16_224", {"img_size": 64, "depth": 3}, 3, "blocks.2.norm1"),
        ("vit_tiny_patch16_224", {"img_size": 64, "depth": 3, "reg_tokens": 4}, 3, "blocks.2.norm1"),
        ("vit_tiny_patch16_224", {"img_size": 64, "depth": 3, "global_pool": "avg"}, 3, "blocks.2.norm1"),
        ("deit_tiny_distilled_patch16_224", {"img_size": 64, "depth": 2}, 2, "blocks.1.norm1"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_every_family_has_its_layers_and_the_deepest_is_the_default(
    name: str, options: dict[str, object], depths: int, default: str
) -> None:
    torch.manual_seed(0)
    small = {"densenet121": timm.models.DenseNet, "vgg11": timm.models.VGG}
    if name in small:
        classifier = classifier_of(small[name](num_classes=2, **options), name)
    else:
        classifier = timm_classifier(name, **options)
    images = films(64, 64)
    layers = feature_layers(classifier.module)
    assert (len(layers), layers[-1]) == (depths, default)
    raw = attribute("gradcam", classifier, images, TARGETS)
    assert raw.abs().max() > 0
    for settings in ({"layer": depths}, {"layer": default}):
        assert torch.equal(attribute("gradcam", classifier, images, TARGETS, settings=settings), raw)
    shallow = attribute("gradcam", classifier, images, TARGETS, settings={"layer": 1})
    assert shallow.shape[1] >= raw.shape[1]
    assert shallow.abs().max() > 0


def test_a_wrapped_network_is_explained_like_the_bare_one() -> None:
    classifier = timm_classifier("resnet18")
    wrapped = dataclasses.replace(classifier, module=nn.Sequential(nn.Identity(), classifier.module))
    images = films(64, 64)
    assert feature_layers(wrapped.module)[-1] == "1.layer4"
    assert torch.equal(
        attribute("gradcam", wrapped, images, TARGETS), attribute("gradcam", classifier, images, TARGETS)
    )


class InPlace(nn.Module):
    """x -> conv -> ReLU in place -> mean of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(inplace=True)
        self.conv.weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.act(self.conv(x))
        return features.mean(dim=(2, 3))


def test_a_relu_in_place_does_not_overwrite_what_is_recorded_before_it() -> None:
    image = torch.tensor([[[[3.0, -1.0]]]])
    found = features(InPlace(), "conv", image, torch.tensor([0]))
    assert found.activations.tolist() == [[[[3.0, -1.0]], [[-3.0, 1.0]]]]
    assert found.gradients.tolist() == [[[[0.5, 0.0]], [[0.0, 0.0]]]]
    # By hand: weights 0.25 and 0, so a quarter of the first channel, its sign kept.
    raw = attribute("gradcam", classifier_of(InPlace()), image, torch.tensor([0]), settings={"layer": "conv"})
    assert raw.tolist() == [[[0.75, -0.25]]]


def test_densenet_features_are_taken_after_the_last_relu() -> None:
    torch.manual_seed(0)
    module = timm.models.DenseNet(num_classes=2, growth_rate=8, block_config=(2, 2)).eval().requires_grad_(False)
    images = films(64, 64)
    found = features(module, "features.norm5", images, TARGETS)
    torch.testing.assert_close(found.activations, module.forward_features(images))
    assert found.activations.min() == 0


def test_a_layer_that_the_class_does_not_depend_on_gives_a_map_of_zeros() -> None:
    classifier = timm_classifier("vit_tiny_patch16_224", img_size=64, depth=2)
    raw = attribute("gradcam", classifier, films(64, 64), TARGETS, settings={"layer": "blocks.1"})
    assert raw.shape == (2, 4, 4)
    assert raw.abs().max() == 0  # behind the last attention only the class token counts


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (5, r"resnet18 has no layer 5; its layers are 1 to 4 \(layer1 to layer4\)"),
        (0, r"resnet18 has no layer 0; its layers are 1 to 4"),
        ("layer5", "resnet18 has no module 'layer5'; the nearest names are: layer"),
        ("fc", "this layer's output has 2 axes"),
    ],
)
def test_layers_that_do_not_exist_are_named_with_those_that_do(layer: int | str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        attribute("gradcam", timm_classifier("resnet18"), films(64, 64), TARGETS, settings={"layer": layer})


def test_an_unknown_layout_asks_for_the_name_of_a_module() -> None:
    with pytest.raises(UnsupportedError, match=r"net: no layout that is known here .* name the module"):
        attribute("gradcam", classifier_of(InPlace()), films(8, 8, in_chans=1), TARGETS)


def test_tokens_of_a_network_that_does_not_say_its_patches_are_refused() -> None:
    module = nn.Sequential(nn.Flatten(2), nn.Flatten(1), nn.Linear(192, 2))
    with pytest.raises(UnsupportedError, match="no module of the network has both `patch_embed`"):
        attribute("gradcam", classifier_of(module), films(8, 8), TARGETS, settings={"layer": "0"})


def test_tokens_that_do_not_make_a_grid_are_refused() -> None:
    classifier = timm_classifier("vit_tiny_patch16_224", img_size=64, depth=2)
    classifier.module.num_prefix_tokens = 0
    with pytest.raises(UnsupportedError, match="17 tokens, of which 0 in front, do not make a grid of 4 x 4 patches"):
        attribute("gradcam", classifier, films(64, 64), TARGETS, settings={"layer": "blocks.0"})


def test_a_module_that_is_never_called_is_refused() -> None:
    module = InPlace()
    module.spare = nn.Conv2d(1, 1, 1)
    with pytest.raises(UnsupportedError, match="module 'spare' takes no part"):
        attribute("gradcam", classifier_of(module), films(8, 8, in_chans=1), TARGETS, settings={"layer": "spare"})
