"""Any level that holds pictures is understood; any other is told the right one."""

from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.folders import find_folders, natural_order
from loratui.dataset.problems import DatasetFault
from loratui.dataset.repeats import FolderName, read_folder_name, regularisation_repeats


def fill(folder: Path, count: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        Image.new("RGB", (8, 8)).save(folder / f"{number}.png")
    return folder


def codes(root: Path) -> list[str]:
    return [problem.code for problem in find_folders(root, 7)[2]]


def found(root: Path) -> list[tuple[str, int, str]]:
    return [(folder.path.name, folder.repeats, folder.class_tokens) for folder in find_folders(root, 7)[0]]


@pytest.mark.parametrize(
    ("name", "number", "tokens"),
    [
        ("5_emi_person", 5, "emi_person"),
        ("05_emi", 5, "emi"),
        ("5", 5, ""),
        ("0_emi", 0, "emi"),
        ("-1_emi", -1, "emi"),
        ("emi_5", None, ""),
        ("5 emi", None, ""),
        ("1.5_emi", None, ""),
        ("9" * 250, int("9" * 250), ""),
    ],
)
def test_folder_names_are_read_as_kohya_reads_them(name: str, number: int | None, tokens: str) -> None:
    assert read_folder_name(name) == FolderName(number, tokens)


def test_the_folder_itself_and_the_one_above_give_the_same(tmp_path: Path) -> None:
    fill(tmp_path / "IMG" / "5_emi_person")
    assert found(tmp_path / "IMG" / "5_emi_person") == found(tmp_path / "IMG") == [("5_emi_person", 5, "emi_person")]


def test_a_folder_without_a_number_takes_the_profiles_repeats(tmp_path: Path) -> None:
    fill(tmp_path / "IMG" / "emi")
    assert found(tmp_path / "IMG" / "emi") == found(tmp_path / "IMG") == [("emi", 7, "")]
    assert codes(tmp_path / "IMG") == ["no-number"]


def test_beside_numbered_folders_others_are_left_out_and_named(tmp_path: Path) -> None:
    for name in ("5_emi", "10_emi dress", "masks", "0_bad"):
        fill(tmp_path / name)
    fill(tmp_path)
    assert found(tmp_path) == [("5_emi", 5, "emi"), ("10_emi dress", 10, "emi dress")]
    assert codes(tmp_path) == ["number-below-one", "no-number-left-out", "loose-images"]


def test_only_folders_with_a_number_below_one_is_a_stop(tmp_path: Path) -> None:
    fill(tmp_path / "0_emi")
    with pytest.raises(DatasetFault, match="below 1") as caught:
        find_folders(tmp_path, 5)
    assert caught.value.code == "no-images"
    assert found(tmp_path / "0_emi") == [("0_emi", 7, "emi")]


def test_pictures_inside_a_picture_folder_are_not_searched(tmp_path: Path) -> None:
    fill(tmp_path / "5_emi")
    fill(tmp_path / "5_emi" / "3_old")
    assert found(tmp_path / "5_emi") == [("5_emi", 5, "emi")]
    assert codes(tmp_path / "5_emi") == ["nested-folder"]


def test_one_loose_picture_does_not_hide_the_folders_further_down(tmp_path: Path) -> None:
    fill(tmp_path)
    fill(tmp_path / "a" / "5_emi", 3)
    fill(tmp_path / "b" / "2_emi\x1b", 2)
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    assert [folder.path for folder in find_folders(tmp_path, 7)[0]] == [tmp_path]
    [left_out] = [problem for problem in find_folders(tmp_path, 7)[2] if problem.severity == "warning"]
    assert left_out.code == "nested-folder"
    assert "5 pictures further down are left out: a/5_emi, b/2_emi\\x1b" in left_out.message
    assert str(tmp_path / "a") in left_out.fix


def test_pictures_below_the_numbered_folders_are_missed_too(tmp_path: Path) -> None:
    fill(tmp_path / "5_emi" / "more")
    fill(tmp_path / "5_emi")
    fill(tmp_path / "old" / "3_emi")
    assert codes(tmp_path) == ["nested-folder"]


def test_a_folder_that_is_used_elsewhere_is_not_missed(tmp_path: Path) -> None:
    fill(tmp_path)
    fill(tmp_path / "reg" / "1_girl")
    assert [problem.code for problem in find_folders(tmp_path, 7, elsewhere=tmp_path / "reg")[2]] == ["no-number"]


def test_a_name_too_long_for_the_disk_is_a_folder_that_is_not_there(tmp_path: Path) -> None:
    for name in ("x" * 300, "x" * 300 + "/y", "\udcff", "a\nb", "\x1b[31m"):
        with pytest.raises(DatasetFault) as caught:
            find_folders(tmp_path / name, 5)
        assert caught.value.code == "no-folder"
        assert str(caught.value).count("\n") == 1
        assert "\x1b" not in str(caught.value)


def test_too_high_a_level_names_the_right_one(tmp_path: Path) -> None:
    fill(tmp_path / "project" / "IMG" / "5_emi")
    (tmp_path / "project" / "log").mkdir()
    for root in (tmp_path, tmp_path / "project"):
        with pytest.raises(DatasetFault, match="too high") as caught:
            find_folders(root, 5)
        assert caught.value.code == "wrong-level"
        assert caught.value.todo == f"Give {tmp_path / 'project' / 'IMG'} instead."


def test_no_folder_a_file_and_an_empty_folder_are_told_apart(tmp_path: Path) -> None:
    fill(tmp_path / "5_emi")
    (tmp_path / "empty").mkdir()
    for path, code in [("gone/deep", "no-folder"), ("5_emi/1.png", "not-a-folder"), ("empty", "no-images")]:
        with pytest.raises(DatasetFault) as caught:
            find_folders(tmp_path / path, 5)
        assert caught.value.code == code


def test_a_date_in_front_is_not_taken_for_repeats(tmp_path: Path) -> None:
    fill(tmp_path / "20261122_shoot")
    with pytest.raises(DatasetFault) as caught:
        find_folders(tmp_path, 5)
    assert caught.value.code == "too-many-repeats"


def test_hidden_files_are_ignored_and_extensions_may_be_upper_case(tmp_path: Path) -> None:
    fill(tmp_path / "5_emi", 3)
    (tmp_path / "5_emi" / "._1.png").write_bytes(b"macOS")
    (tmp_path / "5_emi" / "2.png").rename(tmp_path / "5_emi" / "2.PNG")
    fill(tmp_path / ".hidden")
    assert find_folders(tmp_path, 5)[1][0].pictures == ("1.png", "2.PNG", "3.png")


def test_names_are_in_natural_order() -> None:
    names = ["10.png", "a.png", "2.png", "1.png", "A2.png", "a10.png", "02.png", ""]
    assert sorted(names, key=natural_order) == ["", "1.png", "02.png", "2.png", "10.png", "A2.png", "a10.png", "a.png"]


@pytest.mark.parametrize(
    ("training", "repeats", "expected"),
    [
        (10, [1, 1, 1], (4, 3, 3)),
        (10, [2, 2], (5, 5)),
        (3, [1] * 5, (1, 1, 1, 0, 0)),
        (3, [2, 2, 2], (2, 2, 0)),
        (3, [], ()),
        (0, [1], (0,)),
    ],
)
def test_regularisation_is_repeated_to_match(training: int, repeats: list[int], expected: tuple[int, ...]) -> None:
    assert regularisation_repeats(training, repeats) == expected


def kohya_rounds(training: int, repeats: list[int]) -> tuple[int, ...]:
    counts, total, first = [0] * len(repeats), 0, True
    while repeats and total < training:
        for index, own in enumerate(repeats):
            if total >= training:
                break
            counts[index] += own if first else 1
            total += own if first else 1
        first = False
    return tuple(counts)


def test_regularisation_counts_equal_kohyas_rounds() -> None:
    for training in range(1, 40):
        for repeats in ([1], [3, 1], [1, 2, 3], [5, 5], [2] * 7):
            assert regularisation_repeats(training, repeats) == kohya_rounds(training, repeats)
