"""Folders of pictures for the checks, and what the checks say about them."""

import json
from pathlib import Path

from PIL import Image

from loratui.dataset.checks import Report, check
from loratui.dataset.problems import Problem
from loratui.profile.schema import Dataset
from loratui.safe_text import printable


def good_pictures(root: Path) -> Path:
    """Six good pictures with captions in `IMG/5_emi_person`; returns that folder."""
    path = root / "IMG" / "5_emi_person"
    path.mkdir(parents=True)
    for number in range(1, 7):
        add(path, f"{number}.png", f"Emi, girl, number {number}", (number, 0, 0))
    return path


def add(folder: Path, name: str, caption: str | None = None, colour: tuple[int, int, int] = (9, 9, 9)) -> Path:
    """A picture of one colour, and its caption."""
    path = folder / name
    Image.new("RGB", (512, 512), colour).save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def checked(folder: Path, **settings: object) -> Report:
    """The report about a folder; every problem in it can be shown and names its fix."""
    report = check(Dataset.model_validate({"path": str(folder), **settings}), batch_size=2, epochs=3)
    for problem in report.problems:
        assert problem.message == printable(problem.message)
        assert problem.fix == printable(problem.fix)
        assert problem.message
        assert problem.fix
    json.dumps(report.as_json())
    return report


def only(report: Report, code: str) -> Problem:
    """The one problem of that kind."""
    matching = [problem for problem in report.problems if problem.code == code]
    assert len(matching) == 1, report.problems
    return matching[0]


def names(report: Report) -> list[str]:
    """The pictures that were found."""
    return [image.path.name for image in report.scan.images]
