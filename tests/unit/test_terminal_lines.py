"""What commands say in a terminal: wrapped at spaces, but never inside what is to be copied."""

import io

from rich.console import Console

from loratui.command_line.terminal import Terminal
from loratui.errors import BaseModelError
from loratui.hub.location import CONVERSION, CONVERT


def test_a_command_to_copy_stays_on_one_line() -> None:
    said = io.StringIO()
    console = Console(file=said, force_terminal=True, width=80, soft_wrap=True, color_system=None)
    Terminal(err=console).refuse(BaseModelError("old.ckpt is a pickled checkpoint.", CONVERT))
    lines = said.getvalue().splitlines()
    assert [line.strip() for line in lines if "torch.load" in line] == [CONVERSION]
    assert all(len(line) <= 80 for line in lines if "torch.load" not in line)
