"""Shows or writes accelerate's `default_config.yaml` through accelerate's own classes: a child of the screen's process.

Reads one JSON object from stdin and answers with one on stdout's last line. Importing accelerate takes seconds and
brings torch along, which is why this is a process of its own.
"""

import difflib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from accelerate.commands.config import config_args

from loratui.safe_text import printable
from loratui.whole_files import write_whole


def main() -> int:
    """Answer the one question, and return the exit code."""
    question = json.loads(sys.stdin.read())
    try:
        answer = _answer(question)
    except (OSError, ValueError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        path = printable(config_args.default_yaml_config_file)
        answer = {
            "error": f"accelerate's configuration {path} cannot be used: {printable(reason)}.",
            "todo": "Correct or remove the file, or set HF_HOME to a directory that you can write.",
        }
    print(json.dumps(answer))
    return 0


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    path = Path(config_args.default_yaml_config_file)
    config = config_args.ClusterConfig(**question["values"])
    before = path.read_text(encoding="utf-8") if path.exists() else None
    after = _text(config)
    if question["write"]:
        if before != question["before"]:
            return {
                "error": f"{printable(path)} has been changed meanwhile, and was left as it is.",
                "todo": "Look at the difference again.",
            }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(os.path.realpath(path), after)
    lines = difflib.unified_diff((before or "").splitlines(), after.splitlines(), "now", "then", n=1, lineterm="")
    return {"path": str(path), "before": before, "after": after, "difference": "\n".join(lines)}


def _text(config: Any) -> str:
    """The configuration as accelerate writes it."""
    with tempfile.TemporaryDirectory() as directory:
        draft = Path(directory) / "config.yaml"
        config.to_yaml_file(draft)
        return draft.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
