"""Step 4: names and places that are judged when their field is left, and those that may come to exist."""

from loratui.profile.store import load_profile
from tests.functional.wizard.settings_form import form_of, press
from tests.wizard import screen_text, see_line, until, wizard


async def test_a_base_is_taken_when_its_field_is_left_and_said_by_its_whole_name(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await press(pilot, "enter", "ctrl+u", *"owner/a-base")
        assert load_profile(profile).model.base == "demo"
        assert load_profile(profile).dataset.resolution == 32
        assert "is the base now" not in "\n".join(screen_text(pilot))
        await press(pilot, "enter")
        await see_line(pilot, "owner/a-base is the base now")
        assert load_profile(profile).model.base == "owner/a-base"
        await press(pilot, "down")
        assert "is the base now" not in "\n".join(screen_text(pilot))


async def test_a_base_that_means_nothing_is_refused_at_its_field(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await press(pilot, "enter", "ctrl+u", "minus", "7", "x", "enter")
        await see_line(pilot, "There is no base model -7x.")
        assert load_profile(profile).model.base == "demo"
        assert any("! -7x" in line for line in screen_text(pilot))
        await press(pilot, "enter", "ctrl+u", *"owner/b", "ctrl+n")
        await press(pilot, "4")
        await see_line(pilot, "owner/b")
        assert load_profile(profile).model.base == "owner/b"


async def test_what_does_not_exist_yet_is_taken_with_a_remark(profile: str) -> None:
    remarks = {
        "dataset.path": "There is no such folder yet.",
        "dataset.regularisation_path": "There is no such folder yet.",
        "output.directory": "There is no such folder yet.",
        "model.config": "There is no such folder yet.",
        "model.vae": "This is neither a file, a folder nor a hub id.",
        "accelerate.main_address": "This is no host name or address.",
    }
    async with wizard(profile=profile, mode="settings") as pilot:
        for row, remark in remarks.items():
            form_of(pilot).go_to(row)
            await press(pilot, "enter", "ctrl+u", "minus", "7", "x", "enter")
            shown = form_of(pilot)
            await until(pilot, lambda form=shown, remark=remark: (form.cursor_row.help).startswith(remark))
            section, _, key = row.partition(".")
            assert getattr(getattr(load_profile(profile), section), key) == "-7x"
            assert form_of(pilot).complaints == ()
        form_of(pilot).go_to("accelerate.main_address")
        await press(pilot, "enter", "ctrl+u", *"192.168.1.9", "enter")
        await until(pilot, lambda: "no host name" not in form_of(pilot).cursor_row.help)


async def test_a_base_that_is_being_typed_is_kept_when_the_program_is_left(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await press(pilot, "enter", "ctrl+u", *"owner/c", "ctrl+q")
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert load_profile(profile).model.base == "owner/c"
