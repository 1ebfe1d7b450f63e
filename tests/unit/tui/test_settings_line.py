"""The live line of Settings, from figures to words."""

from pathlib import Path

import pytest

from loratui.dataset.survey import Question, Surveyor
from loratui.hub.presence import presence
from loratui.profile.schema import Profile
from loratui.runs.base_parameters import OF_FAMILY
from loratui.runs.estimate import Device, Estimate
from loratui.tui.glyphs import ASCII, UNICODE
from loratui.tui.screens.settings_compare import comparison_page
from loratui.tui.screens.settings_estimate import Estimator, Outlook, line_of
from tests.small_dataset import write_pictures

CARD = Device("RTX 2070", 8 << 30)
GB = 1 << 30


def line(estimate: Estimate | None, width: int = 80, device: Device = CARD) -> tuple[str, bool]:
    return line_of(Outlook(Profile(), device, estimate=estimate), width, UNICODE)


def test_everything_that_is_known_is_said() -> None:
    text, too_much = line(Estimate(360, 750.0, 5 * GB, True, 18_900_000, 10))
    assert text == " 360 steps   about 12 min 30 s   VRAM 5.0 of 8.0 GB   LoRA 18.9 MB × 10 files"
    assert not too_much


def test_what_is_not_known_is_said_to_be_not_known() -> None:
    text, _ = line(Estimate(None, None, None, False, 18_900_000, None), 120)
    assert text == " steps: no pictures yet   time: known after the first steps   VRAM, 8.0 GB   LoRA 18.9 MB"
    assert line(None)[1]


def test_a_run_that_is_too_large_for_the_card_is_seen() -> None:
    text, too_much = line(Estimate(360, None, 9 * GB, False, 1, 1))
    assert "VRAM about 9.0 of 8.0 GB" in text
    assert too_much


@pytest.mark.parametrize("seconds", [None, 5.0, 360_000.0])
@pytest.mark.parametrize("steps", [None, 1, 9_999_999])
@pytest.mark.parametrize("memory", [None, 139 * GB])
@pytest.mark.parametrize("name", ["", "NVIDIA H200"])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_it_fits_into_eighty_columns(
    seconds: float | None, steps: int | None, memory: int | None, name: str, glyphs: object
) -> None:
    found = Estimate(steps, seconds, memory, False, 999_000_000, None if steps is None else 100)
    text, _ = line(found, device=Device(name, 140 * GB))
    assert len(text) <= 80
    assert "LoRA 999 MB" in text


def test_pictures_that_come_meanwhile_are_seen_after_forgetting(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    profile = Profile()
    profile.dataset.path = str(folder)
    profile.model.base = "demo"
    estimator = Estimator()
    for count, steps in ((0, None), (4, None)):
        write_pictures(folder, count=count)
        found = estimator.look(profile).estimate
        assert found is not None
        assert found.steps == steps
    estimator.forget()
    found = estimator.look(profile).estimate
    assert found is not None
    assert found.steps == 10 * 4 * 5 // 2


def test_the_comparison_says_where_its_figures_come_from() -> None:
    base = presence(Profile().model.base)
    page = comparison_page(Outlook(Profile(), CARD, base, OF_FAMILY["SD 1.x"]))
    for words in (
        "859.5 million",
        "13.6 MB",
        "2.1 GB",
        "about 3.7 GB",
        "those of SD 1.x",
        "frozen weights take 2 bytes",
    ):
        assert words in page, words
    assert "not known until" in comparison_page(Outlook(Profile(), CARD))


def test_steps_are_those_of_the_readable_pictures_or_said_to_be_the_most(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=6)
    content = (tmp_path / "6.png").read_bytes()
    (tmp_path / "6.png").write_bytes(content[: len(content) // 2])
    profile, surveyor = Profile(), Surveyor()
    profile.dataset.path, profile.model.base = str(tmp_path), "demo"
    estimator = Estimator(surveyor)
    assert line_of(estimator.look(profile), 120, UNICODE)[0].startswith(" up to 150 steps")
    report = surveyor.look(Question(profile.dataset, profile.training.batch_size, profile.training.epochs)).report
    assert line_of(estimator.look(profile), 120, UNICODE)[0].startswith(" 130 steps")
    assert report.batches_per_epoch * profile.training.epochs == 130
    assert line_of(Estimator().look(profile, report.scan), 120, UNICODE)[0].startswith(" 130 steps")
    profile.training.steps = 77
    assert line_of(Estimator().look(profile), 120, UNICODE)[0].startswith(" 77 steps")
