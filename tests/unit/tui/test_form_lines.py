"""How the rows of a form look, and which of them are shown."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from loratui.tui.glyphs import UNICODE
from loratui.tui.widgets.form_lines import VALUE_COLUMN, Row, help_parts, row_parts
from loratui.tui.widgets.form_listing import Listing

ROW = Row("training.epochs", "Epochs", "10", note="10 to 20 for a small set", help="How long.", found_by="max_epochs")


def line(row: Row, width: int = 80, *, at_cursor: bool = False) -> str:
    return "".join(text for text, _ in row_parts(row, width, UNICODE, at_cursor=at_cursor))


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        replace(ROW, value="ü" * 100),
        replace(ROW, value="読書" * 40, kind="path"),
        replace(ROW, value=""),
        replace(ROW, label="読" * 40),
        replace(ROW, kind="heading"),
        replace(ROW, complaint="No."),
    ],
)
@pytest.mark.parametrize("width", [40, 80, 81, 120])
def test_a_line_fills_the_width_and_no_more(row: Row, width: int) -> None:
    assert cell_len(line(row, width)) == width


def test_label_mark_value_and_note_stand_in_columns() -> None:
    text = line(replace(ROW, changed=True), at_cursor=True)
    assert text.startswith("▸ Epochs")
    assert text.index("·") == VALUE_COLUMN - 2
    assert text[VALUE_COLUMN:].split("  ")[0] == "10"
    assert text.rstrip().endswith("10 to 20 for a small set")


def test_a_note_is_shown_whole_or_not_at_all() -> None:
    assert "small set" in line(replace(ROW, value="x" * 22))
    assert "10 to" not in line(replace(ROW, value="x" * 24))


def test_a_path_keeps_its_end_and_a_text_its_beginning() -> None:
    value = "/data/of/Emi" * 9
    assert line(replace(ROW, value=value))[VALUE_COLUMN:].startswith("/data/of/Emi/data/")
    path = line(replace(ROW, value=value, kind="path"))[VALUE_COLUMN:]
    assert path.startswith("…")
    assert path.rstrip().endswith("/data/of/Emi")


def test_escape_codes_from_files_stay_text() -> None:
    assert "\x1b" not in line(replace(ROW, label="\x1b[31m", value="\x1b]0;", note="\x1b"))
    assert all("\x1b" not in text for text, _ in help_parts(replace(ROW, help="\x1b[31m"), 78, 3, UNICODE))


def test_a_complaint_comes_before_the_help_and_what_does_not_fit_is_cut() -> None:
    row = replace(ROW, complaint="Not like that.", help="word " * 60)
    lines = help_parts(row, 40, 3, UNICODE)
    assert lines[0] == ("Not like that.", "complaint")
    assert len(lines) == 3
    assert lines[-1][0].endswith("…")
    assert all(cell_len(text) <= 40 for text, _ in lines)


ROWS = [
    Row("h1", "First", kind="heading"),
    Row("a.rate", "Learning rate", "1e-4"),
    Row("a.vae", "Separate VAE"),
    Row("h2", "Second", kind="heading"),
    Row("b.seed", "Seed", "42", help="generates the same"),
    Row("b.name", "Name", "emi", found_by="output_name"),
]


def shown(listing: Listing) -> list[str]:
    return [row.id for row in listing.shown]


def test_a_search_finds_the_beginnings_of_names_and_drops_empty_headings() -> None:
    listing = Listing(ROWS)
    for query, found in [
        ("rate", ["h1", "a.rate"]),
        ("output", ["h2", "b.name"]),
        ("lea ra", ["h1", "a.rate"]),
        ("42", ["h2", "b.seed"]),
        ("generat", ["h2", "b.seed"]),
        ("nothing of that", []),
    ]:
        listing.query = query
        listing.choose()
        assert shown(listing) == found, query
    assert listing.row is None
    listing.query = ""
    listing.choose()
    assert listing.row == ROWS[1]


def test_the_cursor_passes_over_headings_and_stays_on_its_row() -> None:
    listing = Listing(ROWS)
    listing.move(2)
    assert listing.row == ROWS[4]
    listing.move(-1)
    assert listing.row == ROWS[2]
    listing.move(-99)
    assert listing.row == ROWS[1]
    listing.move(99)
    listing.rows = (ROWS[0], replace(ROWS[1], value="2e-4"), ROWS[5])
    listing.choose()
    assert listing.row == ROWS[5]


@pytest.mark.parametrize("height", [1, 2, 3, 6, 20])
def test_the_cursor_is_always_in_sight(height: int) -> None:
    listing = Listing(ROWS)
    listing.height = height
    for rows in (1, 1, 1, 1, -1, -1, -1, -1, 99, -99):
        listing.move(rows)
        assert listing.top <= listing.cursor < listing.top + height
    assert listing.top == 0 or height == 1


def test_a_refused_text_stays_with_its_complaint() -> None:
    listing = Listing(ROWS)
    listing.refused["b.seed"] = ("x", "No number.")
    listing.choose()
    row = listing.shown[listing.place_of("b.seed")]
    assert (row.value, row.editable_text, row.complaint) == ("x", "x", "No number.")
    listing.put("b.seed", "43")
    listing.choose()
    assert listing.shown[listing.place_of("b.seed")].value == "43"
