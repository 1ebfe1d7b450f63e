"""States on the disk: whole or not there, the last two kept, damage recognised."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from loratui.training.adjustments import Adjustments
from loratui.training.checkpoint import TrainingState, load_newest_state, save_state

STATE = TrainingState(
    step=12,
    ended_epochs=4,
    tensors={"master.unet": torch.arange(10.0), "optimizer.0.step": torch.tensor(12.0)},
    scalars={"scale": 65536.0, "calm_steps": 3},
    losses=[0.1, 0.2],
    adjustments=Adjustments(lr_factor=0.5, rollbacks=1, pictures_at_once=1, checkpointed_levels=2, size=0.75),
    epoch_files={9: "/out/a-000009.safetensors", 10: "/out/a-000010.safetensors"},
    conditions={"torch": "2.13", "threads": 2},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = save_state(tmp_path / "state", STATE)
    loaded, damaged = load_newest_state(tmp_path / "state")
    assert loaded is not None
    assert damaged == []
    assert saved.path.name == "step-00000012"
    assert {name: tensor.tolist() for name, tensor in loaded.tensors.items()} == {
        name: tensor.tolist() for name, tensor in STATE.tensors.items()
    }
    assert replace(loaded, tensors={}) == replace(STATE, tensors={})


@pytest.mark.parametrize(("checkpointing", "levels"), [(False, 0), (True, 4)])
def test_a_state_from_before_levels_is_read_as_all_or_none(tmp_path: Path, checkpointing: bool, levels: int) -> None:
    file = save_state(tmp_path, STATE).path / "state.json"
    facts = json.loads(file.read_bytes())
    del facts["seal"], facts["adjustments"]["checkpointed_levels"]
    facts["adjustments"]["gradient_checkpointing"] = checkpointing
    seal = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    file.write_text(json.dumps({**facts, "seal": seal}))
    loaded, damaged = load_newest_state(tmp_path)
    assert loaded is not None
    assert damaged == []
    of_four = replace(STATE.adjustments, checkpointed_levels=levels)
    assert loaded.adjustments.in_words(4, levels=4) == of_four.in_words(4, levels=4)
    assert (loaded.adjustments.smaller(4, levels=4, may_lower_resolution=False) is None) == checkpointing


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save_state(tmp_path, replace(STATE, step=step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    ],
    ids=["cut in half", "empty", "one bit"],
)
def test_a_damaged_state_is_passed_over(tmp_path: Path, file: str, damage: object) -> None:
    save_state(tmp_path, replace(STATE, step=1))
    newest = save_state(tmp_path, replace(STATE, step=2)).path
    content = (newest / file).read_bytes()
    (newest / file).write_bytes(damage(content))  # type: ignore[operator]
    loaded, damaged = load_newest_state(tmp_path)
    assert loaded is not None
    assert loaded.step == 1
    assert damaged == [newest]


def test_a_half_written_draft_is_no_state(tmp_path: Path) -> None:
    (tmp_path / ".draft-x").mkdir()
    (tmp_path / ".draft-x" / "state.json").write_text("{")
    assert load_newest_state(tmp_path) == (None, [])
    save_state(tmp_path, STATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000012"]


def test_going_back_replaces_the_step_and_removes_later_ones(tmp_path: Path) -> None:
    for step in (10, 20):
        save_state(tmp_path, replace(STATE, step=step))
    save_state(tmp_path, replace(STATE, step=10, losses=[9.0]))
    loaded, _ = load_newest_state(tmp_path)
    assert loaded is not None
    assert (loaded.step, loaded.losses) == (10, [9.0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010"]


def test_an_unwritable_place_leaves_the_old_state(tmp_path: Path) -> None:
    save_state(tmp_path / "state", STATE)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        save_state(tmp_path / "file", STATE)
    assert load_newest_state(tmp_path / "state")[0] is not None
