"""The wizard as a program whose disk can be made to answer no more, as a network disk does whose server is gone."""

import sys
from pathlib import Path

_PROGRAM = """
import os, sys, time

MOUNT, MARK, NAMES = {mount!r}, {mark!r}, {names!r}
stat = os.stat

def may_not_answer(function):
    def call(path, *more, **named):
        if not isinstance(path, int) and os.fsdecode(path).startswith(MOUNT):
            while True:
                try:
                    stat(MARK)
                except FileNotFoundError:
                    break
                time.sleep(0.05)
        return function(path, *more, **named)
    return call

for name in NAMES:
    setattr(os, name, may_not_answer(getattr(os, name)))
sys.argv = ["loratui"]
from loratui.__main__ import main
sys.exit(main())
"""
EVERYTHING = ("stat", "lstat", "scandir", "listdir", "open", "access", "readlink", "mkdir")
WRITING = ("replace", "rename")


class DeadDisk:
    """A folder that answers until `die` is called.

    Attributes:
        mount: The folder.
        program: What to start instead of `loratui`.
    """

    def __init__(self, folder: Path, *, names: tuple[str, ...] = EVERYTHING) -> None:
        self.mount = folder / "mount"
        self.mount.mkdir()
        self._mark = folder / "the disk is dead"
        script = folder / "wizard_on_a_dead_disk.py"
        script.write_text(_PROGRAM.format(mount=str(self.mount), mark=str(self._mark), names=names))
        self.program = (sys.executable, str(script))

    def die(self) -> None:
        """From now on whoever asks for something below the folder waits."""
        self._mark.touch()

    def live(self) -> None:
        """Answer again."""
        self._mark.unlink()
