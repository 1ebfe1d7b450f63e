"""A lock tells whether its holder lives; the number in its file counts only while it is held."""

import os
from pathlib import Path

from loratui.locks import forget_holder, holder, is_held, take_lock, write_holder


def test_a_lock_is_held_until_the_last_copy_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    descriptor = take_lock(path)
    assert descriptor is not None
    assert is_held(path)
    assert take_lock(path, patience=0) is None
    copy = os.dup(descriptor)
    os.close(descriptor)
    assert is_held(path)
    os.close(copy)
    assert not is_held(path)


def test_a_holders_number_counts_while_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("999999999\n")
    assert holder(path) is None
    descriptor = take_lock(path)
    assert descriptor is not None
    forget_holder(descriptor)
    assert holder(path) is None
    write_holder(descriptor)
    assert holder(path) == os.getpid()
    os.close(descriptor)
    assert path.read_text() == f"{os.getpid()}\n"
    assert holder(path) is None
