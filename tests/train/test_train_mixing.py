import json

import numpy as np
import pytest
import torch

from study.errors import DataError
from study.train.augment import augmented
from study.train.films import Films
from study.train.loop import Draw
from study.train.mixing import Boxes, Mix, boxes_around, draw_mix, kept_shares, mixed, share_inside, within
from study.train.peaks import boxed, peaks, saliency

NEVER = {"mixup": 0.0, "cutmix": 0.0, "saliencymix": 0.0, "mix_share": 1.0, "mix_per": "film"}


def step(batch: int = 0) -> Draw:
    return Draw(("finetune", 0), 0, batch)


def mix(kind: str, *shares: float, places: list[list[int]] | None = None) -> Mix:
    partners = torch.arange(len(shares)).roll(-1)
    return Mix(
        kind, partners, torch.tensor(shares, dtype=torch.float64), torch.tensor(places or [[0, 0]] * len(shares))
    )


def not_asked(positions: torch.Tensor) -> torch.Tensor:
    raise AssertionError("only saliencymix looks for places")


def test_mixup_blends_pixels_and_labels_by_the_same_share() -> None:
    images = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    films, labels = mixed(images, torch.eye(2), mix("mixup", 0.75, 0.5), find=not_asked)
    assert films[:, 0, 0, 0].tolist() == [1.5, 2.0]  # 0.75 * 1 + 0.25 * 3, and the mean
    assert labels.tolist() == [[0.75, 0.25], [0.5, 0.5]]


def test_a_box_is_centred_and_its_sides_follow_from_the_share() -> None:
    boxes = boxes_around(torch.tensor([[4, 4]]), torch.tensor([0.75]), 8)  # side int(8 * 0.5) = 4
    assert [int(edge) for edge in boxes] == [2, 2, 6, 6]
    assert kept_shares(boxes, 8).tolist() == [1 - 16 / 64]


def test_the_share_is_that_of_the_box_after_it_was_cut_at_the_border() -> None:
    boxes = boxes_around(torch.tensor([[0, 7], [4, 0]]), torch.tensor([0.75, 0.0]), 8)
    assert [edge.tolist() for edge in boxes] == [[0, 0], [5, 0], [2, 8], [8, 4]]
    assert kept_shares(boxes, 8).tolist() == [1 - 2 * 3 / 64, 1 - 8 * 4 / 64]


def test_cutmix_pastes_the_partner_into_the_box_and_labels_by_area() -> None:
    images = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    films, labels = mixed(images, torch.eye(2), mix("cutmix", 0.75, 0.75, places=[[4, 4], [0, 7]]), find=not_asked)
    assert films[0, 0, 2:6, 2:6].eq(2).all()
    assert int(films[0].eq(2).sum()) == 16
    assert films[1, 0, :2, 5:].eq(1).all()
    assert int(films[1].eq(1).sum()) == 6
    assert labels.tolist() == [[0.75, 0.25], [6 / 64, 58 / 64]]


def test_saliencymix_pastes_around_the_place_that_is_found_in_the_partner() -> None:
    images = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    asked = []

    def find(positions: torch.Tensor) -> torch.Tensor:
        asked.append(positions.tolist())
        return torch.tensor([[2, 2], [4, 4]])[: len(positions)]

    films, _ = mixed(images, torch.eye(2), mix("saliencymix", 0.75, 0.75), find=find)
    assert films[0, 0, 0:4, 0:4].eq(2).all()
    assert films[1, 0, 2:6, 2:6].eq(1).all()
    once, _ = mixed(images, torch.eye(2), mix("saliencymix", 0.75, 0.75), find=find, once=True)
    assert once[1, 0, 0:4, 0:4].eq(1).all()
    assert asked == [[1, 0], [1]]


@pytest.mark.parametrize("kind", ["mixup", "cutmix", "saliencymix"])
@pytest.mark.parametrize("per", ["film", "batch"])
def test_labels_sum_to_one_and_their_shares_are_those_of_the_pixels(kind: str, per: str) -> None:
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 16, 16)
    settings = {**NEVER, kind: 1.0, "mix_per": per}
    for batch in range(20):
        drawn = draw_mix(6, 16, settings, step(batch))
        assert drawn is not None
        films, labels = mixed(
            images, torch.eye(6), drawn, find=lambda p: p[:, None] + torch.tensor([1, 9]), once=per == "batch"
        )
        torch.testing.assert_close(labels.sum(dim=1), torch.ones(6))
        # film k has the grey k, so the mean of a film is the mean of the labels
        torch.testing.assert_close(films.mean(dim=(1, 2, 3)), labels @ torch.arange(6.0), atol=1e-5, rtol=0)
        if per == "batch" and kind != "cutmix":
            assert len(set(drawn.shares.tolist())) == 1


def test_where_several_ways_are_given_every_batch_takes_one_and_some_none() -> None:
    settings = {**NEVER, "mixup": 0.8, "cutmix": 1.0, "mix_share": 0.5}
    kinds = [drawn and drawn.kind for drawn in (draw_mix(4, 16, settings, step(batch)) for batch in range(400))]
    counts = {kind: kinds.count(kind) for kind in (None, "mixup", "cutmix", "saliencymix")}
    assert counts["saliencymix"] == 0
    assert counts[None] == pytest.approx(200, abs=40)  # 4 standard errors
    assert counts["mixup"] == pytest.approx(100, abs=35)


def test_shares_have_the_mean_and_spread_of_the_beta_law() -> None:
    shares = np.concatenate([draw_mix(64, 16, {**NEVER, "mixup": 0.2}, step(b)).shares.numpy() for b in range(60)])
    assert shares.mean() == pytest.approx(0.5, abs=4 * 0.42 / 3840**0.5)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.2 + 1)), abs=0.01)


def test_the_peak_is_on_the_small_bright_thing_and_not_on_the_border_or_what_is_ignored() -> None:
    images = torch.zeros(2, 1, 48, 48) + torch.linspace(0, 1, 48)  # a ramp, bright at the right border
    images[:, :, 10:13, 30:33] += 4.0
    images[1, :, 38:41, 8:11] += 2.0
    places = peaks(saliency(images))
    assert (places - torch.tensor([[11, 31], [11, 31]])).abs().max() <= 1
    hidden = torch.zeros(2, 1, 48, 48)
    hidden[:, :, 9:14, 29:34] = 1
    without = peaks(saliency(images, hidden))
    assert (without[1] - torch.tensor([39, 9])).abs().max() <= 1
    assert saliency(images, hidden)[hidden[:, 0] > 0].eq(0).all()


def test_a_flat_film_has_no_edge_at_its_border() -> None:
    assert float(saliency(torch.full((1, 1, 24, 24), 3.0)).max()) < 1e-4


def test_the_bounding_box_of_a_mask_is_filled() -> None:
    mask = torch.zeros(2, 1, 5, 6)
    mask[0, 0, 1, 4] = mask[0, 0, 3, 2] = 1
    assert boxed(mask)[0, 0].nonzero().tolist() == [[r, c] for r in (1, 2, 3) for c in (2, 3, 4)]
    assert boxed(mask)[1].sum() == 0


def test_places_inside_are_counted_among_films_with_a_mask() -> None:
    masks = np.zeros((3, 4, 4), dtype=bool)
    masks[0, 1, 2] = masks[1, 0, 0] = True
    assert share_inside(np.array([[1, 2], [3, 3], [0, 0]]), masks) == 0.5
    assert share_inside(np.array([[0, 0]]), masks[2:]) is None


def test_boxes_cover_the_pixels_that_they_count() -> None:
    boxes = Boxes(*(torch.tensor([edge]) for edge in (1, 0, 3, 4)))
    inside = within(boxes, 5)
    assert inside[0, 0].nonzero().tolist() == [[row, column] for row in (1, 2) for column in range(4)]
    assert 1 - inside.double().mean().item() == kept_shares(boxes, 5).item()


def marked(dataset, place: tuple[int, int]):
    """The dataset with one more bright thing, which its part masks call the side letter."""
    images, parts = np.array(dataset.images) // 4, np.zeros(dataset.images.shape, np.uint8)
    top, left = place
    images[:, top : top + 4, left : left + 4] = 255
    parts[:, top : top + 4, left : left + 4] = 1
    boxes = tuple(np.array([[left, top, left + 4, top + 4]], np.int32) for _ in images)
    return type(dataset)(
        **{**vars(dataset), "images": images, "parts": parts, "part_names": ("marker",), "boxes": boxes}
    )


def test_films_tell_how_often_the_side_letter_is_the_most_salient_place(films, trained) -> None:
    dataset = marked(films(train=8, val=4, size=32), (1, 1))
    chosen = {"epochs": 1, "saliencymix": 1.0}
    facts = json.loads((trained("finetune", "vit_phantom", dataset, **chosen) / "facts.json").read_text())
    assert facts["peaks_in_marker"] == facts["peaks_in_boxes"] == 1
    out = trained("finetune", "vit_phantom", dataset, saliency_ignores="marker", **chosen)
    assert json.loads((out / "facts.json").read_text())["peaks_in_marker"] == 0


def test_a_part_that_is_not_there_is_answered_with_those_that_are(films, trained) -> None:
    dataset = marked(films(train=8, size=32), (1, 1))
    with pytest.raises(DataError, match="'squares': no part is called 'letter'\nknown: marker"):
        trained("finetune", "vit_phantom", dataset, saliencymix=1.0, saliency_ignores="letter")


def test_equal_steps_give_equal_batches_and_other_steps_others(films, settings) -> None:
    dataset = marked(films(train=8, size=32), (1, 1))
    chosen = settings(
        "finetune", "vit_phantom", saliencymix=1.0, cutout=0.3, erase=0.5, randaug={"magnitude": 9}, crop_focus=0.35
    )
    kept = Films(dataset, dataset.rows("train"), 1, torch.device("cpu"))
    picked = torch.arange(8)
    batches = [augmented(kept, picked, 2, chosen, step(number)) for number in (0, 0, 1)]
    assert torch.equal(batches[0].images, batches[1].images)
    assert torch.equal(batches[0].targets, batches[1].targets)
    assert not torch.equal(batches[0].images, batches[2].images)
