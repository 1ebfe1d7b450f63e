"""Train before a run: the plan, what it refuses, and what it warns of."""

import sys
from pathlib import Path

import pytest

from loratui.profile.store import load_profile, profile_path, write_profile
from tests.small_dataset import write_pictures
from tests.stand_in_nvml import stand_in_nvml
from tests.unit.hub.checkpoints import WHOLE_SDXL, write_checkpoint
from tests.wizard import see, session_of, wizard


async def test_the_plan_says_what_will_happen_and_writes_nothing(profile: str, loratui_home: Path) -> None:
    async with wizard(profile=profile, mode="train") as pilot:
        lines = await see(pilot, "Enter starts the training")

    text = "\n".join(lines)
    assert "emi will be trained like this" in text
    assert "6 × 5" in text
    assert "20: 2 epochs of 10 steps, 3 pictures a step" in text
    assert "emi.safetensors" in text
    assert "and 1 more file of earlier epochs, a grid of strengths" in text
    assert "are free" in text
    assert not (loratui_home / "data" / "runs").exists()


async def test_what_cannot_be_trained_is_refused_with_the_step_that_mends_it(profile: str, tmp_path: Path) -> None:
    for picture in (tmp_path / "5_emi_person").glob("*.png"):
        picture.write_bytes(b"no picture")

    async with wizard(profile=profile, mode="train") as pilot:
        lines = await see(pilot, "3 Pictures is where to mend it")
        assert "Enter looks again" in "\n".join(lines)
        write_pictures(tmp_path / "5_emi_person")
        await pilot.press("enter")
        await see(pilot, "Enter starts the training")


async def test_what_earlier_steps_lack_is_named(profile: str) -> None:
    async with wizard(profile=profile, mode="train") as pilot:
        await see(pilot, "Enter starts the training")
        session_of(pilot).set_unmet("model", ["The licence is not accepted yet."])
        await pilot.press("4")
        await pilot.press("5")
        await see(pilot, "! 2 Model: The licence is not accepted yet.")


async def test_a_full_base_without_a_gpu_is_warned_of(
    profile: str, tiny_base_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(failure=12))
    async with wizard(profile=profile, mode="train") as pilot:
        lines = await see(pilot, "Enter starts the training")
        assert not any("1 System: no GPU" in line for line in lines)
        assert session_of(pilot).change("model.base", str(tiny_base_directory)) == ""
        await see(pilot, "! 1 System: no GPU here; on a processor only the demo's base trains in minutes")


async def test_nothing_starts_while_a_setting_is_refused(profile: str, loratui_home: Path) -> None:
    async with wizard(profile=profile, mode="train") as pilot:
        await see(pilot, "Enter starts")
        session_of(pilot).set_unmet("settings", ["Epochs must be a whole number of at least 1, not '2x'."])
        await pilot.press("enter")
        await see(pilot, "4 Settings comes first: Epochs must be")
        await pilot.pause(0.5)
        assert not (loratui_home / "data" / "runs").exists()


async def test_the_plan_follows_the_profile(profile: str) -> None:
    async with wizard(profile=profile, mode="train") as pilot:
        await see(pilot, "20: 2 epochs of 10 steps")
        session_of(pilot).change("training.epochs", 4)
        await see(pilot, "40: 4 epochs of 10 steps")


async def test_a_base_that_is_not_here_is_said_before_the_start(profile: str) -> None:
    changed = load_profile(profile)
    changed.model.base = "emi/tiny-model"
    write_profile(changed, profile_path(profile), profile)

    async with wizard(profile=profile, mode="train") as pilot:
        await see(pilot, "first", "emi/tiny-model is brought from Hugging Face")


async def test_the_plan_warns_of_a_resolution_far_below_the_bases_own(profile: str, tmp_path: Path) -> None:
    changed = load_profile(profile)
    changed.model.base = str(write_checkpoint(tmp_path / "xl.safetensors", WHOLE_SDXL))
    write_profile(changed, profile_path(profile), profile)

    async with wizard(profile=profile, mode="train") as pilot:
        lines = await see(pilot, "xl was made for 1024 × 1024")

    assert "4 Settings: Trained at" in "\n".join(lines)


async def test_a_separate_vae_is_no_base_and_not_refused_as_one(profile: str, tmp_path: Path) -> None:
    changed = load_profile(profile)
    vae = {"encoder.conv_in.weight": (8, 3, 3, 3)}
    changed.model.vae = str(write_checkpoint(tmp_path / "vae.safetensors", vae))
    write_profile(changed, profile_path(profile), profile)

    async with wizard(profile=profile, mode="train") as pilot:
        await see(pilot, "Enter starts the training")
