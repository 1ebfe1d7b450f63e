"""The form of step 4, as its tests find it and press its keys."""

from textual.pilot import Pilot

from loratui.tui.widgets.form import RowsForm


def form_of(pilot: Pilot[int]) -> RowsForm:
    """The form, behind whatever dialog is open."""
    return pilot.app.screen_stack[0].query_one(RowsForm)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys, and wait until what they began is drawn."""
    await pilot.press(*keys)
    await pilot.pause()
