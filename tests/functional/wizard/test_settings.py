"""Step 4 by its keys: rows from the schema, saved as typed, presets, search, help, and what a run would take."""

from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from loratui.profile.schema import SECTIONS, Dataset, Profile
from loratui.profile.store import load_profile, new_profile
from loratui.tui.screens.settings import SettingsScreen
from loratui.tui.screens.settings_rows import rows_of
from tests.functional.wizard.settings_form import form_of, press
from tests.small_dataset import small_profile, write_pictures
from tests.wizard import cut_texts, screen_text, see, see_line, session_of, until, wizard


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A saved profile that trains six pictures, twice each, on the demo's base."""
    pictures = write_pictures(tmp_path / "pictures")
    new_profile("emi", small_profile(Path("demo"), pictures, tmp_path / "output"))
    return "emi"


def test_every_field_of_the_schema_is_a_row_exactly_once() -> None:
    names = [f"{section}.{key}" for section, model in SECTIONS.items() for key in model.model_fields]
    rows = [row for row in rows_of(Profile(), "emi") if row.kind != "heading"]
    assert sorted(row.id for row in rows) == sorted(names)
    assert not any(row.changed or row.complaint for row in rows)


async def test_the_seven_basic_fields_come_first_and_the_help_is_below(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        lines = screen_text(pilot)
        labels = ["Base model", "Picture folder", "Output name", "Output folder", "Resolution", "Batch size", "Epochs"]
        assert [line[2:29].strip() for line in lines[4:11]] == labels
        assert "A Hugging Face id" in lines[-5]
        assert cut_texts(pilot) == []


async def test_a_value_is_saved_as_it_is_typed_and_marked(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("training.epochs")
        await press(pilot, "enter", "2", "5")
        assert load_profile(profile).training.epochs == 25
        await press(pilot, "enter")
        assert any("Epochs" in line and "· 25" in line for line in screen_text(pilot))


async def test_a_refused_value_is_not_saved_and_the_rail_says_so(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("training.epochs")
        await press(pilot, "enter", "x", "enter")
        assert load_profile(profile).training.epochs == 2
        assert "Epochs must be a whole number of at least 1, not 'x'." in "\n".join(screen_text(pilot))
        assert session_of(pilot).unmet("settings") == ("Epochs must be a whole number of at least 1, not 'x'.",)
        await press(pilot, "3")
        assert "4 Settings!" in screen_text(pilot)[0]
        assert "Still to do: Epochs must be" in "\n".join(screen_text(pilot))
        await press(pilot, "4")
        assert any("! x" in line for line in screen_text(pilot))
        await press(pilot, "delete")
        assert session_of(pilot).unmet("settings") == ()
        assert load_profile(profile).training.epochs == 10


async def test_the_valid_beginning_of_a_refused_text_is_not_kept(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("training.epochs")
        await press(pilot, "enter", "7")
        assert load_profile(profile).training.epochs == 7
        await press(pilot, "x")
        assert load_profile(profile).training.epochs == 2
        await press(pilot, "enter")
        assert any("! 7x" in line for line in screen_text(pilot))
        assert load_profile(profile).training.epochs == 2
        await press(pilot, "enter", "9", "enter")
        assert load_profile(profile).training.epochs == 9


async def test_fields_that_contradict_each_other_wait_for_each_other(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form = form_of(pilot)
        form.go_to("dataset.bucketing")
        await press(pilot, "space")
        assert "must lie between Smallest bucket side" in "\n".join(screen_text(pilot))
        assert not load_profile(profile).dataset.bucketing
        form.go_to("dataset.min_bucket_reso")
        await press(pilot, "enter", "3", "2", "enter")
        saved = load_profile(profile).dataset
        assert (saved.min_bucket_reso, saved.bucketing) == (32, True)
        assert form.complaints == ()


async def test_delete_gives_the_default_back(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("comparison.strengths")
        await press(pilot, "delete")
        assert load_profile(profile).comparison == load_profile(profile).comparison.model_copy(
            update={"strengths": [0.0, 0.4, 0.7, 0.8, 0.9, 1.0, 1.2]}
        )


async def test_lists_have_one_entry_a_line(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("comparison.prompts")
        await press(pilot, "enter", "enter", *"Emi", "comma", "space", "(", "a", "colon", "1", ")", "escape")
        assert load_profile(profile).comparison.prompts == ["Emi, red disc", "Emi, (a:1)"]
        form_of(pilot).go_to("comparison.seeds")
        await press(pilot, "enter", *"x", "escape")
        assert load_profile(profile).comparison.seeds == [1]
        await until(pilot, lambda: [name for name, _ in form_of(pilot).complaints] == ["Seeds"])


async def test_the_search_filters_rows(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await press(pilot, "slash", *"network_dim", "enter")
        row = form_of(pilot).cursor_row
        assert row is not None
        assert row.id == "network.rank"
        assert await see_line(pilot, "1 found")
        await press(pilot, "escape")
        await see_line(pilot, "Caption length")


async def test_a_preset_shows_what_would_change_before_it_does(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await press(pilot, "P", "down")
        assert isinstance(pilot.app.screen.focused, OptionList)
        await see_line(pilot, "A way of drawing")
        assert "4 → 32" in await see_line(pilot, "Rank")
        assert load_profile(profile).network.rank == 4
        lines = screen_text(pilot)
        assert cut_texts(pilot) == []
        assert any("Enter take" in line for line in lines)
        await press(pilot, "escape")
        assert load_profile(profile).network.rank == 4
        await press(pilot, "P", "down", "enter")
        assert load_profile(profile).network.rank == 32
        await see_line(pilot, "settings changed")


async def test_help_says_default_limits_and_kohyas_name(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("network.rank")
        await press(pilot, "question_mark")
        text = "\n".join(screen_text(pilot))
        for words in (
            "Rank",
            "· before a value says that it is not the default.",
            "Default:  16",
            "a whole number from 1 to 1,024",
            "network.rank",
            "network_dim",
        ):
            assert words in text


async def test_lora_and_dreambooth_are_compared_in_counted_figures(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await see_line(pilot, "steps")
        await press(pilot, "C")
        assert "8.8 million" in await see_line(pilot, "weights trained")
        await see(pilot, "counted in its files", "no figure is known")


async def test_the_live_line_follows_the_settings(profile: str, tmp_path: Path) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        # six pictures, twice each, in batches of three: four steps an epoch
        assert "8 steps" in await see_line(pilot, "LoRA")
        form_of(pilot).go_to("training.epochs")
        await press(pilot, "enter", "5", "enter")
        await see_line(pilot, " 20 steps")
        form_of(pilot).go_to("dataset.path")
        await press(pilot, "delete")
        await see_line(pilot, "no pictures yet")
        form_of(pilot).go_to("model.base")
        assert session_of(pilot).change("model.base", "nonsense") == ""  # as another program may write it
        await see_line(pilot, "The base is not understood")


async def test_the_live_line_counts_as_the_pictures_do(profile: str, tmp_path: Path) -> None:
    content = (tmp_path / "pictures" / "6.png").read_bytes()
    (tmp_path / "pictures" / "6.png").write_bytes(content[: len(content) // 2])
    opened = load_profile(profile)
    opened.training.batch_size = 1
    new_profile(profile, opened, force=True)
    async with wizard(profile=profile, mode="settings") as pilot:
        await see_line(pilot, "up to 24 steps")
        await press(pilot, "3")
        await see_line(pilot, "= 20 steps")
        await press(pilot, "4")
        assert (await see_line(pilot, " 20 steps")).startswith(" 20 steps")


async def test_the_live_line_tells_a_measured_time(profile: str, tmp_path: Path) -> None:
    from loratui.runs.measured import Measurement, cpu_name, remember, shape_of_step

    opened = load_profile(profile)
    opened.accelerate.device = "cpu"
    new_profile(profile, opened, force=True)
    facts = [cpu_name(), "processes 1", "torch.float32", *shape_of_step(opened, "demo", (32, 32))]
    remember(facts, Measurement(1.0, 0.0, 3 << 30))
    async with wizard(profile=profile, mode="settings") as pilot:
        line = await see_line(pilot, "about 12 s")
        assert "8 steps" in line
        assert "CPU 3.0 of" in line


async def test_what_is_typed_stays_when_another_step_is_shown(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("training.epochs")
        await press(pilot, "enter", "x", "ctrl+n")
        assert pilot.app.current_mode == "train"
        await press(pilot, "4")
        assert isinstance(pilot.app.screen, SettingsScreen)
        assert any("! x" in line for line in screen_text(pilot))
        assert not pilot.app.screen.query(Input)


async def test_what_was_refused_in_one_profile_is_not_shown_in_another(profile: str) -> None:
    new_profile("ken", Profile())
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("training.epochs")
        await press(pilot, "enter", "x", "enter")
        session_of(pilot).open("ken")
        await pilot.pause()
        assert form_of(pilot).complaints == ()
        assert any("Epochs" in line and " 10 " in line for line in screen_text(pilot))


async def test_a_disk_that_takes_nothing_is_said_in_the_row(profile: str, loratui_home: Path) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        form_of(pilot).go_to("training.epochs")
        file = loratui_home / "config" / "profiles" / "emi.toml"
        file.unlink()
        file.mkdir()
        await press(pilot, "enter", "7", "enter")
        assert form_of(pilot).complaints[0][0] == "Epochs"


async def test_everything_can_be_copied_as_plain_text(profile: str) -> None:
    async with wizard(profile=profile, mode="settings") as pilot:
        await see_line(pilot, "8 steps")
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        text = screen.plain_text()
        assert text.startswith("up to 8 steps")
        assert "  Rank                        4\n" in text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16)])
async def test_no_line_is_cut_and_every_help_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    new_profile("emi", Profile(dataset=Dataset(path=str(tmp_path))))
    async with wizard(size, profile="emi", mode="settings") as pilot:
        for row in rows_of(Profile(), "emi"):
            if row.kind == "heading":
                continue
            form_of(pilot).go_to(row.id)
            await pilot.pause()
            lines = screen_text(pilot)
            assert cut_texts(pilot) == []
            if size[0] >= 80:
                below = " ".join(line.strip() for line in lines[-5:-2])
                assert row.help in " ".join(below.split()), row.id
