"""Everything that can be wrong with a dataset is said before training, and only what is usable goes on."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.checks import check
from loratui.dataset.scan import scan
from loratui.profile.schema import Dataset
from tests.unit.dataset.checked_pictures import add, checked, good_pictures, names, only


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six good pictures with captions in `IMG/5_emi_person`."""
    return good_pictures(tmp_path)


def test_a_good_dataset_has_nothing_to_say(folder: Path) -> None:
    report = checked(folder.parent)
    assert report.problems == ()
    assert names(report) == [f"{number}.png" for number in range(1, 7)]
    assert report.scan.images[0].caption == "Emi, girl, number 1"
    assert (report.samples_per_epoch, report.batches_per_epoch, report.buckets) == (30, 15, {(512, 512): 30})
    assert checked(folder).images == report.images


@pytest.mark.parametrize(
    ("path", "code"),
    [("", "no-path"), ("gone", "no-folder"), ("IMG/5_emi_person/1.png", "not-a-folder"), (".", "wrong-level")],
)
def test_a_wrong_folder_stops(folder: Path, tmp_path: Path, path: str, code: str) -> None:
    report = check(Dataset(path=str(tmp_path / path) if path else ""))
    assert [problem.code for problem in report.stops] == [code]
    assert report.images == ()
    assert report.batches_per_epoch == 0


def test_unreadable_pictures_are_left_out_and_named(folder: Path) -> None:
    (folder / "a.png").touch()
    (folder / "b.png").write_text("no picture")
    whole = add(folder, "c.png", "c").read_bytes()
    (folder / "c.png").write_bytes(whole[: len(whole) // 2])
    os.mkfifo(folder / "d.png")
    (folder / "e.png").mkdir()
    (folder / "f.png").symlink_to(folder / "gone.png")
    report = checked(folder)
    assert len(report.images) == 6
    found = {problem.path.name: problem.code for problem in report.problems if problem.path}
    assert found == {
        "a.png": "empty-image",
        "b.png": "unreadable-image",
        "c.png": "truncated-image",
        "d.png": "not-a-file",
        "e.png": "not-a-file",
        "f.png": "broken-link",
    }
    assert {problem.severity for problem in report.problems} == {"warning"}


def test_no_readable_picture_stops(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_text("no picture")
    report = checked(tmp_path)
    assert only(report, "no-readable-image").severity == "stop"
    assert report.problems[0].severity == "stop"


def test_a_missing_caption_falls_back_to_class_tokens_and_trigger(folder: Path) -> None:
    (folder / "2.txt").unlink()
    report = checked(folder, trigger="Emi")
    assert report.scan.images[1].caption == "Emi, emi_person"
    assert report.scan.images[1].caption_path is None
    problem = only(report, "missing-caption")
    assert problem.severity == "warning"
    assert "1 of 6" in problem.message
    assert "2.png" in problem.message
    assert "“Emi, emi_person”" in problem.message


def test_no_captions_at_all_is_a_warning_with_class_tokens_and_a_stop_without(tmp_path: Path) -> None:
    folder = tmp_path / "emi"
    folder.mkdir()
    add(folder, "1.png")
    assert only(checked(folder), "no-captions").severity == "stop"
    report = checked(folder, trigger="Emi")
    assert only(report, "no-captions").severity == "warning"
    assert report.scan.images[0].caption == "Emi"
    folder.rename(tmp_path / "3_emi girl")
    report = checked(tmp_path)
    assert only(report, "no-captions").severity == "warning"
    assert report.scan.images[0].caption == "emi girl"


def test_an_empty_caption_uses_the_class_tokens(folder: Path) -> None:
    (folder / "1.txt").write_text(" \n")
    (folder / "2.txt").write_bytes(b"")
    report = checked(folder)
    assert [problem.code for problem in report.problems] == ["empty-caption", "empty-caption"]
    assert [image.caption for image in report.scan.images[:2]] == ["emi_person", "emi_person"]


def test_a_caption_in_another_encoding_stops_with_its_place(folder: Path) -> None:
    (folder / "1.txt").write_bytes(b"Emi, caf\xe9")
    problem = only(checked(folder), "caption-not-utf8")
    assert problem.severity == "stop"
    assert problem.path == folder / "1.txt"
    assert "line 1, byte 9" in problem.message


def test_captions_are_looked_for_under_three_extensions(folder: Path) -> None:
    (folder / "1.caption").write_text("as .caption")
    (folder / "1.tags").write_text("as .tags")
    (folder / "2.txt").rename(folder / "2.caption")
    (folder / "3.txt").rename(folder / "3.TXT")
    captions = [image.caption for image in scan(Dataset(path=str(folder))).images]
    assert captions[:3] == ["Emi, girl, number 1", "Emi, girl, number 2", "Emi, girl, number 3"]
    captions = [image.caption for image in scan(Dataset(path=str(folder), caption_extension=".tags")).images]
    assert captions[:2] == ["as .tags", "Emi, girl, number 2"]


def test_dots_in_a_name_belong_to_the_stem(tmp_path: Path) -> None:
    add(tmp_path, "v1.5.png")
    (tmp_path / "v1.5.txt").write_text("dotted")
    (tmp_path / "v1.txt").write_text("wrong")
    assert scan(Dataset(path=str(tmp_path))).images[0].caption == "dotted"


def test_control_characters_are_reported_and_never_raw(folder: Path) -> None:
    add(folder, "\x1b[2J.png", "Emi, \x1b]0;owned\x07")
    report = checked(folder)
    assert [problem.code for problem in report.problems] == ["control-characters", "control-characters"]
    assert "\\x1b[2J.png" in report.problems[0].message
    assert "\x1b" not in json.dumps(report.as_json())


def test_a_name_that_is_no_utf8_does_not_break_the_report(folder: Path) -> None:
    raw = os.fsencode(folder) + b"/caf\xe9.png"
    os.rename(os.fsencode(folder / "1.png"), raw)
    report = checked(folder)
    assert len(report.images) == 6
    assert only(report, "control-characters").path == Path(os.fsdecode(raw))


def test_two_pictures_with_one_stem_share_a_caption(folder: Path) -> None:
    add(folder, "1.jpg")
    problem = only(checked(folder), "same-stem")
    assert problem.message == "1.jpg and 1.png share the caption 1.txt."


def test_the_same_bytes_twice_are_noted(folder: Path) -> None:
    (folder / "9.png").write_bytes((folder / "1.png").read_bytes())
    (folder / "9.txt").write_text("Emi again")
    problem = only(checked(folder), "duplicate-image")
    assert problem.severity == "note"
    assert "1.png, 9.png" in problem.message


def test_small_pictures_are_told_to_be_enlarged(folder: Path) -> None:
    Image.new("RGB", (300, 300)).save(folder / "1.png")
    Image.new("RGB", (400, 400)).save(folder / "2.png")
    problem = only(checked(folder), "small-image")
    assert "1.png" in problem.message
    assert "2.png" not in problem.message
    assert checked(folder, bucket_no_upscale=True).problems == ()


def test_moving_pictures_other_formats_and_further_lines_are_told(folder: Path) -> None:
    frames = [Image.new("RGB", (512, 512), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "1.webp", save_all=True, append_images=frames[1:])
    (folder / "1.png").unlink()
    frames[0].save(folder / "x.gif")
    (folder / "2.txt").write_text("Emi\nand more")
    codes = {problem.code: problem.severity for problem in checked(folder).problems}
    assert codes == {"animated-image": "warning", "unsupported-format": "warning", "further-lines": "note"}


def test_long_captions_are_told_when_tokens_can_be_counted(folder: Path) -> None:
    (folder / "1.txt").write_text("Emi " * 80)
    section = Dataset(path=str(folder))
    assert check(section).problems == ()
    report = check(section, count_tokens=lambda caption: len(caption.split()))
    assert only(report, "long-caption").path == folder / "1.txt"


def test_few_pictures_are_noted(tmp_path: Path) -> None:
    add(tmp_path, "1.png", "Emi")
    assert only(checked(tmp_path), "few-images").severity == "note"


def test_sizes_that_contradict_each_other_stop(folder: Path) -> None:
    assert only(checked(folder, resolution=1536), "bucket-range").severity == "stop"


def test_two_thousand_pictures_are_checked_with_progress(tmp_path: Path) -> None:
    for number in range(2000):
        Image.new("RGB", (64, 64), (number % 256, number // 256, 0)).save(tmp_path / f"{number}.bmp")
    calls: list[tuple[int, int]] = []
    start = time.perf_counter()
    report = check(Dataset(path=str(tmp_path), trigger="Emi"), progress=lambda done, of: calls.append((done, of)))
    assert time.perf_counter() - start < 30
    assert len(report.images) == 2000
    assert [image.path.name for image in report.scan.images[9:11]] == ["9.bmp", "10.bmp"]
    assert calls[-1] == (2000, 2000)
    assert len(calls) == 2000
    assert threading.active_count() < 20


def test_a_folder_whose_name_a_profile_refuses_can_be_checked(tmp_path: Path, folder: Path) -> None:
    strange = folder.parent.rename(tmp_path / "\x1b[31m")
    section = Dataset().model_copy(update={"path": str(strange)})
    assert len(check(section).images) == 6
    assert [problem.code for problem in check(section.model_copy(update={"path": "~nobody/x"})).problems] == [
        "no-folder"
    ]


def test_a_picture_that_loses_much_of_itself_is_named_with_its_share(folder: Path) -> None:
    Image.new("RGB", (1500, 200)).save(folder / "wide.png")
    (folder / "wide.txt").write_text("Emi, from far away")
    [problem] = [problem for problem in checked(folder).problems if problem.code == "much-cropped"]
    assert "wide.png" in problem.message
    assert "47%" in problem.message  # 7.5:1 goes into 4:1
    assert problem.severity == "warning"


def test_a_photographs_shape_is_no_matter_in_buckets(folder: Path) -> None:
    Image.new("RGB", (1200, 800)).save(folder / "photo.png")
    (folder / "photo.txt").write_text("Emi, outdoors")
    assert "much-cropped" not in {problem.code for problem in checked(folder).problems}


def test_a_caption_whose_picture_is_called_otherwise_is_noticed(folder: Path) -> None:
    (folder / "lonely.txt").write_text("Emi, lost")
    (folder / "1.caption").write_text("another tool's")
    [problem] = [problem for problem in checked(folder).problems if problem.code == "caption-without-picture"]
    assert "1 caption has no picture: " in problem.message
    assert "lonely.txt" in problem.message
    assert problem.severity == "note"
