"""What several wizards remember at once adds up, and the latest word counts."""

import json
from pathlib import Path

import pytest

from loratui.tui.memory import Memory
from tests.permissions import bound_by_permissions
from tests.together import run_together


def test_a_fact_is_recalled_the_next_time_and_one_of_another_kind_is_not() -> None:
    assert Memory().recall("recent", []) == []
    Memory().remember("recent", ["/a", "/\udcff"])
    assert Memory().recall("recent", []) == ["/a", "/\udcff"]
    assert Memory().recall("recent", "none") == "none"
    assert Memory().recall("recent") == ["/a", "/\udcff"]


def test_two_wizards_keep_each_others_facts() -> None:
    one, other = Memory(), Memory()
    assert (one.recall("theme", ""), other.recall("theme", "")) == ("", "")
    one.remember("theme", "light")
    other.remember("recent", ["/a"])
    one.remember("profile", "emi")
    assert [Memory().recall(key) for key in ("theme", "recent", "profile")] == ["light", ["/a"], "emi"]
    assert one.recall("recent") == ["/a"]


def test_the_latest_word_counts_also_when_it_was_ones_own_before() -> None:
    one, other = Memory(), Memory()
    for theme in ("light", "high contrast"):
        one.remember("theme", "dark")
        other.remember("theme", theme)
        assert one.recall("theme") == theme
    one.remember("theme", "dark")
    assert (Memory().recall("theme"), other.recall("theme")) == ("dark", "dark")


def test_a_fact_that_is_known_already_is_not_written_again(loratui_home: Path) -> None:
    memory = Memory()
    memory.remember("theme", "dark")
    file = loratui_home / "data" / "wizard.json"
    before = file.stat().st_ino
    memory.remember("theme", "dark")
    Memory().remember("theme", "dark")
    assert file.stat().st_ino == before


def test_what_the_disk_does_not_take_is_known_to_the_end_and_kept_once_it_takes_something(loratui_home: Path) -> None:
    data = loratui_home / "data"
    Memory().remember("theme", "dark")
    memory = Memory()
    data.chmod(0o500)
    bound_by_permissions(lambda: memory.remember("profile", "emi"))
    assert (memory.recall("profile"), Memory().recall("profile")) == ("emi", None)
    data.chmod(0o700)
    memory.remember("recent", ["/a"])
    assert [Memory().recall(key) for key in ("theme", "profile", "recent")] == ["dark", "emi", ["/a"]]


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_damaged_memory_is_as_good_as_none(loratui_home: Path, content: str) -> None:
    file = loratui_home / "data" / "wizard.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    memory = Memory()
    assert memory.recall("theme", "dark") == "dark"
    memory.remember("theme", "light")
    assert json.loads(file.read_text()) == {"theme": "light"}


_WIZARD = """
import sys, time
from loratui.tui.memory import Memory
memory = Memory()
memory.recall("theme")
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    memory.remember(f"{sys.argv[1]} {number}", number)
    time.sleep(0.003)
"""


def test_two_processes_keep_each_others_facts() -> None:
    run_together(_WIZARD, [("one",), ("other",)])
    memory = Memory()
    found = [memory.recall(f"{name} {number}") for name in ("one", "other") for number in range(30)]
    assert found == [*range(30), *range(30)]
