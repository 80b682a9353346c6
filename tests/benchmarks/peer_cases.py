"""What the packages are compared on: two networks, a few films, their maps, and a count of what the network sees."""

from collections.abc import Callable
from dataclasses import dataclass, field

import timm
import torch
from torch import Tensor, nn

from study.records import Classifier, ExplainedBatch
from study.rng import torch_generator
from study.train import probabilities

SIZE, CLASSES = 224, 10
LEVELS = 2**16
"""Maps are multiples of its inverse without ties, so that the order is exact in every package, upside down as well."""


@dataclass
class Case:
    """A network and films, with what a peer may ask for.

    Attributes:
        name: of the network, as timm calls it.
        classifier: the network as this package sees it.
        images: [B, 1, 224, 224] normalised. One channel, because Quantus removes channel values instead of pixels
            and its ROAD accepts grey images only.
        targets: [B], the most probable class, so that no class activation map is empty.
        maps: [B, 224, 224] smooth maps without ties.
        boxes: a box for each film, [1, 4].
        layer: name of the module whose output the CAMs are made of.
        seen: images that went through the network.
    """

    name: str
    classifier: Classifier
    images: Tensor
    targets: Tensor
    maps: Tensor
    boxes: tuple[Tensor, ...]
    layer: str
    scorer: nn.Module = field(init=False)
    seen: int = 0

    def __post_init__(self) -> None:
        self.scorer = nn.Sequential(self.classifier.module, nn.Softmax(dim=1)).eval()
        self.classifier.module.register_forward_pre_hook(self._count)

    def _count(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.seen += len(inputs[0])

    @property
    def target_layer(self) -> nn.Module:
        return self.classifier.module.get_submodule(self.layer)

    @property
    def reshape(self) -> Callable[[Tensor], Tensor] | None:
        """Tokens [B, T, D] -> [B, D, h, w], for packages that must be told."""
        if self.classifier.family == "cnn":
            return None
        side = SIZE // 16
        return lambda tokens: tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, side, side)

    @property
    def masks(self) -> Tensor:
        """The maps from 0 to 1."""
        low, high = self.maps.amin(dim=(1, 2), keepdim=True), self.maps.amax(dim=(1, 2), keepdim=True)
        return (self.maps - low) / (high - low)

    def predict(self, images: Tensor) -> Tensor:
        """As the pipeline lets metrics ask the network."""
        return probabilities(self.classifier, images)

    def answer(self, images: Tensor) -> Tensor:
        """As anybody would ask the network, for peers that take a function."""
        with torch.inference_mode():
            answers: Tensor = self.scorer(images)
        return answers

    def batch(self, count: int, maps: Tensor | None = None) -> ExplainedBatch:
        """The first films as a metric sees them; explained by their own brightness, which costs nothing."""
        return ExplainedBatch(
            images=self.images[:count],
            targets=self.targets[:count],
            attributions=(self.maps if maps is None else maps)[:count],
            boxes=self.boxes[:count],
            predict=self.predict,
            explain=lambda images, targets: images.mean(dim=1),
            seeds=tuple(range(count)),
        )


NO_NETWORK = "(none)"
"""Name of a network that costs nothing: the mean grey of 64 squares, and a linear layer."""


def cases(count: int) -> list[Case]:
    """The networks with `count` films; weights are drawn, since time does not depend on them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        resnet = timm.create_model("resnet18", in_chans=1, num_classes=CLASSES, zero_init_last=False)
        vit = timm.create_model("vit_small_patch16_224", in_chans=1, num_classes=CLASSES)
        none = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(64, CLASSES))
    _spread(resnet, resnet.get_classifier(), _films(count))
    _spread(vit, vit.get_classifier(), _films(count))
    resnet = resnet.to(memory_format=torch.channels_last)
    return [
        _case("resnet18", resnet, "layer4", count),
        _case("vit_small_patch16_224", vit, "blocks.11.norm1", count),
        _case(NO_NETWORK, none, "0", count),
    ]


def _case(name: str, module: nn.Module, layer: str, count: int) -> Case:
    module = module.eval().requires_grad_(False)
    images, maps = _films(count), _maps(count)
    classifier = Classifier(
        module=module,
        name=name,
        family="vit" if name.startswith("vit") else "cnn",
        classes=tuple("abcdefghij"),
        in_chans=1,
        image_size=SIZE,
        mean=0.5,
        std=0.25,
    )
    box = torch.tensor([[40, 60, 150, 140]])
    with torch.inference_mode(False), torch.no_grad():
        targets = module(images).argmax(dim=1)
    return Case(name, classifier, images, targets, maps, (box,) * count, layer)


def _smooth(name: str, count: int, width: int) -> Tensor:
    """[count, 224, 224]: noise that varies over some `width` pixels, standardised."""
    noise = torch.randn(count, 1, SIZE // width, SIZE // width, generator=torch_generator(name, width))
    wide = nn.functional.interpolate(noise, size=(SIZE, SIZE), mode="bicubic")[:, 0]
    return (wide - wide.mean(dim=(1, 2), keepdim=True)) / wide.std(dim=(1, 2), keepdim=True)


def _films(count: int) -> Tensor:
    return sum(weight * _smooth("films", count, width) for width, weight in ((56, 0.8), (16, 0.5), (1, 0.2)))[:, None]


def _maps(count: int) -> Tensor:
    """Places in the order of a smooth map, so that what is removed hangs together as it does in a CAM."""
    order = _smooth("maps", count, 32).flatten(1).argsort(dim=1).argsort(dim=1)
    return (order.float() / LEVELS).view(count, SIZE, SIZE)


def _spread(module: nn.Module, head: nn.Linear, images: Tensor) -> None:
    """Make the answers differ from film to film: weights as drawn give nearly the same one to all."""
    seen: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    module.eval()
    with torch.no_grad():
        module(images)
        hook.remove()
        nn.init.normal_(head.weight, generator=torch_generator("head"))
        mean = seen[0].mean(dim=0)
        head.weight -= torch.outer(head.weight @ mean, mean) / mean.square().sum()
        head.weight *= 2 / (seen[0] @ head.weight.T).std()
        head.bias.zero_()
