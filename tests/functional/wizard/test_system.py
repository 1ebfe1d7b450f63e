"""Step 1 by its keys: findings of this computer, accelerate's questions, and accelerate's own file."""

import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.environment.finding import Finding
from loratui.environment.probe import Facts
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Accelerate, Profile
from loratui.profile.store import load_profile, profile_path, write_profile
from loratui.safe_text import printable
from loratui.tui.screens.system import SystemScreen
from loratui.tui.screens.system_findings import Findings
from loratui.tui.widgets.form import RowsForm
from tests.stand_in_nvml import RTX_2070, RTX_4090, Card, stand_in_nvml
from tests.wizard import at_rest, cut_texts, screen_text, see, see_line, until, wizard


@pytest.fixture(autouse=True)
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without a GPU, with a profile `emi`."""
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(failure=12))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.chdir(tmp_path)
    profile_path("emi").parent.mkdir(parents=True)
    write_profile(Profile(), profile_path("emi"), "emi")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Puts GPUs into the computer."""

    def put_in(*cards: Card) -> None:
        monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(*cards))

    return put_in


def accelerate() -> Accelerate:
    """What the saved profile says."""
    return load_profile("emi").accelerate


async def settle(pilot: Pilot[int]) -> str:
    """Wait until everything has been looked at, and return what is seen."""
    await at_rest(pilot)
    return "\n".join(screen_text(pilot))


async def press(pilot: Pilot[int], *keys: str) -> str:
    """Press keys, and return what is seen once all is done that they set off."""
    await pilot.press(*keys)
    return await settle(pilot)


async def test_everything_about_the_computer_is_in_sight_at_80_by_24() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        seen = await settle(pilot)
        lines = screen_text(pilot)
        assert cut_texts(pilot) == []
    for name in ("Python", "torch", "Libraries", "Driver", "Memory", "Runs", "Output", "Hub cache", "Terminal"):
        assert f" {name} " in seen
    assert "  ! Driver      No NVIDIA driver answers here." in seen
    assert "A CPU is enough for the demo only: use a computer with an" in seen
    assert "NVIDIA GPU, or install its driver." in seen
    assert lines[21].startswith("▸ ✓ accelerate  CPU, full precision: Enter changes")
    assert lines[23].startswith(" Enter Open  W Write  Ctrl+R Look again  y Copy  ? Help  : More")


async def test_a_gpu_decides_the_precision(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(RTX_2070)
    async with wizard(profile="emi", mode="system") as pilot:
        seen = await settle(pilot)
        assert "GeForce RTX 2070, 7.5 of 8.0 GB free, compute capability 7.5" in seen
        assert "accelerate  1 GPU, fp16: Enter changes" in seen
        gpus(RTX_4090)
        await pilot.press("ctrl+r")
        seen = await settle(pilot)
        assert "accelerate  1 GPU, bf16: Enter changes" in seen
        assert "Looked again." in seen


async def test_a_torch_that_does_not_use_the_gpu_is_unmet(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(RTX_2070)
    async with wizard(profile="emi", mode="system") as pilot:
        assert "1 System!" in await settle(pilot)
        (reason,) = pilot.app.session.unmet("system")  # type: ignore[attr-defined]
        assert reason.startswith("torch: It does not use the GPU that is here.")


async def test_the_questions_are_filled_in_and_can_take_what_was_found(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(RTX_2070, RTX_4090)
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        seen = await press(pilot, "enter")
        assert "accelerate config: 1 GPU, fp16" in seen
        assert "auto          here: fp16 (capability 7.5, 8.9)" in seen
        assert "2 GPUs found" in seen
        assert "here: 0, 1" in seen
        seen = await press(pilot, "end", "enter")
        assert "accelerate config: 2 GPUs, fp16" in seen
        assert "Fill in what was found" not in seen
        seen = await press(pilot, "escape")
        assert "accelerate  2 GPUs, fp16: Enter changes" in seen
    kept = accelerate()
    assert (kept.device, kept.processes, kept.gpu_ids, kept.mixed_precision) == ("cuda", 2, "all", "fp16")


async def test_an_answer_is_saved_as_it_is_typed_and_a_wrong_one_stays_with_its_complaint() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        await press(pilot, "enter", "down", "enter", "backspace", "2")
        assert accelerate().processes == 2
        seen = await press(pilot, "x", "enter")
        assert accelerate().processes == 1
        assert "2x" in seen
        assert "Processes must be a whole number" in seen
        await press(pilot, "enter", "2", "enter", "escape")
        assert "CPU, 2 processes, full precision" in "\n".join(screen_text(pilot))


async def test_nothing_is_written_beside_an_answer_that_was_refused() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        seen = await press(pilot, "enter", "down", "enter", "x", "enter", "W")
        assert "Processes: mend this first, for what stands there was not taken." in seen
        assert "default_config.yaml?" not in seen


async def test_several_machines_are_asked_for_the_first_ones_address_first() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        seen = await press(pilot, "enter", *["down"] * 7, "enter", "backspace", "2", "enter")
        assert "Main address must name machine 0" in seen
        await press(pilot, "up", "up", "enter", *"10.0.0.1", "enter")
        kept = accelerate()
        assert (kept.main_address, kept.machines) == ("10.0.0.1", 2)


async def test_a_compilation_that_was_chosen_stands_in_the_line() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        await press(pilot, "enter", *["down"] * 4, "enter", "down", "down", "enter")
        assert accelerate().dynamo == "eager"
        seen = await press(pilot, "escape")
        assert "CPU, full precision, compiled by eager: Enter changes" in seen


async def test_the_yaml_stands_behind_y(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(RTX_4090)
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        seen = await press(pilot, "enter", "y")
        assert "mixed_precision: bf16" in seen
        assert "num_processes: 1" in seen
        assert pilot.app.clipboard.startswith("compute_environment: LOCAL_MACHINE\n")
        await press(pilot, "escape", "escape", "y")
        assert "GPU 0: GeForce RTX 4090" in pilot.app.clipboard
        assert "✓ accelerate: 1 GPU, bf16\n" in pilot.app.clipboard
        assert "mixed_precision: bf16" in pilot.app.clipboard


async def test_accelerates_own_file_is_written_after_its_difference_was_shown(tmp_path: Path) -> None:
    file = tmp_path / "hf" / "accelerate" / "default_config.yaml"
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        seen = await press_until(pilot, "W", "Write nothing")
        assert "+mixed_precision: 'no'" in seen
        assert "+use_cpu: true" in seen
        await press(pilot, "enter")
        assert not file.exists()
        await press_until(pilot, "W", "Write nothing")
        await press_until(pilot, ("down", "enter"), "default_config.yaml is written.")
        assert "mixed_precision: 'no'\n" in file.read_text()
        await press(pilot, "enter", "down", "down", "down", "enter", "down", "down", "enter")
        assert accelerate().mixed_precision == "fp16"
        seen = await press_until(pilot, "W", "Leave it as it is")
        assert "-mixed_precision: 'no'" in seen
        assert "+mixed_precision: fp16" in seen
        await press_until(pilot, ("down", "enter"), "default_config.yaml is written.")
        await press_until(pilot, "W", "says that already")
    assert "mixed_precision: fp16\n" in file.read_text()


async def press_until(pilot: Pilot[int], keys: str | tuple[str, ...], text: str) -> str:
    """Press keys, and wait until a text is seen: accelerate needs seconds for its answer."""
    await pilot.press(*([keys] if isinstance(keys, str) else keys))
    return "\n".join(await see(pilot, text))


async def test_a_finding_is_shown_whole_and_explained() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        await press(pilot, "home")
        seen = await press(pilot, "question_mark")
        assert "NVIDIA's driver. Each runs every CUDA up to its own" in seen
        await press(pilot, "escape")
        await press(pilot, "enter")
        assert pilot.app.clipboard.splitlines()[0] == "! Driver: No NVIDIA driver answers here."


async def test_a_question_is_explained() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        seen = await press(pilot, "enter", "down", "question_mark")
        assert "One per GPU, over all machines." in seen
        assert "In files: accelerate.processes" in seen


async def test_without_a_profile_the_computer_is_shown_and_nothing_is_asked() -> None:
    async with wizard(mode="system") as pilot:
        assert (await see_line(pilot, "▸ ✓ accelerate  CPU")) == "▸ ✓ accelerate  CPU, full precision"
        await pilot.press("enter")
        await see(pilot, "Open a profile first")


async def test_what_needs_a_person_comes_in_sight_first() -> None:
    many = [Finding(f"Thing {number}", "value " * 30) for number in range(12)]
    urgent = [Finding("tmux", "It stands between.", "warning", "Do this."), Finding("torch", "none", "bad", "Install.")]
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        pilot.app.screen.post_message(SystemScreen.Looked(Facts((*many, *urgent), ())))
        await pilot.pause()
        lines = screen_text(pilot)
        assert [line[4:9].strip() for line in lines[2:] if line[2:3] in ("✗", "!")] == ["torch", "tmux"]


async def test_without_a_profile_the_steps_keys_say_where_one_is_opened() -> None:
    async with wizard((60, 16), mode="system") as pilot:
        await settle(pilot)
        await pilot.press("4")
        await see(pilot, "h goes Home: Enter there opens a profile, n begins one.")
        assert cut_texts(pilot) == []


async def test_the_finding_under_the_cursor_is_always_in_sight() -> None:
    lines = ("set -g set-clipboard on", "set -g allow-passthrough on")
    many = [Finding(f"Thing {number}", "value " * 30, "warning", "Do this.", lines) for number in range(12)]
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        pilot.app.screen.post_message(SystemScreen.Looked(Facts(tuple(many), ())))
        await pilot.pause()
        for number in range(11, -1, -1):
            seen = await press(pilot, "up")
            assert f"▸ ! Thing {number} " in seen
            assert "accelerate  CPU" in seen
        for number in range(1, 12):
            assert f"▸ ! Thing {number} " in await press(pilot, "down")
            assert cut_texts(pilot) == []
        assert "▸ ✓ accelerate" in await press(pilot, "down")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_no_finding_is_cut_however_long_names_are(
    gpus,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    """With the demo's settings under a long name, long paths, and two GPUs."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "a folder with a long name" / ("hub-" * 20) / "hf"))
    gpus(RTX_2070, RTX_4090)
    profile = demo_profile()
    profile.output.directory = str(tmp_path / "日本語のとても長い名前です" / ("and-a-long-one-" * 8))
    name = "a-very-long-name-of-a-profile-that-nobody-wants"
    write_profile(profile, profile_path(name), name)
    async with wizard(size, profile=name, mode="system") as pilot:
        await settle(pilot)
        findings = pilot.app.screen.query_one(Findings)
        for _ in range(30):
            lines = screen_text(pilot)
            assert cut_texts(pilot) == []
            shown = "".join("".join(line.split()) for line in lines[2:-2])
            finding = findings.finding
            for text in (finding.name, finding.value, finding.todo, *finding.lines):
                assert "".join(printable(text).split()) in shown
            assert lines[-1].endswith("? Help  : More")
            await press(pilot, "up")
        assert findings.finding.name == "torch"  # which does not use the GPUs


async def test_in_ascii_no_sign_is_ambiguous() -> None:
    async with wizard(profile="emi", mode="system", ascii=True) as pilot:
        await settle(pilot)
        body = "\n".join(screen_text(pilot)[2:22])
        assert "> + accelerate" in body
        assert not set("✓✗▸─→") & set(body)


@pytest.mark.parametrize("group", ["probe", "accelerate"])
async def test_an_unforeseen_fault_in_the_background_is_said_with_its_log(group: str, loratui_home: Path) -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        pilot.app.screen.run_worker(_fail, group=group, exit_on_error=False)
        await see(pilot, "loratui itself failed (KeyError)")
        [log] = (loratui_home / "data").glob("crash-*.log")
        told = f"loratui itself failed (KeyError). Please report this with the log {log}"
        await until(pilot, lambda: told.replace(" ", "") in "".join(screen_text(pilot)).replace(" ", ""))
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard)
        assert pilot.app.clipboard.endswith(f"\n\n{told}")
    assert "the dog" in log.read_text()


async def _fail() -> None:
    raise KeyError("the dog")


async def test_an_answer_that_was_not_taken_stays_and_is_told_everywhere() -> None:
    async with wizard(profile="emi", mode="system") as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await see(pilot, "accelerate config")
        pilot.app.screen.query_one(RowsForm).go_to("accelerate.gpu_ids")
        await pilot.press("enter", "ctrl+u", "a", "b", "c", "enter")
        await see(pilot, "! abc")
        await pilot.press("escape")
        await see(pilot, "1 System!", "▸ ✗ accelerate")
        await pilot.press("enter")
        await see(pilot, "accelerate config", "! abc")
        await pilot.press("escape", "4")
        # Step 4 has the same rows.
        await see(pilot, "1 System!", "4 Settings!")
        form = pilot.app.screen.query_one(RowsForm)
        await until(pilot, lambda: set(form.refused) == {"accelerate.gpu_ids"})
        await pilot.press("q")
        await see(pilot, "Leave loratui?", "1 value is not taken: GPUs.")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is pilot.app.step_screen)
        form.go_to("accelerate.gpu_ids")
        await pilot.press("enter", "ctrl+u", "0", "enter")
        await until(pilot, lambda: not form.refused)
        await pilot.press("1")
        await until(pilot, lambda: "▸ ✗ accelerate" not in "\n".join(screen_text(pilot)))
        await pilot.press("enter")
        lines = await see(pilot, "accelerate config")
        assert not any("abc" in line for line in lines)
