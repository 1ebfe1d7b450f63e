"""The entry point of `loratui` and `python -m loratui`: the wizard at once, or a command that was typed behind it.

Loading the command line and reading its options takes a third of the time to the wizard's first frame.
"""

import os
import sys


def main() -> None:
    """Open the wizard, or run the command line; ends the program."""
    if len(sys.argv) == 1 and os.isatty(0) and os.isatty(1):
        sys.exit(_open_wizard())
    from loratui.cli import main as run_command_line

    run_command_line()


def _open_wizard() -> int:
    try:
        from loratui.tui.start import open_wizard

        return open_wizard()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from loratui.command_line.terminal import Terminal
        from loratui.crash import write_crash_log

        Terminal().refuse(write_crash_log(error))
        return 1


if __name__ == "__main__":
    main()
