"""Home stays quick with hundreds of runs, and is there before anything slow is imported."""

import asyncio
import subprocess
import sys
import time

from textual.pilot import Pilot

from loratui.profile.schema import Profile
from loratui.tui.screens.home_list import HomeList
from tests.functional.wizard.home_rows import a_run, save
from tests.wizard import read, wizard


async def seconds_of_keys(pilot: Pilot[int]) -> float:
    """How long a key takes that moves over the list, but for one in twenty; and the program while nothing is typed."""
    waits = []
    for key in ("end", "home", "pagedown", "pageup", *["down"] * 30):
        begun = time.monotonic()
        await pilot.press(key)
        waits.append(time.monotonic() - begun)
        begun = time.monotonic()
        await asyncio.sleep(0)
        waits.append(time.monotonic() - begun)
    return sorted(waits)[int(len(waits) * 0.95)]


async def test_hundreds_of_runs_do_not_hold_up_a_key(unsaved: Profile) -> None:
    save(unsaved)
    many = a_run(unsaved, step=8, end="stopped")
    async with wizard() as pilot:
        await read(pilot, "8/8")
        with_one = await seconds_of_keys(pilot)
    lines = many.events_path.read_text().splitlines(keepends=True)
    for number in range(400):
        copy = many.path.with_name(f"20261101-{number:06d}-emi")
        copy.mkdir()
        for file in (many.profile_path, many.manifest_path, many.origin_path):
            (copy / file.name).write_bytes(file.read_bytes())
        (copy / "events.jsonl").write_text("".join(lines[:3] + lines[3:-1] * 200 + lines[-1:]))
    async with wizard() as pilot:
        while_it_reads = await seconds_of_keys(pilot)
        await read(pilot, "8/8")
        with_hundreds = await seconds_of_keys(pilot)
        # As quick as with one run, whatever else this computer does meanwhile.
        assert max(while_it_reads, with_hundreds) < 0.1 + 4 * with_one
        await pilot.press("end")
        home_list = pilot.app.screen.query_one(HomeList)
        assert home_list.row is not None
        assert home_list.row.id == "run:20261101-000000-emi"


def test_importing_home_loads_nothing_that_reads_profiles_or_pictures() -> None:
    code = (
        "import sys, loratui.tui.screens.home, loratui.tui.app\n"
        "print([name for name in ('pydantic', 'PIL', 'numpy', 'torch', 'loratui.profile', 'loratui.runs', "
        "'loratui.dataset', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
