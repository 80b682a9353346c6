"""Trainings that processes share, through the real command line."""

import json

import pytest
from workplace import Workplace


@pytest.mark.slow
def test_processes_and_event_files_change_no_key_and_are_told(workplace: Workplace) -> None:
    alone = workplace.study("plan", str(workplace.protocol(seeds=1)))
    dispatch = {"workers": 1, "cpus_per_run": 2, "tensorboard": True}
    protocol = workplace.protocol(seeds=1, dispatch=dispatch)
    workplace.study("run", str(protocol))

    trained = [manifest for manifest in workplace.objects().values() if manifest["kind"] in ("mae", "finetune")]
    assert len(trained) == 3
    for manifest in trained:
        assert manifest["timing"]["processes"] == 2
        assert manifest["timing"]["images_per_s"] > 0
        assert manifest["timing"]["peak_memory_mb"] > 50
        assert manifest["device"]
        assert manifest["peak_gb"] > 0
    folders = sorted((workplace.folder / "runs" / "studies" / "smoke" / "tensorboard").iterdir())
    assert sorted(folder.name.rpartition("-")[0] for folder in folders) == [
        "finetune-on-shoulder-vit_phantom-seed-0",
        "finetune-on-shoulder-vit_phantom-seed-0",
        "mae-on-chest-vit_phantom-seed-0",
    ]
    assert all(len(list(folder.glob("events.out.tfevents.*"))) == 1 for folder in folders)

    again = workplace.study("plan", str(workplace.protocol(seeds=1)))  # without the settings: the same keys
    assert "0 to do" in again
    assert "0 to do" not in alone
    assert json.dumps(workplace.results()["protocol"]).find("cpus_per_run") == -1


@pytest.mark.slow
def test_gpus_that_are_not_there_are_refused_before_anything_runs(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = workplace.study("run", str(workplace.protocol(seeds=1, dispatch={"gpus_per_run": 4})), code=2)
    assert "dispatch.gpus_per_run is 4, but no GPUs are visible here" in said
    assert "Traceback" not in said
    assert not workplace.objects()
