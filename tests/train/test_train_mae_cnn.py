import json

import pytest
import timm
import torch
from safetensors.torch import load_file

from study.errors import StudyError, UnsupportedError
from study.train import masking
from study.train.mae_cnn import CnnAutoencoder, cell_size, recalibrate
from study.train.mae_target import patchify
from study.train.models import build


def autoencoder(size: int = 32) -> CnnAutoencoder:
    torch.manual_seed(0)
    trunk = build("densenet_phantom", num_classes=1, image_size=size, in_chans=1)
    return CnnAutoencoder(trunk, image_size=size, width=16, depth=1, name="densenet_phantom")


@pytest.mark.parametrize(("size", "cell"), [(64, 8), (32, 4), (224, 28), (48, 6), (60, 10), (70, 10), (36, 4)])
def test_masks_have_about_eight_cells_a_side(size: int, cell: int) -> None:
    assert cell_size(size) == cell


def test_a_size_without_cells_is_refused() -> None:
    with pytest.raises(StudyError, match="image_size 62 cannot be cut into 6 to 16 equal cells"):
        cell_size(62)


def test_hidden_cells_are_mean_grey_for_the_trunk() -> None:
    module = autoencoder().eval()
    images = torch.randn(2, 1, 32, 32)
    masks = masking.random(2, module.grid, 0.6, torch.Generator().manual_seed(0))
    hidden = masks.masked.reshape(2, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    seen: list[torch.Tensor] = []
    module.trunk.features.conv0.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        prediction, ids = module(images, masks)
    assert torch.equal(seen[0], images.masked_fill(hidden, 0.0))
    assert torch.equal(ids, masks.ids_masked)
    assert prediction.shape == (2, 38, 16)  # 64 cells, round(25.6) = 26 visible


def test_predictions_are_the_cells_of_the_decoded_film() -> None:
    module = autoencoder().eval()
    images = torch.randn(1, 1, 32, 32)
    masks = masking.random(1, module.grid, 0.6, torch.Generator().manual_seed(0))
    hidden = masks.masked.reshape(1, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    with torch.no_grad():
        prediction, ids = module(images, masks, all_patches=True)
        film = module.decoder(module.trunk.forward_intermediates(images * ~hidden, intermediates_only=True))
    assert film.shape == images.shape
    torch.testing.assert_close(prediction[0], patchify(film, 4)[0, ids[0]])
    assert ids[0].sort().values.tolist() == list(range(64))


def test_recalibration_sets_the_average_of_the_batches_and_nothing_else() -> None:
    module = build("densenet_phantom", num_classes=2, image_size=32, in_chans=1)
    norm = module.features.norm0  # type: ignore[union-attr]
    momentum = norm.momentum  # type: ignore[union-attr]
    batches = [torch.randn(4, 1, 32, 32) + shift for shift in (0.0, 3.0)]
    before = {name: value.clone() for name, value in module.named_parameters()}
    recalibrate(module, batches)
    with torch.no_grad():
        means = torch.stack([module.features.conv0(batch).mean(dim=(0, 2, 3)) for batch in batches])  # type: ignore
    torch.testing.assert_close(norm.running_mean, means.mean(dim=0), atol=1e-5, rtol=1e-4)  # type: ignore[union-attr]
    assert norm.momentum == momentum  # type: ignore[union-attr]
    assert not module.training
    assert all(torch.equal(before[name], value) for name, value in module.named_parameters())


def test_the_loss_falls_and_whole_films_set_the_batchnorm_statistics(films, trained) -> None:
    dataset = films(unlabelled=32, size=32)
    chosen = {"epochs": 4, "batch_size": 8}
    whole = trained("mae", "densenet_phantom", dataset, **chosen)
    masked = trained("mae", "densenet_phantom", dataset, bn_recalibrate=False, **chosen)
    history = json.loads((whole / "history.json").read_text())
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    one, other = (load_file(folder / "weights.safetensors") for folder in (whole, masked))
    differing = {name.split(".")[-1] for name in one if not torch.equal(one[name], other[name])}
    assert differing <= {"running_mean", "running_var", "num_batches_tracked"}
    assert {"running_mean", "running_var"} <= differing


def test_visible_cells_count_when_asked(films, trained) -> None:
    dataset = films(unlabelled=16, size=32)
    losses = []
    for loss in ("masked", "all"):
        out = trained("mae", "densenet_phantom", dataset, epochs=1, loss=loss)
        losses.append(json.loads((out / "history.json").read_text())[0]["trivial"])
    assert losses[0] != losses[1]


def test_a_trunk_that_hides_its_maps_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="timm's 'linear' does not give them"):
        CnnAutoencoder(torch.nn.Linear(2, 2), image_size=32, width=8, depth=1, name="linear")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "vgg11_bn", "efficientnet_b0", "convnext_atto", "densenet121"])
def test_any_family_of_the_registry_can_be_wrapped(name: str) -> None:
    trunk = timm.create_model(name, in_chans=1, num_classes=1)
    module = CnnAutoencoder(trunk, image_size=64, width=32, depth=1, name=name)
    masks = masking.random(2, module.grid, 0.75, torch.Generator().manual_seed(0))
    prediction, _ = module(torch.randn(2, 1, 64, 64), masks)
    assert prediction.shape == (2, 48, 64)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_the_published_networks_hand_their_trunk_on(name: str, films, trained) -> None:
    dataset = films(unlabelled=4, train=4, size=64)
    first = trained("mae", name, dataset, epochs=1)
    second = trained("finetune", name, dataset, initial=first, epochs=1, lr=1e-30, weight_decay=0.0)
    start, end = (load_file(folder / "weights.safetensors") for folder in (first, second))
    kernel = "layer4.1.conv2.weight" if name == "resnet18" else "features.denseblock4.denselayer16.conv2.weight"
    assert torch.equal(start[kernel], end[kernel])
    assert json.loads((first / "facts.json").read_text())["grid"] == [8, 8]
