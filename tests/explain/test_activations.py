"""Feature maps of a layer without gradients."""

import pytest
import torch
from timm.models.densenet import DenseNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain import gradients
from study.explain.activations import activations
from study.explain.gradcam import features
from study.explain.layers import layer_name
from study.records import Classifier, Family


class Twice(nn.Module):
    """One module called twice, what it returned is overwritten, and another that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.idle, self.flat = nn.Identity(), nn.Identity(), nn.Flatten()

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.flat(self.shared(self.shared(x) + 1).mul_(0))
        return answer


def classifier(module: nn.Module, family: Family = "cnn") -> Classifier:
    return Classifier(module.eval().requires_grad_(False), "net", family, ("a", "b"), 1, 32, 0.5, 0.25)


def tiny(kind: str) -> Classifier:
    torch.manual_seed(0)
    if kind == "densenet":
        return classifier(DenseNet(growth_rate=4, block_config=(2, 2), in_chans=1, num_classes=2))
    shape = {"img_size": (32, 16), "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 2}
    return classifier(VisionTransformer(**shape, in_chans=1, num_classes=2), "vit")


def films(count: int = 5) -> Tensor:
    return torch.randn(count, 1, 32, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("kind", "layer"), [("densenet", 1), ("densenet", None), ("vit", 1), ("vit", "blocks.0")])
def test_they_are_those_that_grad_cam_weighs(kind: str, layer: int | str | None) -> None:
    net, images = tiny(kind), films()
    maps = activations(net, layer, images)
    expected = features(net.module, layer_name(net, layer), images, torch.zeros(5, dtype=torch.int64)).activations
    assert torch.equal(maps, expected)
    assert not maps.requires_grad
    assert not maps.is_inference()


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    net, images = tiny("densenet"), films()
    whole = activations(net, 1, images)
    monkeypatch.setattr(gradients, "PIXELS_AT_A_TIME", 2 * 32 * 16)
    assert [len(images[here]) for here in gradients.chunks(5, (32, 16))] == [2, 2, 1]
    torch.testing.assert_close(activations(net, 1, images), whole)


def test_what_lies_behind_a_known_layer_is_not_computed() -> None:
    net = tiny("densenet")
    calls: list[int] = []
    net.module.get_submodule("features.norm5").register_forward_hook(lambda *_: calls.append(1))
    activations(net, 1, films())
    assert not calls
    activations(net, 2, films())
    assert calls


def test_hooks_do_not_stay_behind() -> None:
    net = tiny("vit")
    activations(net, 1, films())
    assert net.module(films()).shape == (5, 2)
    with pytest.raises(UnsupportedError, match="this layer's output has 2 axes"):
        activations(net, "head", films())
    assert not any(module._forward_hooks for module in net.module.modules())


def test_of_a_module_called_twice_it_is_the_last_answer_before_it_is_overwritten() -> None:
    net, images = classifier(Twice()), films()
    assert torch.equal(activations(net, "shared", images), images + 1)
    with pytest.raises(UnsupportedError, match="'idle' takes no part in the network's forward pass"):
        activations(net, "idle", images)
