"""One trained classifier on a few small films, made stage by stage."""

import pytest
from pipeline_bench import Bench

from study.protocol.data import PhantomSettings
from study.protocol.stages import FinetuneSettings


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    settings = PhantomSettings(format="phantom", anatomy="shoulder", train=12, val=6, test=9)
    bench.do("films", {"kind": "data", "settings": settings.model_dump(mode="json"), "image_size": 32})
    finetune = FinetuneSettings(epochs=1).resolved(model="densenet_phantom", family="cnn", target="films")
    recipe = {"kind": "finetune", "settings": finetune.model_dump(mode="json"), "model": "densenet_phantom", "seed": 0}
    bench.do("classifier", recipe | {"classes": None}, ["data=films"])
    return bench
