"""Try's words where a LoRA does not fit, and at strength 0.0."""

from pathlib import Path

import pytest

from loratui.paths import runs_directory
from loratui.runs.directory import RunDirectory
from tests.functional.wizard.tried_runs import adding_a_lora, enter, saved, trying
from tests.stand_in_worker import TRIES, put_in_place
from tests.tried_run import compared_run
from tests.wizard import cut_texts, line_with, read, see

WHY = (
    "style.safetensors does not fit the base tiny: it has no layer for "
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q."
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return saved(compared_run(tmp_path / "p", runs_directory()))


async def test_a_lora_that_does_not_fit_is_told_whole_with_the_next_step(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = TRIES.replace('"<lora:" in request.settings.prompts[0]', "request.settings.other_loras").replace(
        'what="There is no such LoRA.", todo="Add its file."', f"what={WHY!r}"
    )
    put_in_place(refusing, tmp_path / "stand-in", monkeypatch)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    style = tmp_path / "style.safetensors"
    style.write_bytes(b"lora")
    async with trying(run) as pilot:
        await adding_a_lora(pilot)
        await enter(pilot, f"{style}:0.6")
        await read(pilot, f"{WHY} O takes style.safetensors out again.")
        assert cut_texts(pilot) == []


async def test_without_the_lora_there_is_nothing_to_keep(run: RunDirectory) -> None:
    async with trying(run) as pilot:
        lines = await see(pilot, "[0.8✓]")
        assert "<lora:" in "\n".join(lines)
        await pilot.press("left", "left")
        lines = await see(pilot, "[0.0✓]", " no LoRA    grid:")
        assert not any("<lora:" in line for line in lines)
        await pilot.press("k")
        assert line_with(await see(pilot, "0.0 is the base without the LoRA: nothing to keep."), "0.0 is")
