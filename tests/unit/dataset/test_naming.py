"""What a character is called after the folder of its pictures."""

from pathlib import Path

import pytest

from loratui.dataset.naming import name_for
from loratui.profile.fields import why_not_a_name


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("5_emi_person", "emi"),
        ("10_emi girl", "emi"),
        ("5_person", "person"),
        ("5_emi_san_girl", "emi_san"),
        ("emi_person", "emi"),
        ("holiday pictures", "holiday_pictures"),
        ("5_", "lora"),
        ("3_エミ_girl", "エミ"),
        ("2026-11-22 emi", "2026-11-22_emi"),
        ("-rf", "rf"),
        ("...", "lora"),
    ],
)
def test_the_folders_own_name(tmp_path: Path, folder: str, name: str) -> None:
    assert name_for(tmp_path / folder) == name
    assert not why_not_a_name(name)


def test_a_numbered_folder_inside_says_more(tmp_path: Path) -> None:
    (tmp_path / "IMG" / "5_emi_person").mkdir(parents=True)
    assert name_for(tmp_path / "IMG") == "emi"


def test_a_name_stays_short_enough_for_a_file(tmp_path: Path) -> None:
    assert len(name_for(Path("/") / ("絵" * 80)).encode()) <= 100


def test_a_folder_that_is_not_there_has_a_name_all_the_same(tmp_path: Path) -> None:
    assert name_for(tmp_path / "gone" / "emi") == "emi"
