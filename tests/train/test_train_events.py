"""What TensorBoard is given, read back with its own reader."""

import json
from pathlib import Path

import pytest

from study.errors import Stopped


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Name -> epoch -> value, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: {event.step: event.value for event in events.Scalars(name)} for name in events.Tags()["scalars"]}


@pytest.mark.slow
def test_every_entry_of_the_history_is_a_scalar_of_its_epoch(films, trained, place, tmp_path: Path) -> None:
    out = trained("finetune", "vit_phantom", films(train=8, val=4), context=place(events=tmp_path / "events"), lr=1e-3)
    found = scalars(tmp_path / "events")
    history = json.loads((out / "history.json").read_text())
    assert set(found) == {"loss", "val_auc", "val_accuracy", "lr", "images_per_s"}
    for name in ("loss", "val_auc", "val_accuracy"):
        assert found[name] == pytest.approx({entry["epoch"]: entry[name] for entry in history})
    assert found["lr"] == pytest.approx({1: 9.330e-4, 2: 1.786e-4}, rel=1e-3)  # half a cosine at 30 and 130 degrees
    assert min(found["images_per_s"].values()) > 0


@pytest.mark.slow
def test_an_interrupted_stage_shows_every_epoch_once_and_undefined_ones_not(
    films, trained, place, tmp_path: Path
) -> None:
    context = place(stop_at=(4,), events=tmp_path / "events")
    with pytest.raises(Stopped):
        trained("rotation", "vit_phantom", films(train=8), epochs=3, context=context)
    out = trained("rotation", "vit_phantom", films(train=8), epochs=3, context=context)
    found = scalars(tmp_path / "events")
    history = json.loads((out / "history.json").read_text())
    assert found["loss"] == pytest.approx({entry["epoch"]: entry["loss"] for entry in history})
    assert "val_accuracy" not in found  # there are no validation films
    assert len(list((tmp_path / "events").iterdir())) == 2


def test_without_a_folder_nothing_is_written(films, trained, place, tmp_path: Path) -> None:
    out = trained("finetune", "vit_phantom", films(train=8), epochs=1, context=place())
    assert not list(out.parent.rglob("*tfevents*"))
