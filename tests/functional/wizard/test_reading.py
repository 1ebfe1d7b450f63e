"""A long text to read: its keys stay in sight while it scrolls."""

import pytest
from textual.containers import VerticalScroll

from loratui.tui.dialogs import Pages
from tests.wizard import cut_texts, see, until, wizard


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
@pytest.mark.parametrize("rows", [2, 200])
async def test_the_keys_stay_in_sight(size: tuple[int, int], rows: int) -> None:
    async with wizard(size) as pilot:
        await see(pilot, "Try the demo")
        pilot.app.push_screen(Pages("Title", "\n".join(f"row {row}" for row in range(rows))))
        await see(pilot, "row 0", "Title", "↑↓ scroll   y copy   Esc back")
        await pilot.press("end")
        await see(pilot, f"row {rows - 1}", "Title", "↑↓ scroll   y copy   Esc back")
        pages = pilot.app.screen.query_one(VerticalScroll)
        await until(pilot, lambda: pages.scroll_y == pages.max_scroll_y)
        assert cut_texts(pilot) == []
