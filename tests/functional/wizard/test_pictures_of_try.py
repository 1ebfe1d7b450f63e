"""Try as it looks, at both sizes."""

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from loratui.paths import runs_directory
from loratui.profile.store import new_profile, profile_path
from loratui.runs.directory import RunDirectory
from loratui.runs.keeping import keep_strength
from loratui.runs.tried_files import compared_cells, files_to_try
from loratui.tui.widgets.picture import Picture
from tests.patient_pilot import patient
from tests.tried_run import compared_run
from tests.wizard import is_drawn, make_wizard, until

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A compared run of the profile emi in a home of its own, reached by SSH."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", lambda: "emi")
    monkeypatch.setenv("SSH_CONNECTION", "192.168.1.5 51000 192.168.1.9 22")
    made = compared_run(tmp_path / "lora", runs_directory(), prompt="Emi, girl, 笑顔, smiling, night")
    new_profile("emi", made.read_profile())
    made.origin_path.write_text(json.dumps({"profile": str(profile_path("emi"))}))
    cells = compared_cells(made)
    keep_strength(made, files_to_try(made)[0], 0.8, next(iter(cells.values())))
    return made


async def settled(pilot: Pilot[int]) -> None:
    """Wait until the run is read and its pictures are drawn."""
    screen = pilot.app.screen_stack[0]

    def is_there() -> bool:
        shown = [picture for picture in screen.query(Picture) if picture.size.width]
        has_tag = bool(screen.query_one("#try-tag", Static).content)
        return has_tag and len(shown) > 0 and all(picture._wanted and is_drawn(picture) for picture in shown)

    await until(pilot, is_there)


def showing(run: RunDirectory, *keys: str) -> Any:
    async def before(pilot: Pilot[int]) -> None:
        pilot.app.session.show_run(run)  # type: ignore[attr-defined]
        await settled(pilot)
        await pilot.press(*keys)
        await settled(pilot)

    return patient(before)


@BOTH_SIZES
def test_try(snap_compare: Any, run: RunDirectory, size: tuple[int, int]) -> None:
    assert snap_compare(make_wizard("emi", "try"), terminal_size=size, run_before=showing(run))


def test_try_in_light(snap_compare: Any, run: RunDirectory) -> None:
    app = make_wizard("emi", "try", theme="light")
    assert snap_compare(app, terminal_size=(80, 24), run_before=showing(run, "right", "space"))


def test_the_saved_epochs(snap_compare: Any, run: RunDirectory) -> None:
    assert snap_compare(make_wizard("emi", "try"), terminal_size=(80, 24), run_before=showing(run, "e"))


def test_other_loras_and_bases(snap_compare: Any, run: RunDirectory) -> None:
    assert snap_compare(make_wizard("emi", "try"), terminal_size=(80, 24), run_before=showing(run, "O"))
