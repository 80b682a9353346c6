import re

import pytest
import torch

from study.errors import StudyError, UnsupportedError
from study.train.models import build, trunk
from study.train.positions import sincos


def features(module: torch.nn.Module, size: int) -> torch.Tensor:
    found: torch.Tensor = module.eval().forward_features(torch.zeros(1, 1, size, size))  # type: ignore[operator]
    return found


def test_the_phantom_vit_has_the_agreed_shape() -> None:
    module = build("vit_phantom", num_classes=3, image_size=64, in_chans=1)
    assert features(module, 64).shape == (1, 65, 64)  # class token and 8 x 8 patches
    names = set(module.state_dict())
    assert {"cls_token", "pos_embed", "fc_norm.weight", "head.weight", "blocks.3.mlp.fc2.weight"} <= names
    assert not any(name.startswith(("norm.", "blocks.4.")) for name in names)
    assert not dict(module.named_parameters())["pos_embed"].requires_grad


def test_positions_are_sine_then_cosine_of_the_column_then_of_the_row() -> None:
    table = sincos((2, 3), 8, prefix=1)
    assert table.shape == (7, 8)
    assert table[0].abs().max() == 0
    one, slow = torch.tensor(1.0), torch.tensor(0.01)  # frequencies 1 and 10000^(-1/2)
    expected = [(2 * one).sin(), (2 * slow).sin(), (2 * one).cos(), (2 * slow).cos(), one.sin(), slow.sin()]
    torch.testing.assert_close(table[6, :6], torch.stack(expected))  # row 1, column 2


@pytest.mark.parametrize(("size", "side"), [(64, 8), (32, 4)])
def test_the_phantom_densenet_is_small_and_keeps_a_fine_last_map(size: int, side: int) -> None:
    module = build("densenet_phantom", num_classes=2, image_size=size, in_chans=1)
    assert features(module, size).shape[2:] == (side, side)
    assert 100_000 < sum(parameter.numel() for parameter in module.parameters()) < 160_000


@pytest.mark.parametrize("name", ["vit_phantom", "densenet_phantom"])
def test_the_trunk_is_everything_but_the_head(name: str) -> None:
    module = build(name, num_classes=2, image_size=32, in_chans=1)
    heads = {key.split(".")[0] for key in set(module.state_dict()) - set(trunk(module))}
    assert heads == ({"fc_norm", "head"} if name == "vit_phantom" else {"classifier"})


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(StudyError, match=r"'vit_phantm' is not a known model; did you mean 'vit_phantom'"):
        build("vit_phantm", num_classes=2, image_size=64, in_chans=1)
    with pytest.raises(StudyError, match=r"'desnet121' is not a known model; did you mean 'densenet121'"):
        build("desnet121", num_classes=2, image_size=64, in_chans=1)


def test_a_family_that_nothing_here_explains_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="'swin_tiny_patch4_window7_224' exists in timm, but it is neither"):
        build("swin_tiny_patch4_window7_224", num_classes=2, image_size=224, in_chans=1)


@pytest.mark.parametrize(("name", "patch"), [("vit_phantom", 8), ("vit_tiny_patch16_224", 16)])
def test_a_size_that_patches_do_not_fit_is_refused(name: str, patch: int) -> None:
    text = f"model '{name}' cuts images into patches of {patch} px; image_size 36 is not a multiple of it"
    with pytest.raises(StudyError, match=re.escape(text)):
        build(name, num_classes=2, image_size=36, in_chans=1)


def test_drop_path_needs_residual_branches() -> None:
    with pytest.raises(UnsupportedError, match="'densenet_phantom' has no residual branches to drop; set drop_path"):
        build("densenet_phantom", num_classes=2, image_size=32, in_chans=1, drop_path=0.1)
    assert "drop_path" in str(build("vit_phantom", num_classes=2, image_size=16, in_chans=1, drop_path=0.1))
