"""The rail tells the truth about steps that are not in front, and what was left undone is said until it is mended."""

from pathlib import Path

from loratui.tui.session import Session
from tests.small_dataset import write_pictures
from tests.unit.hub.checkpoints import INPAINTING, write_checkpoint
from tests.wizard import screen_text, see, session_of, until, wizard

LACKING = "Still to do: no pictures yet"


def test_a_change_of_what_a_step_judges_makes_its_state_unknown_before_anybody_is_told(profile: str) -> None:
    session = Session()
    session.open(profile)
    for step in ("model", "pictures", "system"):
        session.set_unmet(step, [])
    seen: list[object] = []
    session.on_change = lambda: seen.append(
        (session.unmet("model"), session.unmet("pictures"), session.unmet("system"))
    )
    assert session.change("training.epochs", 3) == ""
    assert session.change("model.clip_skip", 2) == ""
    assert session.change("dataset.flip", True) == ""
    assert seen == [((), (), ()), (None, (), ()), (None, None, ())]


async def test_another_base_is_judged_although_its_step_is_not_in_front(profile: str, tmp_path: Path) -> None:
    usable = write_checkpoint(tmp_path / "usable.safetensors")
    other = write_checkpoint(tmp_path / "other.safetensors", INPAINTING)
    async with wizard(profile=profile, mode="model") as pilot:
        session = session_of(pilot)
        await until(pilot, lambda: session.unmet("model") == ())
        await pilot.press("4")
        session.change("model.base", str(other))
        assert session.unmet("model") is None
        await until(pilot, lambda: session.unmet("model"))
        (lacking,) = session.unmet("model")
        assert lacking.startswith("other is an inpainting model: its UNet takes 9 channels.")
        await see(pilot, "2 Model!")
        session.change("model.base", str(usable))
        await until(pilot, lambda: session.unmet("model") == ())
        # What only the hub can say stays open.
        session.change("model.base", "emi/somewhere")
        await pilot.pause(0.3)
        assert session.unmet("model") is None


async def test_pictures_are_looked_at_again_where_a_change_was_taken_back(profile: str) -> None:
    async with wizard(profile=profile, mode="pictures") as pilot:
        session = session_of(pilot)
        await until(pilot, lambda: session.unmet("pictures") == ())
        await pilot.press("4")
        session.change("dataset.flip", True)
        session.change("dataset.flip", False)
        assert session.unmet("pictures") is None
        await pilot.press("3")
        await until(pilot, lambda: session.unmet("pictures") == ())


async def test_a_refused_plan_marks_the_step_that_mends_it_until_it_is_mended(profile: str, tmp_path: Path) -> None:
    for picture in (tmp_path / "5_emi_person").glob("*.png"):
        picture.write_bytes(b"no picture")
    async with wizard(profile=profile, mode="train") as pilot:
        session = session_of(pilot)
        await until(pilot, lambda: session.unmet("pictures"))
        await see(pilot, "3 Pictures!")
        write_pictures(tmp_path / "5_emi_person")
        await pilot.press("enter")
        await until(pilot, lambda: session.unmet("pictures") == ())


async def test_a_refused_plan_marks_the_base(profile: str, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other.safetensors", INPAINTING)
    async with wizard(profile=profile, mode="train") as pilot:
        session = session_of(pilot)
        session.change("model.base", str(other))
        await until(pilot, lambda: session.unmet("model"))
        assert "inpainting" in str(session.unmet("model"))


async def test_leaving_says_what_is_lacking_on_home_too(profile: str) -> None:
    async with wizard(profile=profile, mode="pictures") as pilot:
        session = session_of(pilot)
        await until(pilot, lambda: session.unmet("pictures") == ())
        session.set_unmet("pictures", ["no pictures yet"])
        await pilot.press("h")
        await until(pilot, lambda: LACKING in screen_text(pilot)[-2])


async def test_what_was_left_undone_is_not_said_any_more_once_it_is_mended(profile: str) -> None:
    async with wizard(profile=profile, mode="pictures") as pilot:
        session = session_of(pilot)
        await until(pilot, lambda: session.unmet("pictures") == ())
        session.set_unmet("pictures", ["no pictures yet"])
        await pilot.press("4")
        await until(pilot, lambda: LACKING in screen_text(pilot)[-2])
        session.set_unmet("pictures", [])
        await pilot.pause()
        assert "Still to do" not in "\n".join(screen_text(pilot))
        session.set_unmet("pictures", ["no pictures yet"])
        await pilot.press("3")
        await until(pilot, lambda: pilot.app.current_mode == "pictures")
        await pilot.press("4")
        await until(pilot, lambda: LACKING in screen_text(pilot)[-2])
        # Other news stay.
        pilot.app.screen.say("Something else.")  # type: ignore[attr-defined]
        session.set_unmet("pictures", [])
        await pilot.pause()
        assert "Something else." in screen_text(pilot)[-2]
