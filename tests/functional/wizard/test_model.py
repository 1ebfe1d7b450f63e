"""Step 2 against a stub hub on loopback: bases that are found, named, gated, missing and downloaded."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from loratui.hub.cache import partial_bytes
from loratui.hub.downloads import find_download
from loratui.profile.store import load_profile, new_profile
from loratui.tui.screens.model_list import BaseList
from tests.functional.wizard.model_bases import TOKEN, name_base, see
from tests.small_dataset import small_profile
from tests.unit.hub.checkpoints import write_checkpoint
from tests.unit.hub.in_process import use_endpoint
from tests.unit.hub.stub_hub import StubHub
from tests.wizard import at_mode, paste, screen_text, session_of, until, wizard


async def test_bases_on_the_disk_are_listed_and_enter_takes_one(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        assert (await see(pilot, "emi/cached")).split()[1:] == ["SD", "1.x", "571", "B", "HF", "cache"]
        assert (await see(pilot, "counterfeit ")).split()[1:] == ["SD", "1.x", "2.3", "kB", "Forge"]
        await until(pilot, lambda: any("✓ demo" in line and "built in" in line for line in screen_text(pilot)))
        await pilot.press("home", "enter")
        assert "✓ emi/cached" in await see(pilot, "✓ emi/cached")
        assert load_profile("emi").model.base == "emi/cached"
        await until(pilot, lambda: session_of(pilot).unmet("model") == ())


async def test_the_cursor_goes_to_another_base_of_the_profile_and_else_stays(hub: StubHub, home: Path) -> None:
    new_profile("cat", small_profile(Path("emi/cached"), home / "pictures", home / "output"))
    async with wizard(profile="emi", mode="model") as pilot:
        await until(pilot, lambda: _cursor(pilot) == "demo")
        await pilot.press("h")
        session_of(pilot).open("cat")
        pilot.app.show_step("model")
        await until(pilot, lambda: _cursor(pilot) == "emi/cached")
        await pilot.press("down")
        await until(pilot, lambda: _cursor(pilot) == "counterfeit")
        await pilot.press("ctrl+r")
        await pilot.pause(0.3)
        assert _cursor(pilot) == "counterfeit"
        # A base that has no row yet is gone to once it has one.
        session_of(pilot).change("model.base", "emi/open")
        await until(pilot, lambda: _cursor(pilot) == "emi/open")


def _cursor(pilot: Pilot[int]) -> str:
    row = pilot.app.screen.query_one(BaseList).row
    return row.name if row is not None else ""


async def test_what_cannot_be_trained_is_shown_and_not_taken(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "xl ")
        await pilot.press("end", "up")
        await see(pilot, "is an inpainting model")
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert load_profile("emi").model.base == "demo"


async def test_a_base_is_named_by_address_or_path_and_remembered(hub: StubHub, home: Path) -> None:
    file = write_checkpoint(home / "elsewhere" / "mix.safetensors")
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, f"{hub.endpoint}/emi/open/tree/main")
        await see(pilot, "licence creativeml-openrail-m, open to everybody")
        assert load_profile("emi").model.base == "emi/open"
        await see(pilot, "to fetch: w brings it now, else the training does")
        assert session_of(pilot).unmet("model") == ()
        await pilot.press("end", "enter")
        await see(pilot, "Tab complete")
        await paste(pilot, f"{home}/elsewh")
        await pilot.press("tab", "tab")
        await see(pilot, "mix.safetensors")
        await pilot.press("enter")
        await until(pilot, lambda: load_profile("emi").model.base == str(file))
        assert any("emi/open" in line for line in screen_text(pilot))


async def test_only_bases_that_were_found_are_remembered_and_del_takes_one_out(hub: StubHub, home: Path) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/nowhere")
        await see(pilot, "There is no model emi/nowhere on the hub, or it is private.")
        await name_base(pilot, "emi/open")
        await see(pilot, "licence creativeml-openrail-m, open to everybody")
        await name_base(pilot, "demo")
        await until(pilot, lambda: load_profile("emi").model.base == "demo")
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/open")
        assert not any("emi/nowhere" in line for line in screen_text(pilot))
        await until(pilot, lambda: pilot.app.screen.query_one(BaseList).go_to("emi/open"))
        await see(pilot, "Del Take out")
        await pilot.press("delete")
        await see(pilot, "emi/open was taken out of the list; nothing else was removed.")
        await until(pilot, lambda: "emi/open" not in [row.base for row in pilot.app.screen.query_one(BaseList).rows])
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/cached")
        assert not any("emi/open" in line for line in screen_text(pilot))


@pytest.mark.parametrize(
    ("base", "sentence"),
    [
        ("emi/nowhere", "There is no model emi/nowhere on the hub, or it is private."),
        ("emi/open/x.safetensors", "emi/open has no file x.safetensors."),
    ],
)
async def test_what_the_hub_does_not_have_is_said_and_is_unmet(hub: StubHub, base: str, sentence: str) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, base)
        await see(pilot, sentence)
        assert session_of(pilot).unmet("model") == (sentence,)
        assert not [line for line in screen_text(pilot) if "hf auth login" in line]


async def test_the_retired_id_names_its_successor(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "runwayml/stable-diffusion-v1-5")
        said = "runwayml/stable-diffusion-v1-5 was taken off the hub; the same model is"
        await until(pilot, lambda: said in " ".join(screen_text(pilot)[-4:-1]))
        await until(pilot, lambda: _cursor(pilot) == "runwayml/stable-diffusion-v1-5")
        await pilot.press("enter")
        await until(pilot, lambda: said in " ".join(screen_text(pilot)[-4:-1]))
        assert load_profile("emi").model.base == "demo"


async def test_without_a_hub_it_says_so_and_keeps_working(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint("http://127.0.0.1:9", home / "hf", monkeypatch)
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/open")
        await see(pilot, "is not (completely) on this computer, and the hub cannot be reached.")
        await pilot.press("home", "enter")
        await until(pilot, lambda: load_profile("emi").model.base == "emi/cached")
        await until(pilot, lambda: session_of(pilot).unmet("model") == ())


async def test_a_base_that_the_disk_cannot_take_is_unmet(hub: StubHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loratui.hub.room._SPARE_BYTES", 10**18)
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/open")
        await see(pilot, "There is not enough disk space for emi/open.")
        assert session_of(pilot).unmet("model")


async def test_a_download_goes_on_while_the_screen_is_left_and_is_stopped_and_taken_up(hub: StubHub) -> None:
    hub.slow = 50_000
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/large")
        await see(pilot, "12.0 MB to fetch")
        await pilot.press("w")
        await see(pilot, "It comes from the hub")
        await see(pilot, "of 12.0 MB")
        await pilot.press("3")
        await at_mode(pilot, "pictures")
        await pilot.press("2")
        await see(pilot, "It comes from the hub")
        await until(pilot, lambda: partial_bytes("emi/large") > 100_000)
        await pilot.press("x")
        await see(pilot, "The download was stopped; what has come is kept")
    left = partial_bytes("emi/large")
    assert left > 100_000

    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "The download was stopped")
        await pilot.press("w")
        await see(pilot, "It comes from the hub")
    # The wizard is gone; the download is not.
    download = find_download("emi/large")
    assert download is not None
    assert download.is_alive()
    hub.slow = 0
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "On this computer, 12.0 MB, in the Hugging Face cache.")
        await until(pilot, lambda: any("✓ emi/large" in line and "HF cache" in line for line in screen_text(pilot)))
    assert hub.ranges == [f"bytes={left}-"]


async def test_a_hub_that_never_answers_does_not_hold_the_program_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        use_endpoint(f"http://127.0.0.1:{deaf.getsockname()[1]}", home / "hf", monkeypatch)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        async with wizard(profile="emi", mode="model") as pilot:
            await name_base(pilot, "emi/open")
            await see(pilot, "asking the hub")
            started = time.monotonic()
        assert time.monotonic() - started < 10


async def test_a_search_leaves_the_rows_that_contain_a_text(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/cached")
        await pilot.press("slash")
        await see(pilot, "Show only bases with")
        await paste(pilot, "FORGE")
        await pilot.press("enter")
        await see(pilot, "base, with “FORGE”")
        shown = [line.strip() for line in screen_text(pilot)[3:6]]
        assert [line.split(" ")[-1] or line for line in shown[:1]] == ["Forge"]
        assert shown[1].endswith("Type a hub id, a URL or a path …")
        await pilot.press("slash", "ctrl+u", "enter")
        await see(pilot, "emi/cached")
        await pilot.press("slash")
        await paste(pilot, "FORGE")
        await pilot.press("enter")
        await see(pilot, "base, with “FORGE”")
        await pilot.press("escape")
        await see(pilot, "emi/cached")


async def test_help_and_plain_text_say_what_is_there(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/cached")
        await see(pilot, "Comes with loratui")
        await pilot.press("question_mark")
        await see(pilot, "The base model")
        await pilot.press("escape")
        await pilot.press("y")
        await see(pilot, "Comes with loratui")


def test_the_screen_is_there_before_the_hub_library_is_imported() -> None:
    code = "import sys, loratui.tui.screens.model; sys.exit('huggingface_hub' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
