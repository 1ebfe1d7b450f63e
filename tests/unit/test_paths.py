"""Where loratui keeps its own files."""

from pathlib import Path

import pytest

from loratui.paths import (
    config_directory,
    data_directory,
    profiles_directory,
    runs_directory,
    shown_path,
    shown_paths_in,
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


def test_a_path_is_shown_as_a_person_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for home in ("/home/emi", "/home/emi/"):
        monkeypatch.setenv("HOME", home)
        assert shown_path(Path("/home/emi/data/画像")) == "~/data/画像"
        assert shown_path("/home/emi") == "~"
        assert shown_path("/home/emi2/data") == "/home/emi2/data"
        assert shown_path("/mnt/home/emi/data") == "/mnt/home/emi/data"
        assert shown_path("data") == "data"
        assert shown_path("/home/emi/a\x1b[31m\udce9") == "~/a\\x1b[31m\\udce9"


@pytest.mark.parametrize("home", ["/", ""])
def test_without_a_home_of_its_own_a_path_stays_whole(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    for path in ("/", "/data", "data"):
        assert shown_path(path) == path
        assert shown_paths_in(f"There is no folder {path}.") == f"There is no folder {path}."


def test_the_paths_in_a_sentence_are_shown_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/e.mi")
    assert shown_paths_in("Not /home/e.mi/a, but /home/e.mi/b/c: no.") == "Not ~/a, but ~/b/c: no."
    assert shown_paths_in("What exists of it is /home/e.mi.") == "What exists of it is ~."
    for other in ("/mnt/home/e.mi/a", "/home/e.mi2/a", "/home/exmi/a", "/home/e.mi.old/a"):
        assert shown_paths_in(f"Not {other} either.") == f"Not {other} either."
