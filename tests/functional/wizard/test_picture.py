import io
from pathlib import Path

import pytest
from PIL import Image
from textual.app import ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static

from loratui.tui.glyphs import ASCII
from loratui.tui.session import Session
from loratui.tui.type_ahead import TypeAhead
from loratui.tui.widgets.picture import Picture
from tests.patient_pilot import driven
from tests.small_dataset import write_pictures
from tests.wizard import is_drawn, screen_text, until


class Frame(TypeAhead):
    """One picture beside a text, as a screen has it."""

    CSS = "Picture { height: 10; }"

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()

    def compose(self) -> ComposeResult:
        yield Static("above", markup=False)
        yield Picture()


async def until_drawn(pilot: Pilot[int]) -> Picture:
    picture = pilot.app.query_one(Picture)
    await pilot.pause()
    await until(pilot, lambda: is_drawn(picture))
    await pilot.pause()
    return picture


async def test_a_picture_is_drawn_in_the_middle_under_its_caption(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=1)
    async with driven(Frame(), (40, 12)) as pilot:
        pilot.app.query_one(Picture).show(tmp_path / "1.png", "no LoRA")
        await until_drawn(pilot)
        lines = screen_text(pilot)
    assert lines[1].strip() == "no LoRA"
    assert lines[2] == " " * 11 + "▀" * 18
    assert [line.count("▀") for line in lines[2:11]] == [18] * 9


async def test_wide_and_hostile_captions_are_shown_as_text(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=1)
    async with driven(Frame(), (40, 12)) as pilot:
        pilot.app.query_one(Picture).show(tmp_path / "1.png", "絵美 [red]\x1b[31m")
        await until_drawn(pilot)
        assert screen_text(pilot)[1].strip() == "絵美 [red]\\x1b[31m"


async def test_a_cut_off_file_is_a_sentence_in_the_widget(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.effect_noise((200, 200), 90).save(file, format="png")
    (tmp_path / "9.png").write_bytes(file.getvalue()[:2000])
    async with driven(Frame(), (60, 12)) as pilot:
        pilot.app.query_one(Picture).show(tmp_path / "9.png")
        picture = await until_drawn(pilot)
        assert "9.png: the picture is damaged or cut short" in screen_text(pilot)[1]
        picture.show(None)
        await pilot.pause()
        assert screen_text(pilot)[1] == ""


async def test_pictures_that_are_off_show_their_path(tmp_path: Path) -> None:
    async with driven(Frame(), (200, 12)) as pilot:
        pilot.app.session.images = "off"  # type: ignore[attr-defined]
        pilot.app.query_one(Picture).show(tmp_path / "1.png")
        picture = await until_drawn(pilot)
        assert picture.told == f"picture off\n{tmp_path / '1.png'}"
        assert screen_text(pilot)[2].strip() == str(tmp_path / "1.png")


async def test_where_half_blocks_are_double_there_are_none(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=1)
    async with driven(Frame(), (60, 12)) as pilot:
        pilot.app.session.glyphs = ASCII  # type: ignore[attr-defined]
        pilot.app.query_one(Picture).show(tmp_path / "1.png")
        await until_drawn(pilot)
        assert "▀" not in "".join(screen_text(pilot))
        pilot.app.session.images = "sixel"  # type: ignore[attr-defined]
        picture = pilot.app.query_one(Picture)
        picture.reconsider()
        await until_drawn(pilot)
        assert picture.told == ""


async def test_a_picture_fits_anew_when_its_room_changes(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=1)
    async with driven(Frame(), (40, 12)) as pilot:
        pilot.app.query_one(Picture).show(tmp_path / "1.png")
        await until_drawn(pilot)
        await pilot.resize_terminal(12, 12)
        await until_drawn(pilot)
        assert [line.count("▀") for line in screen_text(pilot)[1:8]] == [12] * 6 + [0]


async def test_no_room_at_all_is_no_crash(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=1)
    async with driven(Frame(), (40, 12)) as pilot:
        picture = pilot.app.query_one(Picture)
        for images in ("halfcell", "sixel", "kitty"):
            pilot.app.session.images = images  # type: ignore[attr-defined]
            for width, height in ((0, 0), (0, 5), (5, 0), (1, 1), (2, 1)):
                picture.styles.width, picture.styles.height = width, height
                picture.show(tmp_path / "1.png", "caption")
                await until_drawn(pilot)
        await pilot.resize_terminal(1, 1)
        await until_drawn(pilot)


async def test_a_file_written_anew_is_drawn_anew(tmp_path: Path) -> None:
    path = tmp_path / "preview.png"
    Image.new("RGB", (32, 32), "red").save(path)
    async with driven(Frame(), (40, 12)) as pilot:
        pilot.app.query_one(Picture).show(path)
        await until_drawn(pilot)
        before = pilot.app.export_screenshot()
        Image.new("RGB", (31, 31), "blue").save(path)
        pilot.app.query_one(Picture).show(path)
        await until_drawn(pilot)
        assert pilot.app.export_screenshot() != before


@pytest.mark.parametrize("images", ["halfcell", "kitty"])
async def test_of_pictures_scrolled_past_only_the_latest_are_decoded(tmp_path: Path, images: str) -> None:
    write_pictures(tmp_path, count=6, size=(600, 600))
    drawn = []

    def note(message: Message) -> None:
        if isinstance(message, Picture.Drawn):
            drawn.append(message)

    async with driven(Frame(), (40, 12), message_hook=note) as pilot:
        pilot.app.session.images = images  # type: ignore[attr-defined]
        picture = pilot.app.query_one(Picture)
        for number in range(2000):
            picture.show(tmp_path / f"{number % 6 + 1}.png", f"{number}")
            if not number % 100:
                await pilot.pause()
        await until_drawn(pilot)
        assert 1 < len({id(message) for message in drawn}) < 50
        assert screen_text(pilot)[1].strip() == "1999"
        assert picture.told == ""
