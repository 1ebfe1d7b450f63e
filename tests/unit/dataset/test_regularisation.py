"""Regularisation pictures: balanced with the others, without the trigger, and never more than are used."""

from pathlib import Path

import pytest

from tests.unit.dataset.checked_pictures import add, checked, good_pictures, only


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six good pictures with captions in `IMG/5_emi_person`."""
    return good_pictures(tmp_path)


def test_regularisation_is_balanced_and_gets_no_trigger(folder: Path, tmp_path: Path) -> None:
    others = tmp_path / "REG" / "1_girl"
    others.mkdir(parents=True)
    for number in range(4):
        add(others, f"{number}.png", colour=(0, 9, number))
    report = checked(folder, regularisation_path=str(tmp_path / "REG"), trigger="Emi")
    balanced = [image for image in report.images if image.found.folder.regularisation]
    assert [image.repeats for image in balanced] == [8, 8, 7, 7]
    assert {image.found.caption for image in balanced} == {"girl"}
    assert report.samples_per_epoch == 60
    assert only(report, "no-captions").severity == "note"


def test_surplus_regularisation_is_left_out(folder: Path, tmp_path: Path) -> None:
    others = tmp_path / "REG" / "40_girl"
    others.mkdir(parents=True)
    for number in range(2):
        add(others, f"{number}.png", "girl", (0, 9, number))
    report = checked(folder, regularisation_path=str(others))
    assert len(report.images) == 7
    assert only(report, "regularisation-unused").severity == "note"


def test_a_missing_regularisation_folder_stops(folder: Path, tmp_path: Path) -> None:
    assert only(checked(folder, regularisation_path=str(tmp_path / "gone")), "no-folder").severity == "stop"


def test_regularisation_pictures_below_the_others_are_not_called_left_out(folder: Path) -> None:
    deeper = folder / "others" / "1_girl"
    deeper.mkdir(parents=True)
    add(deeper, "1.png", "girl", (1, 2, 3))
    assert only(checked(folder), "nested-folder").severity == "warning"
    report = checked(folder, regularisation_path=str(deeper.parent))
    assert "nested-folder" not in [problem.code for problem in report.problems]
