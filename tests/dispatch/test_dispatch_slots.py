"""How many workers, and on which GPU."""

import os

import pytest

from study.dispatch import slots as slots_module
from study.dispatch.slots import slots, visible_gpus
from study.errors import StudyError
from study.records import Allowance

TWO = """GPU 0: NVIDIA H200 (UUID: GPU-11111111-2222-3333-4444-555555555555)
GPU 1: NVIDIA H200 (UUID: GPU-66666666-2222-3333-4444-555555555555)
"""
PARTS = """GPU 0: NVIDIA H200 (UUID: GPU-11111111-2222-3333-4444-555555555555)
  MIG 1g.18gb Device 0: (UUID: MIG-aaaaaaaa-2222-3333-4444-555555555555)
  MIG 1g.18gb Device 1: (UUID: MIG-bbbbbbbb-2222-3333-4444-555555555555)
"""


def with_nvidia_smi(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    def answer(*_: object, **__: object) -> object:
        if text is None:
            raise FileNotFoundError("nvidia-smi")
        return type("Answer", (), {"stdout": text})

    monkeypatch.setattr(slots_module.subprocess, "run", answer)


def test_without_a_gpu_there_is_a_slot_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvidia_smi(monkeypatch, None)
    assert len(slots(None)) == len(os.sched_getaffinity(0))
    assert [slot.gpu for slot in slots(3)] == ["", "", ""]


def test_every_gpu_gets_a_worker_and_more_workers_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvidia_smi(monkeypatch, TWO)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [slot.environment()["CUDA_VISIBLE_DEVICES"] for slot in slots(None)] == ["0", "1"]
    assert [slot.gpu for slot in slots(3)] == ["0", "1", "0"]


def test_a_worker_gets_as_many_gpus_as_a_training_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvidia_smi(monkeypatch, None)
    monkeypatch.setattr(slots_module, "visible_gpus", lambda _: ("0", "1", "2", "3", "4"))
    assert [slot.gpu for slot in slots(None, Allowance(gpus=2))] == ["0,1", "2,3"]
    assert [slot.gpu for slot in slots(3, Allowance(gpus=4))] == ["0,1,2,3"] * 3


def test_processes_that_share_a_training_leave_fewer_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvidia_smi(monkeypatch, None)
    monkeypatch.setattr(slots_module, "_cores", lambda: 8)
    assert len(slots(None, Allowance(cpus=3))) == 2
    assert len(slots(None, Allowance(cpus=9))) == 1


@pytest.mark.parametrize(
    ("visible", "text"),
    [((), "no GPUs are visible here\n"), (("0",), "1 GPU is visible here: 0\n"), (("0", "3"), "2 GPUs .*: 0, 3\n")],
)
def test_more_gpus_for_a_training_than_are_visible_are_refused(
    visible: tuple[str, ...], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_module, "visible_gpus", lambda _: visible)
    with pytest.raises(StudyError, match=f"^dispatch.gpus_per_run is 4, but {text}ask for at most as many"):
        slots(None, Allowance(gpus=4))


def test_parts_of_a_gpu_are_slots_by_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvidia_smi(monkeypatch, PARTS)
    assert visible_gpus({}) == (
        "MIG-aaaaaaaa-2222-3333-4444-555555555555",
        "MIG-bbbbbbbb-2222-3333-4444-555555555555",
    )


@pytest.mark.parametrize(
    ("named", "expected"),
    [("1", ("1",)), ("1,0", ("1", "0")), ("", ()), ("-1", ()), ("0,-1,1", ("0",)), ("GPU-1111", ("GPU-1111",))],
)
def test_what_the_user_made_visible_decides(
    monkeypatch: pytest.MonkeyPatch, named: str, expected: tuple[str, ...]
) -> None:
    with_nvidia_smi(monkeypatch, TWO)
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": named}) == expected


def test_a_variable_without_a_gpu_behind_it_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvidia_smi(monkeypatch, None)
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}) == ()
