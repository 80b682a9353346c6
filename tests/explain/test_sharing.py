"""Several methods in one pass: the same bits, fewer questions, nothing left behind."""

import threading
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain import Request, attribute, attribute_many
from study.explain.gradcam import features, gradcam, hirescam
from study.explain.sharing import _MEMO, Call, asked_once, by_chunk, one_pass
from study.records import Classifier

CAMS = ("gradcam", "gradcampp", "xgradcam", "layercam", "hirescam", "eigencam")
TARGETS = torch.tensor([0, 1, 1, 0, 1])
SEEDS = (1, 2, 3, 4, 5)


class Counted(torch.autograd.Function):
    """Hands on what it gets; counts how often it is differentiated."""

    backwards = 0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        Counted.backwards += 1
        return gradient


class Net(nn.Module):
    """Two convolutions and a curved head; notes how many films each forward pass has."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1, stride=2)
        self.head = nn.Linear(6, 2)
        self.passes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.passes.append(len(x))
        logits: Tensor = self.head(self.second(self.first(x).relu()).relu().square().mean(dim=(2, 3)))
        return Counted.apply(logits)  # type: ignore[no-any-return]


def classifier(seed: int = 0) -> Classifier:
    return Classifier(Net(seed).eval().requires_grad_(False), "net", "cnn", ("a", "b"), 1, 8, 0.0, 1.0)


def films() -> Tensor:
    return torch.randn(5, 1, 8, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.explain.gradients.MOST_ROWS", 2)


def on_second(*names: str) -> list[Request]:
    return [Request(name, {"layer": "second"}) for name in names]


@pytest.mark.usefixtures("two_at_a_time")
def test_all_methods_of_a_layer_cost_one_forward_and_one_backward_pass_per_chunk() -> None:
    asked = classifier()
    Counted.backwards = 0
    maps = attribute_many(on_second(*CAMS), asked, films(), TARGETS)
    assert asked.module.passes == [2, 2, 1]
    assert Counted.backwards == 3
    assert [tuple(raw.shape) for raw in maps] == [(5, 4, 3)] * len(CAMS)


@pytest.mark.usefixtures("two_at_a_time")
def test_scorecam_shares_its_activations_and_smooth_gradcampp_its_clean_ones() -> None:
    asked = classifier()
    alone = [Request("scorecam", {"layer": "second"}), Request("smooth_gradcampp", {"layer": "second"}, SEEDS)]
    for request in alone:
        attribute_many([request], asked, films(), TARGETS)
    apart = len(asked.module.passes)
    asked.module.passes.clear()
    attribute_many([*on_second("gradcam"), *alone], asked, films(), TARGETS)
    assert len(asked.module.passes) == apart - 3


@pytest.mark.usefixtures("two_at_a_time")
def test_gradients_by_the_pixels_are_shared_too() -> None:
    asked = classifier()
    attribute_many([Request("saliency"), Request("input_x_gradient")], asked, films(), TARGETS)
    assert asked.module.passes == [2, 2, 1]


@pytest.mark.parametrize("rows", [2, 3, 128])
def test_maps_have_the_bits_of_calling_the_methods_one_by_one(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr("study.explain.gradients.MOST_ROWS", rows)
    requests = [
        *on_second(*CAMS, "scorecam"),
        *(Request(name, {"layer": "first"}) for name in CAMS),
        Request("smooth_gradcampp", {"layer": "second", "samples": 2}, SEEDS),
        Request("saliency"),
        Request("input_x_gradient"),
        Request("integrated_gradients", {"steps": 3}),
        Request("smoothgrad", {"samples": 3}, SEEDS),
        Request("control_center"),
    ]
    together = attribute_many(requests, classifier(), films(), TARGETS)
    for request, raw in zip(requests, together, strict=True):
        name, settings, seeds = request
        apart = attribute(name, classifier(), films(), TARGETS, settings=settings, seeds=seeds)
        assert torch.equal(raw, apart), request
    assert not torch.equal(together[0], together[1])


def test_layers_and_targets_are_told_apart() -> None:
    asked = classifier()
    requests = [Request("hirescam", {"layer": layer}) for layer in ("first", "second", "first")]
    maps = attribute_many(requests, asked, films(), TARGETS)
    assert len(asked.module.passes) == 2
    assert maps[0].shape[1:] == (8, 6)
    assert torch.equal(maps[0], maps[2])
    other = attribute_many(requests, asked, films(), 1 - TARGETS)
    assert not torch.equal(maps[0], other[0])


def test_a_method_that_asks_another_model_about_the_same_films_gets_its_own_answer() -> None:
    stranger = classifier(seed=9)

    @by_chunk
    def elsewhere(_: Classifier, images: Tensor, targets: Tensor) -> Tensor:
        return hirescam.on_a_chunk(stranger, images, targets, layer="second")  # type: ignore[attr-defined]

    @by_chunk
    def negative(own: Classifier, images: Tensor, targets: Tensor) -> Tensor:
        return hirescam.on_a_chunk(own, -images, targets, layer="second")  # type: ignore[attr-defined]

    calls = [Call(hirescam, {"layer": "second"}), Call(elsewhere, {}), Call(negative, {})]
    own, others, negatives = one_pass(calls, classifier(), films(), TARGETS)
    assert torch.equal(own, hirescam(classifier(), films(), TARGETS, layer="second"))
    assert torch.equal(others, hirescam(stranger, films(), TARGETS, layer="second"))
    assert torch.equal(negatives, hirescam(classifier(), -films(), TARGETS, layer="second"))


@pytest.mark.usefixtures("two_at_a_time")
def test_answers_are_forgotten_with_their_chunk() -> None:
    alive: list[int] = []
    answers: list[weakref.ref[Tensor]] = []

    @by_chunk
    def curious(own: Classifier, images: Tensor, targets: Tensor) -> Tensor:
        answers.append(weakref.ref(features(own.module, "second", images, targets).activations))
        alive.append(sum(answer() is not None for answer in answers))
        return torch.zeros(len(images), 1, 1)

    one_pass([Call(gradcam, {"layer": "second"}), Call(curious, {})], classifier(), films(), TARGETS)
    assert alive == [1, 1, 1]
    assert not any(answer() is not None for answer in answers)


def test_answers_about_copies_of_the_films_are_not_kept() -> None:
    @by_chunk
    def curious(own: Classifier, images: Tensor, targets: Tensor) -> Tensor:
        answer = weakref.ref(features(own.module, "second", images + 1, targets).activations)
        assert answer() is None
        return torch.zeros(len(images), 1, 1)

    one_pass([Call(curious, {})], classifier(), films(), TARGETS)


def test_an_answer_is_never_given_to_a_later_tensor_in_the_place_of_an_earlier_one() -> None:
    @asked_once
    def question(images: Tensor, value: Tensor) -> float:
        return float(value)

    @by_chunk
    def method(_: Classifier, images: Tensor, targets: Tensor) -> Tensor:
        assert [question(images, torch.tensor(float(k))) for k in range(300)] == list(range(300))
        return torch.zeros(len(images), 1, 1)

    one_pass([Call(method, {})], classifier(), films(), TARGETS)


@pytest.mark.usefixtures("two_at_a_time")
def test_every_film_keeps_its_seed_in_whatever_chunk_it_is() -> None:
    settings = {"layer": "second", "samples": 2}
    whole = attribute("smooth_gradcampp", classifier(), films(), TARGETS, settings=settings, seeds=SEEDS)
    for row, seed in enumerate(SEEDS):
        one = slice(row, row + 1)
        alone = attribute("smooth_gradcampp", classifier(), films()[one], TARGETS[one], settings=settings, seeds=[seed])
        torch.testing.assert_close(whole[one], alone, atol=1e-5 * float(whole.abs().max()), rtol=0)


def test_nothing_is_remembered_outside_a_pass_nor_after_one_that_failed() -> None:
    asked = classifier()
    images = films()
    for _ in range(2):
        features(asked.module, "second", images, TARGETS)
    assert asked.module.passes == [5, 5]
    with pytest.raises(UnsupportedError, match="this layer's output has 2 axes"):
        attribute_many([*on_second("gradcam"), Request("gradcam", {"layer": "head"})], asked, images, TARGETS)
    assert _MEMO.get() is None


def test_a_request_that_cannot_be_met_is_refused_before_anything_is_computed() -> None:
    asked = classifier()
    with pytest.raises(UnsupportedError, match="gradcan"):
        attribute_many([*on_second("gradcam"), Request("gradcan")], asked, films(), TARGETS)
    with pytest.raises(UnsupportedError, match="smoothgrad needs one seed per image: 5 images, seeds given: none"):
        attribute_many([*on_second("gradcam"), Request("smoothgrad")], asked, films(), TARGETS)
    assert asked.module.passes == []


def test_no_requests_give_no_maps_and_no_films_give_empty_maps() -> None:
    assert attribute_many([], classifier(), films(), TARGETS) == []
    maps = attribute_many(on_second(*CAMS, "scorecam"), classifier(), films()[:0], TARGETS[:0])
    assert [tuple(raw.shape) for raw in maps] == [(0, 4, 3)] * 7


def test_threads_do_not_hear_each_others_answers() -> None:
    inside, asked = threading.Barrier(2, timeout=20), []

    @asked_once
    def question(images: Tensor) -> str:
        asked.append(threading.current_thread().name)
        return threading.current_thread().name

    @by_chunk
    def method(_: Classifier, images: Tensor, targets: Tensor) -> Tensor:
        inside.wait()
        assert question(images) == question(images) == threading.current_thread().name
        inside.wait()
        return torch.zeros(len(images), 1, 1)

    images, own = films(), classifier()
    done: list[Any] = []
    threads = [
        threading.Thread(target=lambda: done.append(one_pass([Call(method, {})], own, images, TARGETS)), name=name)
        for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 2
    assert sorted(asked) == ["one", "two"]
