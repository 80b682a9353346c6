"""A checkpoint is whole or it is not there, and the newest whole one is found in any attempt."""

from pathlib import Path

from study.store import Attempt, Ending
from study.store.attempts import newest_checkpoint


def attempt(workshop: Path, name: str) -> Attempt:
    return Attempt(workshop / "attempts" / name).open()


def test_two_checkpoints_are_kept(tmp_path: Path) -> None:
    one = attempt(tmp_path, "0001-aaaaaa")
    for step in (1, 5, 10, 100):
        one.save_checkpoint(step, f"step {step}".encode())
    assert [int(path.name) for path in sorted((one.path / "ckpt").iterdir())] == [10, 100]


def test_the_highest_step_over_all_attempts_is_found(tmp_path: Path) -> None:
    attempt(tmp_path, "0001-aaaaaa").save_checkpoint(30, b"thirty")
    attempt(tmp_path, "0002-bbbbbb").save_checkpoint(9, b"nine")
    assert newest_checkpoint(tmp_path) == (30, b"thirty")


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    one = attempt(tmp_path, "0001-aaaaaa")
    one.save_checkpoint(1, b"first")
    one.save_checkpoint(2, b"second")
    newest = one.path / "ckpt" / "000000000002"
    (newest / "payload").write_bytes(b"sec")
    assert newest_checkpoint(tmp_path) == (1, b"first")
    (newest / "payload").write_bytes(b"second")
    (newest / "sums.json").write_bytes(b'{"step": 2, "sha')
    assert newest_checkpoint(tmp_path) == (1, b"first")


def test_a_checkpoint_that_was_being_written_is_not_seen(tmp_path: Path) -> None:
    half = attempt(tmp_path, "0001-aaaaaa").path / "ckpt" / ".7.abcd"
    half.mkdir(parents=True)
    (half / "payload").write_bytes(b"half")
    assert newest_checkpoint(tmp_path) is None


def test_the_first_ending_stands(tmp_path: Path) -> None:
    one = attempt(tmp_path, "0001-aaaaaa")
    assert one.ending() is None
    one.close(Ending("killed", "killed by signal 9 (SIGKILL)", exit_code=-9))
    one.close(Ending("vanished", "the process disappeared without a word"))
    ending = one.ending()
    assert ending is not None
    assert (ending.state, ending.exit_code) == ("killed", -9)


def test_a_truncated_outcome_counts_as_none(tmp_path: Path) -> None:
    one = attempt(tmp_path, "0001-aaaaaa")
    (one.path / "outcome.json").write_bytes(b'{"state": "do')
    assert one.ending() is None
