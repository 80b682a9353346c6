"""Rules that every attribution method of the registry obeys, for every kind of network."""

import importlib
import inspect
import pkgutil
import typing
from functools import partial

import pytest
import torch
from law_toys import SIZES, films, network
from torch import Tensor

import study.explain
from study.errors import UnsupportedError
from study.explain import attribute, to_input_size
from study.records import Classifier
from study.registry import ATTRIBUTIONS

KINDS = ("vit", "vit_pooled", "resnet", "densenet", "vgg")
SEEDS = (11, 12, 13)
TARGETS = torch.tensor([2, 0, 1])


def supported(name: str) -> list[str]:
    """The kinds of networks that the method's line promises to explain."""
    entry = ATTRIBUTIONS[name]
    kinds = [kind for kind in KINDS if ("vit" if kind.startswith("vit") else "cnn") in entry.families]
    return [kind for kind in kinds if not entry.architectures or kind in entry.architectures]


PAIRS = [(name, kind) for name in ATTRIBUTIONS for kind in supported(name)]
every_pair = pytest.mark.parametrize(("name", "kind"), PAIRS, ids=lambda value: value)


def explained(name: str, kind: str, chosen: list[int], **shape: typing.Any) -> Tensor:
    images = films(len(SEEDS), **shape)[chosen]
    seeds = [SEEDS[row] for row in chosen]
    return maps_of(name, network(kind, **shape), images, TARGETS[chosen], seeds=seeds)


def maps_of(
    name: str,
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    seeds: typing.Sequence[int] = SEEDS,
    settings: typing.Mapping[str, typing.Any] | None = None,
) -> Tensor:
    size = (images.shape[-2], images.shape[-1])
    known = films(40, in_chans=images.shape[1], size=size)
    references = partial(iter, known.split(16))
    return attribute(name, classifier, images, targets, settings=settings, seeds=seeds, references=references)


def shallow(name: str) -> dict[str, int]:
    """The shallowest layer for methods that take one: the deepest of these networks may be a single place with
    the same gradient for every film, where neither noise nor masks can change anything."""
    return {"layer": 1} if ATTRIBUTIONS[name].parameters.get("layer", "") is None else {}


@every_pair
def test_a_batch_is_explained_like_its_images_one_by_one_in_any_order(name: str, kind: str) -> None:
    whole = explained(name, kind, [0, 1, 2])
    shuffled = explained(name, kind, [2, 0, 1])
    single = torch.cat([explained(name, kind, [row]) for row in range(3)])
    tolerance = 1e-5 * float(whole.abs().max())
    torch.testing.assert_close(whole[[2, 0, 1]], shuffled, atol=tolerance, rtol=0)
    torch.testing.assert_close(whole, single, atol=tolerance, rtol=0)


@every_pair
def test_the_same_seeds_give_the_same_bits_and_others_do_not_if_the_method_is_random(name: str, kind: str) -> None:
    classifier, images = network(kind), films(3)
    settings = shallow(name)
    first = maps_of(name, classifier, images, TARGETS, settings=settings)
    torch.manual_seed(99)
    again = maps_of(name, classifier, images, TARGETS, settings=settings)
    other = maps_of(name, classifier, images, TARGETS, settings=settings, seeds=[seed + 1 for seed in SEEDS])
    assert torch.equal(first, again)
    assert torch.equal(first, other) != ATTRIBUTIONS[name].random


@every_pair
@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("in_chans", [1, 3])
def test_maps_are_finite_float32_and_fit_the_image(name: str, kind: str, shape: str, in_chans: int) -> None:
    size = SIZES[shape]
    raw = explained(name, kind, [0, 1, 2], in_chans=in_chans, size=size)
    assert raw.dtype == torch.float32
    assert raw.isfinite().all()
    assert raw.shape[-2] * size[1] == raw.shape[-1] * size[0], "rows and columns are not swapped or squared"
    maps = to_input_size(name, raw, size)
    assert maps.shape == (3, *size)
    if ATTRIBUTIONS[name].rectified:
        assert maps.min() >= 0


@every_pair
def test_images_and_weights_are_left_as_they_were(name: str, kind: str) -> None:
    classifier, images = network(kind), films(3)
    weights = [parameter.clone() for parameter in classifier.module.parameters()]
    kept = images.clone()
    maps_of(name, classifier, images, TARGETS)
    assert torch.equal(images, kept)
    assert not images.requires_grad
    for parameter, before in zip(classifier.module.parameters(), weights, strict=True):
        assert torch.equal(parameter, before)
        assert parameter.grad is None
    assert not any(module._forward_hooks for module in classifier.module.modules())


@every_pair
def test_explaining_works_where_gradients_are_switched_off(name: str, kind: str) -> None:
    expected = explained(name, kind, [0, 1, 2])
    with torch.no_grad():
        assert torch.equal(explained(name, kind, [0, 1, 2]), expected)
    classifier = network(kind)
    with torch.inference_mode():
        born_here = films(3) + 0.0
        assert torch.equal(maps_of(name, classifier, born_here, TARGETS), expected)


@every_pair
def test_methods_that_ask_the_model_depend_on_the_class(name: str, kind: str) -> None:
    classifier, images = network(kind), films(3)
    one = maps_of(name, classifier, images, TARGETS, settings=shallow(name))
    other = maps_of(name, classifier, images, (TARGETS + 1) % 3, settings=shallow(name))
    assert torch.equal(one, other) == ATTRIBUTIONS[name].class_free


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_defaults_of_the_registry_are_parameters_of_the_function(name: str) -> None:
    parameters = inspect.signature(ATTRIBUTIONS.load(name)).parameters
    own = {key: value.default for key, value in parameters.items() if value.kind is value.KEYWORD_ONLY}
    for key in ("seeds", "references"):
        promised = ATTRIBUTIONS[name].random if key == "seeds" else ATTRIBUTIONS[name].references
        assert own.pop(key, None) is (inspect.Parameter.empty if promised else None)
    assert own == dict(ATTRIBUTIONS[name].parameters)
    for key, choices in ATTRIBUTIONS[name].choices.items():
        assert ATTRIBUTIONS[name].parameters[key] in choices


def test_every_attribution_has_its_line_and_every_line_its_function() -> None:
    found = {
        f"{function.__module__}:{name}"
        for module in pkgutil.iter_modules(study.explain.__path__)
        for name, function in vars(importlib.import_module(f"study.explain.{module.name}")).items()
        if inspect.isfunction(function) and function.__module__ == f"study.explain.{module.name}"
        if _is_a_method(name, function)
    }
    assert found == {entry.path for entry in ATTRIBUTIONS.values()}


@pytest.mark.parametrize("name", [name for name in ATTRIBUTIONS if ATTRIBUTIONS[name].random])
def test_random_methods_ask_for_a_seed_per_image(name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"{name} needs one seed per image: 3 images, seeds given: 2"):
        attribute(name, network("resnet"), films(3), TARGETS, seeds=[1, 2])


def _is_a_method(name: str, function: typing.Any) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    hints = typing.get_type_hints(function)
    is_method = positional == ["classifier", "images", "targets"] and hints["return"] is Tensor
    # Functions that leave channels apart are what the methods are made of.
    return is_method and hints["classifier"] is Classifier and name not in {"per_channel", "mean_gradients"}


@pytest.mark.parametrize("name", [name for name in ATTRIBUTIONS if set(supported(name)) != set(KINDS)])
def test_networks_that_a_method_is_not_defined_for_are_refused(name: str) -> None:
    for kind in set(KINDS) - set(supported(name)):
        with pytest.raises(UnsupportedError, match=f"{name} is not defined for tiny_{kind}"):
            maps_of(name, network(kind), films(3), TARGETS)


@pytest.mark.parametrize("name", [name for name in ATTRIBUTIONS if ATTRIBUTIONS[name].references])
def test_methods_that_compare_with_other_films_ask_for_them(name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"{name} needs films that the model was trained on"):
        attribute(name, network("resnet"), films(3), TARGETS, seeds=SEEDS)
