"""Looking again costs little, and says the same as a check before a run."""

import contextlib
import os
import threading
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from loratui.dataset.checks import Examination, check, examine_all
from loratui.dataset.examining import examine_elsewhere
from loratui.dataset.images import Examined
from loratui.dataset.problems import DatasetFault
from loratui.dataset.scan import FoundImage, scan
from loratui.dataset.survey import Question, Survey, Surveyor
from loratui.profile.schema import Dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures with captions, one of them damaged, one without a caption."""
    path = tmp_path / "IMG" / "5_emi_person"
    path.mkdir(parents=True)
    for number in range(1, 7):
        Image.effect_noise((64, 64), number).save(path / f"{number}.png")
        (path / f"{number}.txt").write_text(f"girl, number {number}")
    (path / "5.txt").unlink()
    content = (path / "6.png").read_bytes()
    (path / "6.png").write_bytes(content[: len(content) // 2])
    return path


def question(folder: Path, **settings: object) -> Question:
    return Question(Dataset.model_validate({"path": str(folder), "resolution": 512, **settings}), 2, 3, len)


def told(survey: Survey) -> list[tuple[str, str]]:
    return sorted((problem.code, problem.message) for problem in survey.report.problems)


def test_it_says_what_a_check_says(folder: Path) -> None:
    asked = question(folder, trigger="Emi")
    survey = Surveyor().look(asked)
    assert survey.report == check(asked.section, 2, 3, count_tokens=len)
    assert {problem.code for problem in survey.report.problems} >= {"truncated-image", "missing-caption"}


def test_pictures_are_told_one_by_one(folder: Path) -> None:
    seen: list[tuple[int, str, bool]] = []

    def tell(done: int, image: FoundImage, result: Examination) -> None:
        seen.append((done, image.path.name, isinstance(result, Examined)))

    Surveyor().look(question(folder), tell=tell)
    assert seen == [(number, f"{number}.png", number != 6) for number in range(1, 7)]


def test_only_what_has_changed_is_decoded_again(folder: Path) -> None:
    surveyor, decoded = Surveyor(), list[str]()

    def tell(_: int, image: FoundImage, result: Examination) -> None:
        decoded.append(image.path.name)

    surveyor.look(question(folder))
    first = surveyor.look(question(folder), tell=tell)
    assert decoded == []
    Image.new("RGB", (64, 96)).save(folder / "6.png")
    Image.new("RGB", (64, 96), "red").save(folder / "7.png")
    second = surveyor.look(question(folder), tell=tell)
    assert decoded == ["6.png", "7.png"]
    assert len(second.report.images) == len(first.report.images) + 2


def test_a_look_that_is_broken_off_keeps_what_it_has_decoded(folder: Path) -> None:
    surveyor, decoded = Surveyor(), list[str]()

    def enough(done: int, image: FoundImage, result: Examination) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        surveyor.look(question(folder), tell=enough)
    surveyor.look(question(folder), tell=lambda done, image, result: decoded.append(image.path.name))
    assert decoded == ["4.png", "5.png", "6.png"]


@pytest.mark.parametrize("change", ["written", "made", "emptied", "taken away", "not UTF-8"])
def test_after_an_edit_it_says_what_a_whole_look_says(folder: Path, change: str) -> None:
    asked = question(folder, trigger="Emi")
    surveyor = Surveyor()
    survey = surveyor.look(asked)
    path = folder / ("5.txt" if change == "made" else "2.txt")
    if change == "taken away":
        path.unlink()
    else:
        path.write_bytes({"emptied": b"", "not UTF-8": b"caf\xe9"}.get(change, b"Emi, night\nmore"))
    after = survey.after_edit([path])
    whole = surveyor.look(asked)
    assert after.scan.images == whole.scan.images
    assert told(after) == told(whole)


def test_an_edit_elsewhere_changes_nothing(folder: Path, tmp_path: Path) -> None:
    survey = Surveyor().look(question(folder))
    assert survey.after_edit([tmp_path / "other.txt"]) == survey


def test_nothing_to_look_at_is_a_report_too(tmp_path: Path) -> None:
    survey = Surveyor().look(question(tmp_path / "gone"))
    assert [problem.code for problem in survey.report.stops] == ["no-folder"]
    assert survey.results == ()


def test_a_child_decodes_as_this_process_does(folder: Path) -> None:
    pictures = sorted(folder.glob("*.png"))
    here = examine_all(pictures)
    assert [_plain(result) for result in examine_elsewhere(pictures)] == [_plain(result) for result in here]
    assert examine_elsewhere([]) == ()


def test_a_name_that_is_not_utf8_is_found(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    Image.new("RGB", (8, 8)).save(path, format="PNG")
    assert isinstance(examine_elsewhere([path])[0], Examined)


def test_a_child_that_is_killed_is_followed_by_another(folder: Path) -> None:
    def tell(done: int, result: Examination) -> None:
        if done == 2:
            _kill_children()

    results = examine_elsewhere(sorted(folder.glob("*.png")), tell)
    assert [type(result) for result in results] == [*[Examined] * 5, DatasetFault]


def test_a_picture_that_kills_every_child_is_passed_over(folder: Path) -> None:
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.is_set():
            _kill_children()
            time.sleep(0.001)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        results = examine_elsewhere(sorted(folder.glob("*.png"))[:2])
    finally:
        is_over.set()
        killer.join()
    assert ["breaks down" in str(result) for result in results] == [True, True]


def _kill_children() -> None:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def test_what_is_raised_ends_the_child(folder: Path) -> None:
    def enough(done: int, result: Examination) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine_elsewhere(sorted(folder.glob("*.png")), enough)
    assert psutil.Process().children() == []


def _plain(result: Examination) -> tuple[object, ...]:
    if isinstance(result, DatasetFault):
        return result.code, result.what, result.todo
    return result.sha256, result.width, result.height


def test_what_is_known_to_be_damaged_is_left_out_of_a_scan(folder: Path) -> None:
    asked, surveyor = question(folder), Surveyor()
    found = scan(asked.section)
    assert surveyor.without_damaged(found) == (found, False)
    surveyor.look(asked)
    usable, is_sure = surveyor.without_damaged(found)
    assert [image.path.name for image in usable.images] == [f"{number}.png" for number in range(1, 6)]
    assert is_sure
    Image.new("RGB", (64, 96)).save(folder / "6.png")
    assert surveyor.without_damaged(found) == (found, False)
