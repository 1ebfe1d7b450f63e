"""A list shows its cursor while the keys come to it, and only then."""

import pytest

from loratui.tui.screens.home_list import HomeList
from loratui.tui.screens.pictures_list import PictureList
from loratui.tui.screens.system_findings import Findings
from loratui.tui.widgets.changing_lines import ChangingLines
from tests.wizard import see, wizard


@pytest.mark.parametrize(
    ("mode", "kind", "text"),
    [("home", HomeList, "6 in 5_emi"), ("system", Findings, "Enter changes"), ("pictures", PictureList, "no problems")],
)
async def test_a_list_that_is_complete_follows_the_focus(
    profile: str, mode: str, kind: type[ChangingLines], text: str
) -> None:
    async with wizard(profile=profile, mode=mode) as pilot:
        await see(pilot, text)
        shown = pilot.app.screen.query_one(kind)
        drawn = []
        for focused in (None, shown, None):
            pilot.app.screen.set_focus(focused)
            await pilot.pause()
            drawn.append(shown.lines)
        assert drawn[0] == drawn[2] != drawn[1]
