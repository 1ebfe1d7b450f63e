"""How paths are shown to a person."""

from pathlib import Path

import pytest

from loratui.shown_paths import shown_path, shown_paths_in


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
