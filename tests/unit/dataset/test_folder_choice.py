"""Any level of a folder is understood: completed as it is typed, and the right one proposed."""

from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.folder_choice import absolute, propose, unquoted


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with `data/emi/IMG/5_emi_person` in it."""
    folder = tmp_path / "home" / "data" / "emi" / "IMG" / "5_emi_person"
    folder.mkdir(parents=True)
    for number in (1, 2, 10):
        Image.new("RGB", (64, 64)).save(folder / f"{number}.png")
    (folder / "1.txt").write_text("Emi")
    (folder / "notes.txt").write_text("no caption")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_right_level_is_usable(home: Path) -> None:
    for text in ("~/data/emi/IMG", "~/data/emi/IMG/5_emi_person"):
        found = propose(text)
        assert found.state == "usable"
        assert (found.pictures, found.captions) == (3, 1)
        assert "3 pictures, 1 caption" in found.what
        assert "5_emi_person 5×" in found.what


def test_too_high_up_proposes_the_right_level(home: Path) -> None:
    for text in ("~/data/emi", "~/data", "~"):
        found = propose(text)
        assert found.state == "wrong"
        assert found.instead == (home / "data/emi/IMG",)
        assert "too high up" in found.what


def test_a_file_proposes_its_folder(home: Path) -> None:
    folder = home / "data/emi/IMG/5_emi_person"
    found = propose(str(folder / "1.png"))
    assert found.state == "wrong"
    assert found.instead == (folder,)
    assert "is not a folder" in found.what


def test_one_of_several_numbered_folders_proposes_all_of_them(home: Path) -> None:
    other = home / "data/emi/IMG/2_emi_closeup"
    other.mkdir()
    Image.new("RGB", (64, 64)).save(other / "1.png")
    found = propose("~/data/emi/IMG/5_emi_person")
    assert found.state == "usable"
    assert found.instead == (home / "data/emi/IMG",)


def test_a_misspelt_folder_proposes_what_is_spelled_alike(home: Path) -> None:
    found = propose("~/dta/emi/IMG")
    assert found.state == "wrong"
    assert found.instead == (home / "data/emi/IMG",)
    assert found.can_be_made


def test_an_empty_folder_may_be_filled_later(home: Path) -> None:
    (home / "empty" / "5_emi").mkdir(parents=True)
    for text in ("~/empty", "~/empty/5_emi"):
        found = propose(text)
        assert found.state == "empty"
        assert found.what.startswith("There are no pictures in ~/empty")


def test_pictures_that_are_all_left_out_are_not_an_empty_folder(home: Path) -> None:
    folder = home / "zero" / "0_emi"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "1.png")
    found = propose("~/zero")
    assert found.state == "wrong"
    assert "below 1" in found.what


def test_a_folder_below_the_home_may_be_given_with_a_tilde(home: Path) -> None:
    assert absolute(" ~/data ") == home / "data"


@pytest.mark.parametrize(
    "pasted", ["'{}/sp ace/it s/'", '"{}/sp ace/it s/" ', r"{}/sp\ ace/it\ s/", " '{}/sp ace/it'' s/'"]
)
def test_a_path_is_read_as_terminals_paste_it(tmp_path: Path, pasted: str) -> None:
    assert unquoted(pasted.format(tmp_path)) == f"{tmp_path}/sp ace/it s/"


def test_what_is_no_quotation_is_read_as_it_is_written(tmp_path: Path) -> None:
    for text in ("", "~/pictures", "/a b", "/it's", "'a' 'b'", "/a\\", "'/a"):
        assert unquoted(text) == text
    (tmp_path / "'really'").mkdir()
    (tmp_path / r"back\slash").mkdir()
    assert unquoted(f"{tmp_path}/'really'") == f"{tmp_path}/'really'"
    assert unquoted(rf"{tmp_path}/back\slash") == rf"{tmp_path}/back\slash"


@pytest.mark.parametrize(("name", "reason"), [("a\x07b", "control characters"), ("a\udcffb", "UTF-8")])
def test_what_no_profile_can_hold_is_wrong_and_never_proposed(home: Path, name: str, reason: str) -> None:
    folder = home / "data/emi/IMG"
    folder.rename(home / "data/emi" / name)
    found = propose(f"~/data/emi/{name}")
    assert found.state == "wrong"
    assert reason in found.what
    assert "\x07" not in found.what
    assert propose("~/data").instead == ()


def test_one_further_folder_is_counted_as_one(home: Path) -> None:
    for number in range(2, 5):
        folder = home / f"data/emi/IMG/{number}_emi"
        folder.mkdir()
        Image.new("RGB", (64, 64)).save(folder / "1.png")
    assert "and 1 more folder)" in propose("~/data/emi/IMG").what


def test_a_path_of_which_nothing_exists_names_no_root() -> None:
    assert propose("/nosuch-folder").todo == "Check the spelling."
