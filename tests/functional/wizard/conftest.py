"""What tests of several steps begin with: a saved profile, and a person's bases with a hub beside them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from loratui.profile.schema import Profile
from loratui.profile.store import new_profile
from tests.functional.wizard.home_rows import base_and_pictures
from tests.functional.wizard.model_bases import LARGE, TOKEN, WORK
from tests.small_dataset import small_profile, write_pictures
from tests.small_project import processes_of
from tests.stand_in_worker import TRIES, put_in_place
from tests.unit.hub.checkpoints import INPAINTING, diffusers_files, write_checkpoint, write_in_cache
from tests.unit.hub.in_process import use_stub
from tests.unit.hub.stub_hub import StubAccount, StubHub

# Seconds after which a person is not kept waiting, and after which news go by themselves.
_LIMITS = (
    "base_choice._SECONDS_OF_PATIENCE",
    "dialogs.disk_entry._SECONDS_OF_PATIENCE",
    "quitting._SECONDS_TO_LOOK",
    "screens.home_looking._SECONDS_FOR_A_FOLDER",
    "type_ahead._SECONDS_OF_PATIENCE",
    "widgets.completing_field._SECONDS_OF_PATIENCE",
    "widgets.news._SECONDS",
)


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is given up because the machine is busy; disks that do not answer have tests of their own."""
    for limit in _LIMITS:
        monkeypatch.setattr(f"loratui.tui.{limit}", 600.0)


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A saved profile with six pictures."""
    pictures = write_pictures(tmp_path / "5_emi_person")
    new_profile("emi", small_profile(Path("demo"), pictures, tmp_path / "output", output={"name": "emi"}))
    return "emi"


@pytest.fixture
def unsaved(tmp_path: Path) -> Profile:
    """A profile, not saved yet, whose base and pictures are here."""
    return base_and_pictures(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home with bases of three kinds, and a profile on the demo's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("loratui.hub.on_disk._SHARED_PARENTS", ())
    write_in_cache(tmp_path / "hf", "emi/cached", diffusers_files())
    write_checkpoint(tmp_path / "webui_forge" / "models" / "Stable-diffusion" / "counterfeit.safetensors")
    write_checkpoint(tmp_path / "ComfyUI" / "models" / "checkpoints" / "xl.safetensors", INPAINTING)
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


@pytest.fixture(autouse=True)
def no_process_is_left(loratui_home: Path) -> Iterator[None]:
    """Whatever was started for this test ends with it."""
    yield
    for pid in processes_of(str(loratui_home)):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def drawing_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in draws what Try asks for."""
    put_in_place(TRIES, tmp_path / "stand-in", monkeypatch)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
