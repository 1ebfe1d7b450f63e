"""Where loratui keeps its own files."""

from pathlib import Path

import pytest

from loratui.paths import (
    config_directory,
    data_directory,
    profiles_directory,
    runs_directory,
)


def test_everything_lies_below_loratui_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path))
    directories = {config_directory(), data_directory(), profiles_directory(), runs_directory()}
    assert len(directories) == 4
    assert all(directory.is_relative_to(tmp_path) for directory in directories)
    assert profiles_directory().is_relative_to(config_directory())
    assert runs_directory().is_relative_to(data_directory())
    assert list(tmp_path.iterdir()) == []


def test_home_is_expanded_and_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LORATUI_HOME", "~/mine")
    assert runs_directory() == tmp_path / "mine" / "data" / "runs"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LORATUI_HOME", "here")
    assert profiles_directory() == tmp_path / "here" / "config" / "profiles"


def test_without_it_the_users_directories_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    for home in (None, ""):
        monkeypatch.delenv("LORATUI_HOME", raising=False)
        if home is not None:
            monkeypatch.setenv("LORATUI_HOME", home)
        assert config_directory().name == data_directory().name == "loratui"
        assert runs_directory().is_absolute()
