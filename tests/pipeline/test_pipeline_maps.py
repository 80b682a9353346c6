"""Maps of several methods from one pass over the films, and arrays that grow on disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pipeline_bench import Bench, explain

from study.errors import UnsupportedError
from study.pipeline import films
from study.pipeline.arrays import Rows, rows_in
from study.pipeline.films import classifier_in
from study.pipeline.maps import Maps

PARENTS = ["classifier=classifier", "data=films"]
METHODS = ("gradcam", "layercam", "gradcampp", "hirescam")


@pytest.fixture
def forwards(trained: Bench) -> Iterator[list[int]]:
    seen: list[int] = []
    module = classifier_in(trained.folder / "classifier").module
    hook = module.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    yield seen
    hook.remove()


def test_methods_of_the_same_features_are_made_in_one_pass_and_are_what_they_are_alone(
    trained: Bench, forwards: list[int]
) -> None:
    alone = {name: trained.do(f"alone-{name}", explain(name), PARENTS) for name in METHODS}
    assert sum(forwards) == 9 * len(METHODS)
    forwards.clear()
    stages = [trained.stage(f"shared-{name}", explain(name), PARENTS) for name in METHODS]
    for place, name in enumerate(METHODS):
        made = trained.do(f"shared-{name}", explain(name), PARENTS, siblings=stages[place + 1 :])
        for file in ("maps", "scale", "targets"):
            assert (made / f"{file}.npy").read_bytes() == (alone[name] / f"{file}.npy").read_bytes()
    assert sum(forwards) == 9


def test_a_method_that_fails_in_company_does_not_take_the_others_with_it(trained: Bench) -> None:
    broken = trained.stage("broken", explain("layercam", layer=7), PARENTS)
    same_layer = trained.stage("fine", explain("gradcam", layer=7), PARENTS)
    with pytest.raises(UnsupportedError, match="has no layer 7"):
        trained.do("fine", explain("gradcam", layer=7), PARENTS, siblings=[broken])
    assert same_layer.key != broken.key
    other = trained.do("deepest", explain("gradcam"), PARENTS, siblings=[broken])
    assert len(Maps(other).raw(slice(0, 9))) == 9


def test_chunks_of_another_size_give_the_same_maps_and_scores(trained: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("whole", "pieces")
    for name, most in zip(names, (100, 4), strict=True):
        monkeypatch.setattr(films, "MOST_FILMS", most)
        trained.do(f"maps-{name}", explain("integrated_gradients"), PARENTS)
        recipe = {
            "kind": "measure",
            "metric": "energy_pg",
            "settings": {},
            "attribution": "integrated_gradients",
            "attribution_settings": {},
            "seed": 0,
        }
        trained.do(f"scores-{name}", recipe, [*PARENTS, f"explain=maps-{name}"])
    whole, pieces = (Maps(trained.folder / f"maps-{name}").raw(slice(0, 9)) for name in names)
    torch.testing.assert_close(whole, pieces, rtol=1e-2, atol=1e-3 * float(whole.abs().max()))


def test_integrated_gradients_keep_how_far_they_are_from_complete(trained: Bench) -> None:
    gaps = np.load(trained.do("complete", explain("integrated_gradients", steps=50), PARENTS) / "completeness.npy")
    assert gaps.shape == (9,)
    assert np.abs(gaps).max() < 0.1


def test_an_array_that_grows_on_disk_is_the_array(tmp_path: Path) -> None:
    whole = np.arange(42, dtype=np.float16).reshape(7, 3, 2)
    file = Rows(tmp_path / "rows.npy", 7)
    for start in range(0, 7, 3):
        file.add(whole[start : start + 3])
    file.close()
    assert isinstance(rows_in(file.path), np.memmap)
    np.testing.assert_array_equal(rows_in(file.path), whole)


def test_an_array_with_rows_missing_is_not_published(tmp_path: Path) -> None:
    file = Rows(tmp_path / "rows.npy", 3)
    file.add(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"rows\.npy: 2 of 3 rows were written"):
        file.close()
