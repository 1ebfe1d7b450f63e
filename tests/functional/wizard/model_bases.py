"""Model and its account driven by keys: a base is named, a token pasted; the hub is a stub."""

from textual.pilot import Pilot

from tests.wizard import paste, read

TOKEN = "hf_laptopTokenThatIsNotReal"
WORK = "hf_workTokenThatIsNotReal"
LARGE = 12_000_000


async def see(pilot: Pilot[int], text: str) -> str:
    """Wait until the text can be read, across the ends of lines too, and return the line that it begins in."""
    lines = await read(pilot, text)
    return next((line.strip() for line in lines if text in line), text)


async def name_base(pilot: Pilot[int], text: str) -> None:
    await see(pilot, "Type a hub id")
    await pilot.press("end", "enter")
    await see(pilot, "Tab complete")
    await paste(pilot, text)
    await pilot.press("enter")
