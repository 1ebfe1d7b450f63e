"""A stand-in for the worker at the process edge, for tests about processes and not about training.

`environment(folder, body)` gives environment variables under which any `python -m loratui.worker`, at whatever depth,
runs `body` with a real lock and real events instead of torch.
"""

import os
from pathlib import Path

import pytest

_REDIRECTION = """
import importlib.util, os, sys
class Redirection:
    def find_spec(self, name, path=None, target=None):
        if name == "loratui.worker":
            return importlib.util.spec_from_file_location(name, os.environ["STAND_IN_WORKER"])
        return None
sys.meta_path.insert(0, Redirection())
"""
_HEAD = """
import os, signal, sys, time
from pathlib import Path
from loratui.runs.commands import CommandReader, commands_size
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter, next_attempt
from loratui.runs.lock import hold_lock
run, task = RunDirectory(Path(sys.argv[1])), sys.argv[2]
output = Path(run.read_profile().output.directory)
name = run.read_profile().output.name
asked = []
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, frame: asked.append(number))

def train(steps, seconds=0.01, hold_at=0):
    # After step `hold_at` it only listens until the file `go` is there.
    events.write("training", steps=steps, epochs=1, steps_per_epoch=steps, modules=1, parameters=1)
    for step in range(1, steps + 1):
        time.sleep(seconds)
        events.write("step", step=step, epoch=1, loss=1 / step, lr=1e-4, seconds=seconds)
        heed(step)
        while step == hold_at and not go.exists():
            time.sleep(0.01)
            heed(step)

def heed(step):
    for command in commands.read():
        events.write("told", command=command)
        if command == "stop":
            stop(step, 0, command)
    if asked:
        stop(step, int(asked[0]), None)

def stop(step, number, command):
    events.write("stopped", signal=number, step=step, command=command)
    sys.exit(128 + number if number else 0)

def finish():
    output.mkdir(parents=True, exist_ok=True)
    lora = output / (name + ".safetensors")
    lora.write_bytes(b"lora")
    events.write("saved", file=lora, epoch=1, bytes=4)
    events.write("finished", lora=lora, grid=None, steps=1, seconds=1.0, first_loss=1.0, last_loss=0.1)

commands = CommandReader(run.commands_path, commands_size(run.commands_path))
go = Path(os.environ["LORATUI_HOME"]) / "go"
with hold_lock(run), EventWriter(run.events_path, next_attempt(run.events_path)) as events:
    events.write("started", pid=os.getpid(), task=task)
"""
TRAINS = "train(20)\nfinish()"


def environment(folder: Path, body: str = TRAINS) -> dict[str, str]:
    """Environment variables that put `body` in the worker's place, for processes started with them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_REDIRECTION)
    script = folder / "worker.py"
    script.write_text(_HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    root = Path(__file__).parents[1]
    return {**os.environ, "PYTHONPATH": f"{folder}:{root}", "STAND_IN_WORKER": str(script)}


def put_in_place(body: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every worker that this test starts do `body`; `folder` is for its files."""
    for name, value in environment(folder, body).items():
        monkeypatch.setenv(name, value)


# Tries strengths as the real one does, with plain colours for pictures; a prompt with a tag is refused.
TRIES = """
from dataclasses import asdict
from PIL import Image
from loratui.runs.trying import Asked, Wish
asked_for = Asked(run)
while True:
    heed(0)
    asked_for.read()
    request = asked_for.next
    if request is None or (run.path / "hold").exists():
        time.sleep(0.02)
        continue
    if "<lora:" in request.settings.prompts[0]:
        events.write("refused", request=request.id, what="There is no such LoRA.", todo="Add its file.")
        asked_for.is_answered(request)
        continue
    (run.path / "cells").mkdir(exist_ok=True)
    settings = request.settings
    cells = [
        (Wish.of(settings, request.size, prompt=prompt, seed=seed, label=label, base=request.base), strength)
        for label, _ in request.files for prompt in settings.prompts for seed in settings.seeds
        for strength in settings.strengths
    ]
    for place, (row, strength) in enumerate(cells):
        heed(0)
        events.write("drawing", request=request.id, done=place, of=len(cells))
        file = run.path / "cells" / f"{abs(hash(row))}_{strength:g}.png"
        Image.new("RGB", (64, 64), (40, int(120 * abs(strength)) % 256, 90)).save(file)
        events.write("cell", request=request.id, file=file, strength=strength, wish=asdict(row))
    grid = None
    if request.kind == "grid":
        grid = request.directory / (request.stem + "-grid-v2.png")
        Image.new("RGB", (64, 64)).save(grid)
    events.write("done", request=request.id, grid=grid)
    asked_for.is_answered(request)
"""
