import numpy as np
import pytest
import torch

from study import train
from study.errors import DataError, StudyError
from study.train.classifier import _half_logits


@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_a_loaded_classifier_is_ready_to_be_asked(model: str, films, trained) -> None:
    dataset = films(train=8, size=32)
    classifier = train.load_classifier(trained("finetune", model, dataset, epochs=1))
    assert not classifier.module.training
    assert not any(parameter.requires_grad for parameter in classifier.module.parameters())
    assert classifier.classes == ("left", "right")
    assert classifier.family == ("vit" if model == "vit_phantom" else "cnn")
    assert (classifier.name, classifier.in_chans, classifier.image_size) == (model, 1, 32)
    assert (classifier.mean, classifier.std) == (dataset.mean, dataset.std)


def test_probabilities_are_softmax_in_double_and_do_not_depend_on_the_batch(films, trained) -> None:
    dataset = films(train=8)
    classifier = train.load_classifier(trained("finetune", "vit_phantom", dataset, epochs=1))
    images = train.to_tensor(dataset.images, mean=classifier.mean, std=classifier.std, in_chans=1)
    together = train.probabilities(classifier, images)
    assert together.dtype == torch.float64
    assert together.shape == (8, 2)
    torch.testing.assert_close(together.sum(dim=1), torch.ones(8, dtype=torch.float64))
    expected = torch.softmax(classifier.module(images).double(), dim=1)
    torch.testing.assert_close(together, expected)
    torch.testing.assert_close(train.probabilities(classifier, images, batch_size=3), together, atol=1e-6, rtol=0)


@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_half_precision_stays_close_and_gives_way_where_it_overflows(model: str, films, trained) -> None:
    dataset = films(train=8, size=32)
    classifier = train.load_classifier(trained("finetune", model, dataset, epochs=1))
    images = train.to_tensor(dataset.images, mean=classifier.mean, std=classifier.std, in_chans=1)
    with torch.inference_mode():
        half, single = _half_logits(classifier.module, images), classifier.module(images)
        assert half.dtype == torch.float32
        assert not torch.equal(half, single)
        torch.testing.assert_close(half.softmax(dim=1), single.softmax(dim=1), atol=3e-3, rtol=0)
        loud = torch.nn.Sequential(classifier.module, torch.nn.Linear(2, 2))
        torch.nn.init.constant_(loud[1].weight, 1e6)
        assert torch.equal(_half_logits(loud, images), loud(images))


@pytest.mark.gpu
@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_probabilities_of_a_cuda_device_are_close_to_those_of_the_cpu(model: str, films, trained) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    dataset = films(train=8, size=32)
    out = trained("finetune", model, dataset, epochs=1)
    classifier = train.load_classifier(out)
    images = train.to_tensor(dataset.images, mean=classifier.mean, std=classifier.std, in_chans=1)
    there = train.probabilities(train.load_classifier(out, device="cuda"), images)
    torch.testing.assert_close(there.cpu(), train.probabilities(classifier, images), atol=3e-3, rtol=0)


def test_probabilities_may_be_used_where_gradients_flow(films, trained) -> None:
    dataset = films(train=8)
    classifier = train.load_classifier(trained("finetune", "vit_phantom", dataset, epochs=1))
    images = train.to_tensor(dataset.images, mean=classifier.mean, std=classifier.std, in_chans=1)
    targets = train.probabilities(classifier, images).argmax(dim=1)
    wanted = images.requires_grad_()
    classifier.module(wanted).gather(1, targets[:, None]).sum().backward()
    assert wanted.grad is not None
    assert wanted.grad.abs().max() > 0


def test_a_label_free_stage_leaves_no_classifier(films, trained) -> None:
    for kind in ("mae", "rotation"):
        out = trained(kind, "vit_phantom", films(train=4), epochs=1)
        with pytest.raises(StudyError, match=f"stage '{kind}' leaves no classifier; load that of a finetune stage"):
            train.load_classifier(out)


def test_films_are_scaled_by_the_highest_value_of_their_type() -> None:
    eight = train.to_tensor(np.array([[[0, 255]]], dtype=np.uint8), mean=0.5, std=0.25, in_chans=1)
    sixteen = train.to_tensor(np.array([[[0, 65535]]], dtype=np.uint16), mean=0.5, std=0.25, in_chans=3)
    torch.testing.assert_close(eight, torch.tensor([[[[-2.0, 2.0]]]]))
    torch.testing.assert_close(sixteen, torch.tensor([[[[-2.0, 2.0]]]]).expand(1, 3, 1, 2))
    assert eight.dtype == torch.float32


def test_other_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="films must be stored as uint8 or uint16; these are float64"):
        train.to_tensor(np.zeros((1, 2, 2)), mean=0.5, std=0.2, in_chans=1)


def test_sixteen_bit_films_train_like_eight_bit_ones(films, trained) -> None:
    out = trained("mae", "vit_phantom", films(unlabelled=8, dtype=np.uint16), epochs=1, target="norm_pixel")
    assert (out / "weights.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mae", "rotation", "finetune"])
@pytest.mark.parametrize(
    ("model", "size"),
    [("vit_small_patch16_224", 224), ("deit_tiny_patch16_224", 64), ("densenet121", 64), ("resnet18", 64)],
)
def test_models_of_timm_train_a_step_and_load_again(model: str, size: int, kind: str, films, trained) -> None:
    dataset = films(train=2, size=size)
    out = trained(kind, model, dataset, epochs=1, batch_size=2)
    if kind == "finetune":
        classifier = train.load_classifier(out)
        images = train.to_tensor(dataset.images, mean=classifier.mean, std=classifier.std, in_chans=1)
        assert train.probabilities(classifier, images).isfinite().all()
