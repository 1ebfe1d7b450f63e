import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len
from rich.color import ColorSystem

from loratui.tui.widgets.drawing import Drawing, Request, draw, fitting

CELL = (10, 20)


def two_colours(width: int = 40, height: int = 40) -> Image.Image:
    """A picture that is red above and blue below."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (0, height // 2, width, height))
    return image


def drawn(images: str, columns: int = 20, rows: int = 10, **more: object) -> Drawing:
    return draw(Request(two_colours(), columns, rows, CELL, images, **more))  # type: ignore[arg-type]


def texts(drawing: Drawing) -> list[str]:
    return ["".join(segment.text for segment in line) for line in drawing.lines]


def test_a_square_picture_takes_twice_as_many_columns_as_rows() -> None:
    assert fitting((512, 512), 40, 10, CELL) == (20, 10)
    assert fitting((512, 512), 10, 40, CELL) == (10, 5)


def test_a_picture_keeps_its_proportions_with_other_cells() -> None:
    assert fitting((512, 512), 40, 10, (10, 10)) == (10, 10)


@given(
    st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)),
    st.integers(-1, 400),
    st.integers(-1, 400),
    st.tuples(st.integers(0, 40), st.integers(0, 60)),
)
def test_a_picture_never_takes_more_than_its_room(
    size: tuple[int, int], columns: int, rows: int, cell: tuple[int, int]
) -> None:
    across, down = fitting(size, columns, rows, cell)
    if min(*size, columns, rows, *cell) < 1:
        assert (across, down) == (0, 0)
    else:
        assert 1 <= across <= columns
        assert 1 <= down <= rows


def test_half_blocks_show_two_pixels_a_cell() -> None:
    drawing = drawn("halfcell", columns=4, rows=1)
    (segment,) = drawing.lines[0]
    assert (drawing.columns, drawing.rows) == (2, 1)
    assert segment.text == "▀▀"
    assert segment.style is not None
    assert segment.style.color is not None
    assert segment.style.bgcolor is not None
    assert segment.style.color.triplet == (255, 0, 0)
    assert segment.style.bgcolor.triplet == (0, 0, 255)


def test_every_row_of_half_blocks_is_as_wide_as_the_picture() -> None:
    noise = Image.effect_noise((100, 60), 90).convert("RGB")
    drawing = draw(Request(noise, 33, 20, CELL, "halfcell"))
    assert {cell_len(text) for text in texts(drawing)} == {drawing.columns}
    assert len(drawing.lines) == drawing.rows


def test_sixel_is_sent_over_blank_cells() -> None:
    drawing = drawn("sixel")
    assert drawing.over.startswith("\x1bP")
    assert drawing.over.endswith("\x1b\\")
    assert '"1;1;200;198' in drawing.over  # the last band of six rows is full
    assert set(texts(drawing)) == {" " * 20}


def test_kitty_gets_the_picture_in_pieces_and_cells_that_name_it() -> None:
    noise = Image.effect_noise((200, 200), 90).convert("RGB")
    drawing = draw(Request(noise, 20, 10, CELL, "kitty"))
    messages = re.findall("\x1b_G(.*?)\x1b\\\\", drawing.before)
    assert "".join(f"\x1b_G{message}\x1b\\" for message in messages) == drawing.before
    pieces = [message.split(";")[1] for message in messages[:-1]]
    assert all(len(piece) <= 4096 for piece in pieces)
    assert [message.split(";")[0].endswith("m=1") for message in messages[:-1]] == [True] * (len(pieces) - 1) + [False]
    sent = Image.open(io.BytesIO(base64.b64decode("".join(pieces))))
    assert sent.size == (200, 200)
    number = int(re.search(r"i=(\d+)", messages[0])[1])  # type: ignore[index]
    colour = drawing.lines[0][0].style.color.triplet  # type: ignore[union-attr]
    assert number == colour.red << 16 | colour.green << 8 | colour.blue  # type: ignore[union-attr]
    assert messages[-1] == f"a=p,i={number},c=20,r=10,U=1,q=2"
    assert drawing.after == f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"
    assert {cell_len(text) for text in texts(drawing)} == {20}


def test_with_256_colours_kitty_reads_the_number_that_was_sent() -> None:
    for _ in range(50):
        drawing = drawn("kitty", truecolor=False)
        number = int(re.search(r"i=(\d+)", drawing.before)[1])  # type: ignore[index]
        colour = drawing.lines[0][0].style.color  # type: ignore[union-attr]
        assert colour.downgrade(ColorSystem.EIGHT_BIT).get_ansi_codes() == ("38", "5", str(number))  # type: ignore[union-attr]


def test_tmux_is_asked_to_pass_kitty_messages_on() -> None:
    drawing = drawn("kitty", tmux=True)
    outer = re.findall("\x1bPtmux;(.*?[^\x1b])\x1b\\\\", drawing.before)
    assert all(part.startswith("\x1b\x1b_G") and part.endswith("\x1b\x1b\\") for part in outer)


@pytest.mark.parametrize("images", ["halfcell", "sixel", "kitty"])
def test_no_room_draws_nothing(images: str) -> None:
    assert drawn(images, columns=0) == Drawing()
    assert drawn(images, rows=0) == Drawing()


@pytest.mark.parametrize("images", ["halfcell", "sixel", "kitty"])
def test_one_cell_is_enough(images: str) -> None:
    drawing = drawn(images, columns=1, rows=1)
    assert (drawing.columns, drawing.rows) == (1, 1)


def test_a_picture_that_is_cut_off_says_so(tmp_path: Path) -> None:
    path = tmp_path / "9.png"
    file = io.BytesIO()
    Image.effect_noise((200, 200), 90).save(file, format="png")
    path.write_bytes(file.getvalue()[:2000])
    told = draw(Request(path, 20, 10, CELL, "halfcell")).told
    assert told.startswith("9.png: the picture is damaged or cut short")


def test_what_is_not_there_or_no_picture_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("words")
    for name in ("nowhere.png", "text.png", "."):
        told = draw(Request(tmp_path / name, 20, 10, CELL, "halfcell")).told
        assert told
        assert "\x1b" not in told
        assert "Traceback" not in told


def test_loading_the_encoders_asks_the_terminal_nothing() -> None:
    """In a terminal of its own, which would show the questions."""
    import os
    import pty

    master, slave = pty.openpty()
    code = (
        "from PIL import Image; from loratui.tui.widgets.drawing import Request, draw\n"
        "image = Image.new('RGB', (20, 20))\n"
        "for images in ('sixel', 'kitty', 'halfcell'): assert draw(Request(image, 9, 9, (10, 20), images)).rows\n"
        "print('done')"
    )
    subprocess.run([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, check=True, timeout=60)
    assert os.read(master, 1000) == b"done\r\n"
    os.close(master)
    os.close(slave)
