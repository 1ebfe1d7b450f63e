"""One table of keys, one meaning a key, and none that a terminal swallows."""

import inspect
import pkgutil
import re
from collections import Counter
from importlib import import_module

import pytest
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widget import Widget

import loratui.tui
from loratui.tui.dialogs.dialog import Dialog
from loratui.tui.frame import StepScreen
from loratui.tui.keys import EVERYWHERE, KEYS

# Taken by terminals (Ctrl+C, D, S, Q, Z), tmux (B), screen (A), other keys (H, I, J, M are theirs), or text fields.
_TAKEN = set("abcdefhijkmqsuvwxz")
# What every list and text understands, and no table needs to say.
_PLAIN = {"up", "down", "pageup", "pagedown", "home", "end", "escape", "enter", "tab", "shift+tab", "left", "right"}


def _classes() -> list[type[Widget]]:
    found: dict[type[Widget], None] = {}
    for module in pkgutil.walk_packages(loratui.tui.__path__, "loratui.tui."):
        for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass):
            if issubclass(kind, Widget) and kind.__module__.startswith("loratui.tui."):
                found[kind] = None
    return list(found)


SCREENS = [kind for kind in _classes() if issubclass(kind, StepScreen) and kind.STEP]


def _bindings(kind: type[Widget]) -> list[Binding]:
    own = kind.__dict__.get("BINDINGS", [])
    return [part for binding in own for part in Binding.make_bindings([binding])]


def test_no_key_has_two_meanings() -> None:
    counted = Counter(key.key for key in KEYS.values())
    assert [key for key, times in counted.items() if times > 1] == []


def test_every_key_reaches_the_program_in_any_terminal() -> None:
    for key in KEYS.values():
        assert not re.fullmatch(r"f\d+", key.key), key
        assert "alt+" not in key.key, key
        assert "shift+" not in key.key, key
        if key.key.startswith("ctrl+"):
            assert key.key.removeprefix("ctrl+") not in _TAKEN, key


def test_there_is_a_screen_for_every_step_and_home() -> None:
    assert {screen.STEP for screen in SCREENS} == {"home", "system", "model", "pictures", "settings", "train", "try"}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.STEP)
def test_every_key_of_a_screen_stands_in_the_table_and_does_something(screen: type[StepScreen]) -> None:
    names = [entry.partition(":")[0] for entry in (*screen.KEYS, *EVERYWHERE)]
    assert [name for name in names if name not in KEYS] == []
    assert [name for name in names if not hasattr(screen, f"action_{name}")] == []


@pytest.mark.parametrize("kind", _classes(), ids=lambda kind: kind.__name__)
def test_bindings_outside_the_table_have_an_id_and_only_plain_keys_or_the_tables_own(kind: type[Widget]) -> None:
    meanings = {key.key: key.id for key in KEYS.values()}
    for binding in _bindings(kind):
        assert binding.id, f"{kind.__name__}: {binding.key} has no id"
        if issubclass(kind, StepScreen):
            assert meanings.get(binding.key) == binding.id, f"{kind.__name__}: {binding.key} is not from the table"
        elif binding.key not in _PLAIN and not binding.key.startswith("ctrl+"):
            last = binding.id.rpartition(".")[2]
            assert meanings.get(binding.key) == last, f"{kind.__name__}: {binding.key} means something else elsewhere"


def test_dialogs_are_left_by_escape() -> None:
    for kind in _classes():
        if issubclass(kind, ModalScreen) and kind is not Dialog:
            inherited = [binding for base in kind.__mro__ if issubclass(base, Widget) for binding in _bindings(base)]
            assert any(binding.key == "escape" for binding in inherited), kind
