"""The demo's profile."""

from pathlib import Path

from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import read_profile, write_profile


def test_the_demo_profile_needs_nothing_but_the_package(tmp_path: Path) -> None:
    profile = demo_profile()
    assert profile.model.base == "demo"
    assert (Path(profile.dataset.path) / "5_emi_person").is_dir()
    assert profile.comparison.prompts
    assert Profile.model_validate(profile.model_dump(by_alias=True)) == profile
    write_profile(profile, tmp_path / "demo.toml")
    assert read_profile(tmp_path / "demo.toml") == profile
