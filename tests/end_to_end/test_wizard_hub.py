"""The real program in a terminal against a hub on loopback: missing, gated, signed in, and a download that is cut."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.profile.store import read_profile, write_profile
from tests.small_dataset import small_profile, write_pictures
from tests.small_project import processes_of
from tests.unit.hub.checkpoints import diffusers_files
from tests.unit.hub.stub_hub import StubAccount, StubHub
from tests.wizard_terminal import WizardTerminal, environment, everything_ends

TOKEN = "hf_laptopTokenThatIsNotReal"
PROFILE = "home/config/profiles/emi.toml"
LARGE = 16_000_000


@pytest.fixture
def hub() -> Iterator[StubHub]:
    repositories = {"emi/large": diffusers_files(large=LARGE)}
    with StubHub(repositories, gated=("emi/large",)) as stub:
        stub.accounts = {TOKEN: StubAccount(may_open=("emi/large",))}
        yield stub


def terminal(folder: Path, hub: StubHub) -> WizardTerminal:
    return WizardTerminal(folder, environment(folder, HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="0"))


def open_model(wizard: WizardTerminal) -> None:
    wizard.wait_to_see("emi")
    wizard.keys("enter")
    wizard.wait_to_see("3 Pictures")
    wizard.keys("2")
    wizard.wait_to_see("Type a hub id")


def test_from_a_gate_to_a_base_that_survives_a_cut_and_the_loss_of_the_terminal(tmp_path: Path, hub: StubHub) -> None:
    pictures = write_pictures(tmp_path / "5_emi_person")
    write_profile(small_profile(Path("demo"), pictures, tmp_path / "out"), tmp_path / PROFILE)
    with everything_ends(tmp_path):
        with terminal(tmp_path, hub) as wizard:
            open_model(wizard)
            # Missing, then gated.
            for base, sentence in (
                ("emi/lagre", "There is no model emi/lagre on the hub, or it is private."),
                ("emi/large", "emi/large is gated: its owner asks everyone to accept conditions first."),
            ):
                wizard.keys("end", "enter")
                wizard.wait_to_see("Another base")
                wizard.type(base)
                wizard.keys("enter")
                wizard.wait_to_see(sentence)
            # A token opens it.
            wizard.keys("@")
            wizard.wait_to_see("Nobody is signed in")
            wizard.keys("down", "enter")
            wizard.wait_to_see("Make one at")
            wizard.type(TOKEN)
            wizard.keys("enter")
            wizard.wait_to_see("Hugging Face: emi, read token laptop.")
            wizard.wait_to_see("16.0 MB to fetch")
            # The connection is cut once, the terminal afterwards.
            hub.slow, hub.cut_after, hub.cuts = 4_000_000, 6_000_000, 1
            wizard.keys("w")
            wizard.wait_to_see("MB of 16.0 MB")
            wizard.wait_until(lambda: hub.ranges, "going on after the cut")
            wizard.hang_up()
            assert TOKEN.encode() not in wizard.sent
        commands = commands_of(tmp_path)
        assert any("loratui.hub.downloading emi/large" in command for command in commands)
        assert not any(TOKEN in command for command in commands)
        with terminal(tmp_path, hub) as wizard:
            open_model(wizard)
            wizard.wait_to_see("On this computer, 16.0 MB, in the Hugging Face cache.")
            wizard.keys("q")
            assert wizard.wait(10) == 0
        assert read_profile(tmp_path / PROFILE).model.base == "emi/large"
        holders = {path.name for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()}
        assert holders == {"token", "stored_tokens"}
        assert f"Bearer {TOKEN}" in hub.authorizations
        assert len([one for one in hub.requests if one.startswith("GET") and "unet/diff" in one]) == 2


def commands_of(folder: Path) -> list[str]:
    """The command lines of all that works for the program's home in `folder`."""
    found = []
    for pid in processes_of(str(folder / "home")):
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended meanwhile
            continue
    return found
