"""Step 2 against a stub hub on loopback: bases that are found, named, gated, missing, downloaded; and the account."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from loratui.hub.cache import partial_bytes
from loratui.hub.downloads import find_download
from loratui.profile.store import load_profile, new_profile
from loratui.tui.screens.model_list import BaseList
from tests.small_dataset import small_profile
from tests.unit.hub.checkpoints import SDXL, diffusers_files, write_checkpoint, write_in_cache
from tests.unit.hub.in_process import use_endpoint, use_stub
from tests.unit.hub.stub_hub import StubAccount, StubHub
from tests.wizard import screen_text, wizard

TOKEN = "hf_laptopTokenThatIsNotReal"
WORK = "hf_workTokenThatIsNotReal"
LARGE = 12_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home with bases of three kinds, and a profile on the demo's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("loratui.hub.on_disk._SHARED_PARENTS", ())
    write_in_cache(tmp_path / "hf", "emi/cached", diffusers_files())
    write_checkpoint(tmp_path / "webui_forge" / "models" / "Stable-diffusion" / "counterfeit.safetensors")
    write_checkpoint(tmp_path / "ComfyUI" / "models" / "checkpoints" / "xl.safetensors", SDXL)
    new_profile("emi", small_profile(Path("demo"), tmp_path / "pictures", tmp_path / "output"))
    return tmp_path


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    """A hub with an open base, a gated one and a large one; nobody is signed in."""
    repositories = {
        "emi/open": diffusers_files(),
        "emi/gated": diffusers_files(),
        "emi/large": diffusers_files(large=LARGE),
    }
    with StubHub(repositories, gated=("emi/gated",)) as stub:
        stub.accounts = {TOKEN: StubAccount(), WORK: StubAccount(token_name="work", role="write")}
        stub.licences = {"emi/open": "creativeml-openrail-m"}
        use_stub(stub, home / "hf", monkeypatch)
        yield stub


async def until(pilot: Pilot[int], condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "\n".join(screen_text(pilot))
        await pilot.pause(0.02)


async def see(pilot: Pilot[int], text: str) -> str:
    """Wait until `text` is on the screen, across the ends of lines too, and return the line that it begins in."""
    found: list[str] = []

    def is_there() -> bool:
        lines = [line.strip() for line in screen_text(pilot)]
        found[:] = [line for line in lines if text in line] or ([text] if text in " ".join(lines) else [])
        return bool(found)

    await until(pilot, is_there)
    return found[0]


async def type_text(pilot: Pilot[int], text: str) -> None:
    """Paste, which is one event for any text."""
    pilot.app.screen.query_one(Input).post_message(events.Paste(text))
    await pilot.pause()


async def name_base(pilot: Pilot[int], text: str) -> None:
    await see(pilot, "Type a hub id")
    await pilot.press("end", "enter")
    await see(pilot, "Tab complete")
    await type_text(pilot, text)
    await pilot.press("enter")


async def test_bases_on_the_disk_are_listed_and_enter_takes_one(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        assert (await see(pilot, "emi/cached")).split()[1:] == ["SD", "1.x", "1", "kB", "HF", "cache"]
        assert (await see(pilot, "counterfeit ")).split()[1:] == ["SD", "1.x", "1", "kB", "Forge"]
        assert "✓ demo" in await see(pilot, "built in")
        await pilot.press("home", "enter")
        assert "✓ emi/cached" in await see(pilot, "✓ emi/cached")
        assert load_profile("emi").model.base == "emi/cached"
        await until(pilot, lambda: pilot.app.session.unmet("model") == ())


async def test_the_cursor_goes_to_another_base_of_the_profile_and_else_stays(hub: StubHub, home: Path) -> None:
    new_profile("cat", small_profile(Path("emi/cached"), home / "pictures", home / "output"))
    async with wizard(profile="emi", mode="model") as pilot:
        await until(pilot, lambda: _cursor(pilot) == "demo")
        await pilot.press("h")
        pilot.app.session.open("cat")
        pilot.app.show_step("model")
        await until(pilot, lambda: _cursor(pilot) == "emi/cached")
        await pilot.press("down")
        await until(pilot, lambda: _cursor(pilot) == "counterfeit")
        await pilot.press("ctrl+r")
        await pilot.pause(0.3)
        assert _cursor(pilot) == "counterfeit"
        # A base that has no row yet is gone to once it has one.
        pilot.app.session.change("model.base", "emi/open")
        await until(pilot, lambda: _cursor(pilot) == "emi/open")


def _cursor(pilot: Pilot[int]) -> str:
    row = pilot.app.screen.query_one(BaseList).row
    return row.name if row is not None else ""


async def test_what_cannot_be_trained_is_shown_and_not_taken(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "xl ")
        await pilot.press("end", "up")
        await see(pilot, "is an SDXL checkpoint")
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
        assert pilot.app.session.unmet("model") == ()
        await pilot.press("end", "enter")
        await see(pilot, "Tab complete")
        await type_text(pilot, f"{home}/elsewh")
        await pilot.press("tab", "tab")
        await see(pilot, "mix.safetensors")
        await pilot.press("enter")
        await until(pilot, lambda: load_profile("emi").model.base == str(file))
        assert any("emi/open" in line for line in screen_text(pilot))


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
        assert pilot.app.session.unmet("model") == (sentence,)
        assert not [line for line in screen_text(pilot) if "hf auth login" in line]


async def test_the_retired_id_names_its_successor(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "runwayml/stable-diffusion-v1-5")
        await until(pilot, lambda: "It was taken off the hub; the same model is" in screen_text(pilot)[-2])
        await see(pilot, "It was taken off the hub; the same model is maintained as")
        await pilot.press("enter")
        await pilot.pause()
        assert "It was taken off the hub" in screen_text(pilot)[-2]
        assert load_profile("emi").model.base == "demo"


async def test_without_a_hub_it_says_so_and_keeps_working(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint("http://127.0.0.1:9", home / "hf", monkeypatch)
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/open")
        await see(pilot, "is not (completely) on this computer, and the hub cannot be reached.")
        await pilot.press("home", "enter")
        await until(pilot, lambda: load_profile("emi").model.base == "emi/cached")
        await until(pilot, lambda: pilot.app.session.unmet("model") == ())


async def test_a_base_that_the_disk_cannot_take_is_unmet(hub: StubHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loratui.hub.room._SPARE_BYTES", 10**18)
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/open")
        await see(pilot, "There is not enough disk space for emi/open.")
        assert pilot.app.session.unmet("model")


async def test_a_gated_base_is_opened_by_signing_in_with_a_token_that_is_never_seen(hub: StubHub, home: Path) -> None:
    hub.accounts[TOKEN].may_open = ("emi/gated",)
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/gated")
        await see(pilot, "emi/gated is gated: its owner asks everyone to accept conditions first.")
        await see(pilot, f"Open {hub.endpoint}/emi/gated in a browser")
        assert pilot.app.session.unmet("model")
        await pilot.press("at")
        await see(pilot, "Nobody is signed in")
        await pilot.press("down", "enter")
        await see(pilot, "Paste a token")
        await type_text(pilot, "not a token")
        await see(pilot, "A token has only letters, digits and _")
        await pilot.press("ctrl+u")
        await type_text(pilot, TOKEN)
        assert TOKEN not in pilot.app.export_screenshot()
        await pilot.press("enter")
        await see(pilot, "Hugging Face: emi, read token laptop.")
        await see(pilot, "gated, and open to you")
        await until(pilot, lambda: pilot.app.session.unmet("model") == ())
        assert TOKEN not in pilot.app.export_screenshot()
    holders = {path.name for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()}
    assert holders == {"token", "stored_tokens"}


async def test_a_revoked_token_is_refused_in_words(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await pilot.press("at")
        await see(pilot, "Paste a token")
        await pilot.press("down", "enter")
        await type_text(pilot, "hf_revoked")
        await pilot.press("enter")
        assert "hf_revoked" not in await see(pilot, "The hub does not accept this token.")


async def test_signing_in_by_code_waits_until_it_was_typed_elsewhere(hub: StubHub) -> None:
    hub.accounts["hf_oauth_fromTheCode"] = StubAccount(token_name="")
    hub.consent_token = "hf_oauth_fromTheCode"
    async with wizard(profile="emi", mode="model") as pilot:
        await pilot.press("at")
        await see(pilot, "Sign in by code")
        await pilot.press("enter")
        await see(pilot, "EMI-2026")
        await see(pilot, f"{hub.endpoint}/device")
        hub.consent = "yes"
        await see(pilot, "Hugging Face: emi, signed in by code.")


async def test_a_refused_code_is_said_and_a_code_may_be_left(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await pilot.press("at")
        await see(pilot, "Sign in by code")
        await pilot.press("enter")
        await see(pilot, "EMI-2026")
        await pilot.press("escape")
        await see(pilot, "built in")
        hub.consent = "no"
        await pilot.press("at", "enter")
        await see(pilot, "Signing in by code was refused, or the code ran out.")


async def test_without_codes_in_the_library_its_own_command_is_offered(
    hub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("huggingface_hub.utils._oauth_device.poll_device_token")
    async with wizard(profile="emi", mode="model") as pilot:
        await pilot.press("at")
        await see(pilot, "Sign in by code")
        await pilot.press("enter")
        await see(pilot, "Run hf auth login")
        await pilot.press("enter")
        await see(pilot, "This terminal cannot be lent")


async def test_switching_between_tokens_and_signing_out(hub: StubHub) -> None:
    from loratui.hub.login import sign_in, stored_tokens

    sign_in(TOKEN)
    sign_in(WORK)
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "Hugging Face: emi, write token work.")
        await pilot.press("at")
        await see(pilot, "Signed in as emi, write token work.")
        await pilot.press("down", "down", "enter")
        await see(pilot, "Use which token?")
        await pilot.press("down", "enter")
        await see(pilot, "Hugging Face: emi, read token laptop.")
        await pilot.press("at")
        await see(pilot, "Signed in as")
        await pilot.press("down", "down", "down", "enter")
        await see(pilot, "Stay signed in")
        await pilot.press("down", "enter")
        await see(pilot, "Hugging Face: nobody is signed in")
        assert stored_tokens().names == ("work",)


async def test_a_download_goes_on_while_the_screen_is_left_and_is_stopped_and_taken_up(hub: StubHub) -> None:
    hub.slow = 4_000_000
    async with wizard(profile="emi", mode="model") as pilot:
        await name_base(pilot, "emi/large")
        await see(pilot, "12 MB to fetch")
        await pilot.press("w")
        await see(pilot, "It comes from the hub")
        await see(pilot, "of 12 MB")
        await pilot.press("3")
        await pilot.pause(0.3)
        assert pilot.app.current_mode == "pictures"
        await pilot.press("2")
        await see(pilot, "It comes from the hub")
        await until(pilot, lambda: partial_bytes("emi/large") > 1_000_000)
        await pilot.press("x")
        await see(pilot, "The download was stopped; what has come is kept")
    left = partial_bytes("emi/large")
    assert left > 1_000_000

    hub.slow = 12_000_000
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "The download was stopped")
        await pilot.press("w")
        await see(pilot, "It comes from the hub")
    # The wizard is gone; the download is not.
    download = find_download("emi/large")
    assert download is not None
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "On this computer, 12 MB, in the Hugging Face cache.")
        assert "HF cache" in await see(pilot, "✓ emi/large")
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
        assert time.monotonic() - started < 3


async def test_a_search_leaves_the_rows_that_contain_a_text(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/cached")
        await pilot.press("slash")
        await see(pilot, "Show only bases with")
        await type_text(pilot, "FORGE")
        await pilot.press("enter")
        await see(pilot, "base, with “FORGE”")
        shown = [line.strip() for line in screen_text(pilot)[3:6]]
        assert [line.split(" ")[-1] or line for line in shown[:1]] == ["Forge"]
        assert shown[1].endswith("Type a hub id, a URL or a path …")
        await pilot.press("slash", "ctrl+u", "enter")
        await see(pilot, "emi/cached")


async def test_help_and_plain_text_say_what_is_there(hub: StubHub) -> None:
    async with wizard(profile="emi", mode="model") as pilot:
        await see(pilot, "emi/cached")
        await pilot.press("question_mark")
        await see(pilot, "The base model")
        await pilot.press("escape")
        await pilot.press("y")
        await see(pilot, "Comes with loratui")


def test_the_screen_is_there_before_the_hub_library_is_imported() -> None:
    code = "import sys, loratui.tui.screens.model; sys.exit('huggingface_hub' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
