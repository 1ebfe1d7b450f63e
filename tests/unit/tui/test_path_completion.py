"""A path is completed as a shell does it, and never with names that a terminal might obey."""

import os
from pathlib import Path

import pytest

from loratui.tui.path_completion import complete_folder, complete_model_file, complete_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which folders, files and hidden ones begin alike; the place that relative paths begin at."""
    for folder in ("pictures", "pictures of Emi", "Data2", "data/emi/IMG", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("picture.txt", "style.SafeTensors", "style.txt"):
        (tmp_path / file).touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_end_in_a_slash_and_files_do_not(home: Path) -> None:
    assert complete_path(f"{home}/pic") == [
        f"{home}/{name}" for name in ("picture.txt", "pictures/", "pictures of Emi/")
    ]
    assert complete_path("pictures ") == ["pictures of Emi/"]
    assert complete_path("~/pictures/") == []


def test_files_are_offered_only_with_the_endings_that_are_asked_for(home: Path) -> None:
    assert complete_folder("~/pic") == ["~/pictures/", "~/pictures of Emi/"]
    assert complete_folder("~/sty") == []
    assert complete_model_file("~/sty") == ["~/style.SafeTensors"]
    assert complete_model_file("~/pic") == ["~/pictures/", "~/pictures of Emi/"]


def test_case_counts_only_where_something_begins_just_like_that(home: Path) -> None:
    assert complete_folder("~/da") == ["~/data/"]
    assert complete_folder("~/DA") == ["~/data/", "~/Data2/"]
    assert complete_folder("~/PICTURES") == ["~/pictures/", "~/pictures of Emi/"]


def test_the_home_and_the_folder_that_one_is_in(home: Path) -> None:
    everything = ["data/", "Data2/", "pictures/", "pictures of Emi/"]
    assert complete_folder("~") == complete_folder("~/") == [f"~/{name}" for name in everything]
    assert complete_folder("") == everything
    assert complete_folder("data/e") == ["data/emi/"]
    assert complete_folder("./d") == ["./data/"]
    assert "/tmp/" in complete_folder("/t")


def test_hidden_ones_are_offered_only_behind_a_dot(home: Path) -> None:
    assert complete_path("~/.") == complete_path("~/.h") == ["~/.hidden/"]
    assert "~/.hidden/" not in complete_path("~/")


def test_numbers_are_in_their_order_and_none_is_left_out(home: Path) -> None:
    for number in range(250):
        (home / "data/emi" / f"epoch {number}").touch()
    found = complete_path("data/emi/epoch ")
    assert found == [f"data/emi/epoch {number}" for number in range(250)]


def test_names_that_a_terminal_might_obey_are_left_out_and_take_no_place(home: Path) -> None:
    for name in ("n\x1b]0;PWN\x07\x1b[31mdir\u202eabc", "night", "n\udce9ctarine"):
        (home / "data" / name).mkdir()
    assert complete_path("data/n") == ["data/night/"]


def test_links_are_what_they_lead_to_and_one_in_a_circle_is_no_folder(home: Path) -> None:
    os.symlink(home / "pictures", home / "data/linked")
    os.symlink(home / "data/round", home / "data/round")
    assert complete_folder("data/") == ["data/emi/", "data/linked/"]
    assert complete_path("data/r") == ["data/round"]


@pytest.mark.parametrize("text", ["/nowhere/x", "~nobody-of-that-name/", "a\0/b", "style.txt/"])
def test_what_cannot_be_read_offers_nothing(home: Path, text: str) -> None:
    assert complete_path(text) == []
