"""Stage `jigsaw`: tell in which order the tiles of a film lie.

Every tile goes through the trunk by itself, so that only the head can compare them; the head sees the features in a
shuffled order and names the permutation. Tiles lie at random places in their cells and are normalised one by one:
continued edges and shading would give the answer away.

Reference: Noroozi and Favaro, ECCV 2016, arXiv:1603.09246.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import StudyError
from study.registry import tile_side
from study.rng import seed_of
from study.train.encoding import plain_vit, pooled
from study.train.films import Films
from study.train.loop import Draw, Step, fit, parameter_groups
from study.train.models import family_of, placed, trunk
from study.train.permutations import distant_permutations, fingerprint
from study.train.proxies import proxy_facts
from study.train.stage import Assignment, Result
from study.train.views import crop, draw_crops

EVALUATED = 64


def jigsaw(assignment: Assignment) -> Result:
    """Train the trunk and a head that names permutations, on the films of splits train and unlabelled.

    History per epoch: `loss`, `accuracy` on the training views and `val_accuracy` on the whole validation films,
    tiles in the middle of their cells, in all orders (None without any). Facts hold the last of them beside the
    chance level, and the set of permutations.

    Raises:
        DataError: fewer than two films.
        StudyError: the preceding stage's weights do not fit, or tiles are too small.
        UnsupportedError: a transformer that does not take pieces of films.
    """
    settings = assignment.settings
    films, held_out = assignment.training_films("train", "unlabelled"), assignment.films("val")
    module = _network(assignment)
    groups = parameter_groups(module, weight_decay=settings["weight_decay"])
    task = _Task(module, films, held_out, settings)
    trained = fit(task, groups, assignment.schedule(betas=(0.9, 0.999)), assignment.context)
    last = trained.progress.history[-1] if trained.progress.history else {}
    facts = {
        "n_films": len(films),
        "n_val": len(held_out),
        **proxy_facts(
            accuracy=last.get("val_accuracy"), train_accuracy=last.get("accuracy"), chance=1 / len(module.orders)
        ),
        "tiles": settings["tiles"],
        "tile_px": module.side,
        "n_permutations": len(module.orders),
        "permutations": fingerprint(distant_permutations(settings["tiles"] ** 2, settings["permutations"])),
        "views": settings["views"],
    }
    return Result(trunk(module.trunk), trained, facts)


class JigsawNetwork(nn.Module):
    """Trunk on tiles, head on their features.

    Attributes:
        trunk: timm network; its own head is unused.
        orders: [P, T] int64 permutations of the T tiles.
        tiles: along each side.
        side: of a tile, pixels.
    """

    orders: Tensor

    def __init__(self, trunk: nn.Module, *, image_size: int, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.trunk = trunk
        self.tiles: int = settings["tiles"]
        patch = getattr(getattr(trunk, "patch_embed", None), "patch_size", (None,))[0]
        self.side = tile_side(image_size, self.tiles, patch)
        if self.side < 1:
            raise StudyError(f"jigsaw: a cell of {image_size // self.tiles} px holds no patch of {patch} px")
        orders = torch.from_numpy(distant_permutations(self.tiles**2, settings["permutations"]).copy())
        self.register_buffer("orders", orders, persistent=False)
        features = int(getattr(trunk, "head_hidden_size", None) or trunk.num_features)  # type: ignore[arg-type]
        self.head = nn.Sequential(
            nn.Linear(self.tiles**2 * features, settings["head_width"]),
            nn.ReLU(),
            nn.Linear(settings["head_width"], len(orders)),
        )

    def encode(self, images: Tensor, places: Tensor) -> Tensor:
        """[B, T, F] features of the tiles of films [B, C, S, S] at `places` [B, T, 2] in their cells."""
        cut = normalised(cut_tiles(images, self.tiles, self.side, places))
        return pooled(self.trunk, cut.flatten(0, 1)).reshape(*cut.shape[:2], -1)

    def name(self, features: Tensor, which: Tensor) -> Tensor:
        """[B, V, P] logits for the tiles in the orders `which` [B, V]."""
        shuffled = features[torch.arange(len(features), device=which.device)[:, None, None], self.orders[which]]
        logits: Tensor = self.head(shuffled.flatten(2))
        return logits


def cut_tiles(images: Tensor, tiles: int, side: int, places: Tensor) -> Tensor:
    """Square pieces of the cells of films.

    Args:
        images: [B, C, S, S].
        tiles: cells along each side; what is left of S at the right and below is not used.
        side: of a piece, pixels.
        places: [B, tiles^2, 2] row and column of a piece's corner within its cell, 0 to S // tiles - side.

    Returns:
        [B, tiles^2, C, side, side], row by row.
    """
    cell = images.shape[-1] // tiles
    corners = torch.arange(tiles, device=images.device) * cell
    starts = torch.stack(torch.meshgrid(corners, corners, indexing="ij"), dim=-1).flatten(0, 1) + places
    inside = torch.arange(side, device=images.device)
    rows = (starts[..., 0, None] + inside)[:, :, :, None]  # [B, T, side, 1]
    columns = (starts[..., 1, None] + inside)[:, :, None, :]
    film = torch.arange(len(images), device=images.device)[:, None, None, None]
    return images.permute(0, 2, 3, 1)[film, rows, columns].permute(0, 1, 4, 2, 3)


def normalised(tiles: Tensor) -> Tensor:
    """Every tile with mean 0 and deviation 1; a flat one is 0."""
    deviation, mean = torch.std_mean(tiles, dim=(-3, -2, -1), keepdim=True)
    return (tiles - mean) / deviation.clamp(min=1e-3)


class _Task:
    """Views, orders and the loss of a batch; accuracy on the validation films."""

    def __init__(self, module: JigsawNetwork, films: Films, held_out: Films, settings: Mapping[str, Any]) -> None:
        self.module: nn.Module = module
        self.network = module
        self.films = films
        self.held_out = held_out
        self.n_films = len(films)
        self.settings = settings
        self.slack = films.size // module.tiles - module.side

    def step(self, picked: Tensor, draw: Draw) -> Step:
        network, batch, mine = self.network, len(picked), draw.share(len(picked))
        crops = draw_crops(batch, self.settings["crop"], flip=False, generator=draw.generator("crop"))
        images = crop(self.films.batch(picked[mine]), crops.at(mine))
        places = torch.randint(self.slack + 1, (batch, network.tiles**2, 2), generator=draw.generator("place"))
        shape = (batch, self.settings["views"])
        which = torch.randint(len(network.orders), shape, generator=draw.generator("order"))[mine].to(images.device)
        logits = network.name(network.encode(images, places[mine].to(images.device)), which).float()
        accuracy = (logits.argmax(dim=2) == which).float().mean()
        return Step(F.cross_entropy(logits.flatten(0, 1), which.flatten()), {"accuracy": accuracy})

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        if not len(self.held_out):
            return {"val_accuracy": None}
        network, right = self.network, 0
        with torch.no_grad():
            for picked in torch.split(torch.arange(len(self.held_out)), EVALUATED):
                images = self.held_out.batch(picked)
                middle = torch.full((len(images), network.tiles**2, 2), self.slack // 2, device=images.device)
                features = network.encode(images, middle)
                for order in range(len(network.orders)):
                    which = torch.full((len(images), 1), order, device=images.device)
                    right += int((network.name(features, which)[:, 0].argmax(dim=1) == order).sum())
        return {"val_accuracy": right / (len(network.orders) * len(self.held_out))}


def _network(assignment: Assignment) -> JigsawNetwork:
    family = family_of(assignment.model)
    trunk = assignment.module(num_classes=1).cpu()
    if family == "vit":
        plain_vit(trunk, assignment.model, "jigsaw")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(assignment.kind, assignment.seed, "jigsaw head"))
        network = JigsawNetwork(trunk, image_size=assignment.image_size, settings=assignment.settings)
    placed(network, assignment.device, family)
    return network
