from pathlib import Path

import pytest

from loratui.dataset.manifest import Manifest
from loratui.errors import RunError
from loratui.profile.schema import Profile
from loratui.runs.directory import RunDirectory, create_run
from loratui.runs.lock import hold_lock
from loratui.runs.queue import add_ticket, tickets
from loratui.runs.removal import remove_run
from loratui.runs.slots import Wish

EMPTY = Manifest(images=(), seed=42, flip=False, shuffle=False, keep_tokens=1, dropout=0.0, tag_dropout=0.0)


def make(root: Path, output: Path) -> RunDirectory:
    profile = Profile()
    profile.output.name, profile.output.directory = "emi", str(output)
    return create_run(profile, EMPTY, root)


def test_a_run_goes_away_with_its_ticket_and_its_outputs_stay(tmp_path: Path) -> None:
    run = make(tmp_path / "runs", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "emi.safetensors").touch()
    (run.path / "comparison").symlink_to(tmp_path / "out")
    add_ticket(run, "train", Wish(("cpu",)))
    remove_run(run)
    assert list((tmp_path / "runs").iterdir()) == []
    assert (tmp_path / "out" / "emi.safetensors").exists()
    assert tickets() == []


def test_a_run_at_work_stays(tmp_path: Path) -> None:
    run = make(tmp_path / "runs", tmp_path / "out")
    with hold_lock(run), pytest.raises(RunError, match="still at work"):
        remove_run(run)
    assert run.profile_path.exists()


def test_outputs_inside_the_run_are_not_taken_with_it(tmp_path: Path) -> None:
    run = make(tmp_path / "runs", tmp_path / "runs" / "link" / "out")
    (tmp_path / "runs" / "link").symlink_to(run.path)
    (run.path / "out").mkdir()
    (run.path / "out" / "emi.safetensors").touch()
    with pytest.raises(RunError, match="lie inside it"):
        remove_run(run)
    assert (run.path / "out" / "emi.safetensors").exists()
