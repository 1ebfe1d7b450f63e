"""What becomes of a saved profile's file."""

import pytest

from loratui.errors import ProfileError
from loratui.paths import profiles_directory
from loratui.profile.files import duplicate_profile, free_name, remove_profile, rename_profile, why_not_new
from loratui.profile.schema import Output, Profile
from loratui.profile.store import load_profile, new_profile, profile_path


def test_taken_names_count_up() -> None:
    assert free_name("emi") == "emi"
    new_profile("emi")
    assert free_name("emi") == "emi-2"
    new_profile("emi-2")
    assert free_name("emi") == "emi-3"
    assert free_name("emi-2") == "emi-3"


def test_a_broken_file_takes_its_name_too() -> None:
    profiles_directory().mkdir(parents=True)
    profile_path("emi").symlink_to("gone.toml")
    assert free_name("emi") == "emi-2"
    assert "already" in why_not_new("emi")


@pytest.mark.parametrize("name", ["", ".emi", "a/b", "emi.toml", "x\x1b"])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    new_profile("emi")
    assert why_not_new(name)
    assert "\x1b" not in why_not_new(name)
    for act in (duplicate_profile, rename_profile):
        with pytest.raises(ProfileError):
            act("emi", name)
    assert load_profile("emi") == Profile()


def test_a_copy_has_the_settings_and_an_output_name_of_its_own() -> None:
    new_profile("emi", Profile(output=Output(name="emi")))
    new_profile("cat", Profile(output=Output(name="tiger")))
    duplicate_profile("emi", "emi-2")
    duplicate_profile("cat", "cat-2")
    assert load_profile("emi-2").output.name == ""
    assert load_profile("cat-2").output.name == "tiger"
    assert load_profile("emi").output.name == "emi"


def test_a_rename_keeps_every_letter_of_the_file() -> None:
    new_profile("emi")
    text = "# my own remark\nschema = 2\nbroken ="
    profile_path("emi").write_text(text)
    assert rename_profile("emi", "ema").read_text() == text
    assert not profile_path("emi").exists()


def test_nothing_is_written_over() -> None:
    new_profile("emi", Profile(output=Output(name="a")))
    new_profile("cat", Profile(output=Output(name="b")))
    for act in (duplicate_profile, rename_profile):
        with pytest.raises(ProfileError, match="already"):
            act("emi", "cat")
    assert load_profile("cat").output.name == "b"


def test_what_is_gone_cannot_be_renamed_but_removed_twice() -> None:
    with pytest.raises(ProfileError, match="cannot be renamed"):
        rename_profile("emi", "cat")
    new_profile("emi")
    remove_profile("emi")
    remove_profile("emi")
    assert not profile_path("emi").exists()
