"""The wizard behind a real SSH link on the loopback: the link breaks, the run goes on, the next link finds it.

Needs sshd, ssh and ssh-keygen on this computer; a stand-in is the worker.
"""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loratui.runs.directory import list_runs
from loratui.runs.lock import is_alive
from tests.small_project import processes_of, wait_until
from tests.wizard_terminal import WizardTerminal, holding_worker

SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
PROGRAMS = {name: shutil.which(name, path=SEARCHED) for name in ("sshd", "ssh", "ssh-keygen")}
# What sshd starts knows nothing of this process's environment but what the command names.
PASSED_ON = ("HOME", "LORATUI_HOME", "HF_HOME", "HF_HUB_OFFLINE", "PYTHONPATH", "STAND_IN_WORKER", "LANG", "COLORTERM")

pytestmark = pytest.mark.skipif(
    not all(PROGRAMS.values()),
    reason=f"{', '.join(name for name, path in PROGRAMS.items() if not path)} not installed here",
)


@dataclass(frozen=True)
class Link:
    """A way to this computer by SSH: the client's command up to what shall be run."""

    command: tuple[str, ...]


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    """An SSH server of our own, with keys of its own, on a free port of the loopback."""
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "person"):
        subprocess.run(
            [str(PROGRAMS["ssh-keygen"]), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    shutil.copy(folder / "person.pub", folder / "allowed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = (
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nAuthorizedKeysFile {folder / 'allowed'}\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n"
    )
    (folder / "sshd_config").write_text(settings)
    with contextlib.suppress(OSError):
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server run by root locks itself in
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(PROGRAMS["sshd"]), "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log
        )
    try:
        wait_until(lambda: "listening" in (folder / "log").read_text() or server.poll() is not None)
        if server.poll() is not None:
            pytest.skip(f"sshd does not start here: {(folder / 'log').read_text().strip()}")
        options = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={folder / 'known'}", "IdentitiesOnly=yes")
        yield Link(
            (
                *(str(PROGRAMS["ssh"]), "-tt", "-q", "-F", "none", "-p", str(port), "-i", str(folder / "person")),
                *(word for option in options for word in ("-o", option)),
                "127.0.0.1",
            )
        )
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a person with the profile "emi"; its worker holds after its 20th step."""
    with holding_worker(tmp_path) as variables:
        yield variables


def connect(link: Link, folder: Path, variables: dict[str, str]) -> WizardTerminal:
    """A terminal on the near end of a new link, `loratui` on the far end."""
    named = [f"{name}={variables[name]}" for name in PASSED_ON]
    far = f"cd {shlex.quote(str(folder))} && exec env {shlex.join([*named, sys.executable, '-m', 'loratui'])}"
    return WizardTerminal(folder, variables, far, program=link.command)


def test_a_broken_link_leaves_the_run_alone_and_the_next_one_shows_it(
    link: Link, tmp_path: Path, variables: dict[str, str]
) -> None:
    with connect(link, tmp_path, variables) as terminal:
        terminal.wait_to_see("6 in pictures")
        terminal.keys("A")
        terminal.wait_to_see("step 20/60")
        [run] = list_runs(tmp_path / "home" / "data" / "runs")
        workers = {run.lock_path.read_text().strip()}
        # The near end vanishes as it does when a laptop's lid closes: nobody says goodbye.
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.wait()
    assert is_alive(run)
    wait_until(lambda: not wizards(tmp_path))
    assert run.lock_path.read_text().strip() in workers
    with connect(link, tmp_path, variables) as terminal:
        terminal.wait_to_see("step 20/60")
        (tmp_path / "home" / "go").touch()
        terminal.wait_to_see("finished at")
        # Lines that fetch the result are made from the link.
        terminal.keys("6")
        terminal.wait_to_see("<lora:emi:")
        terminal.keys("y")
        terminal.wait_to_see("scp ")
        terminal.keys("escape", "q")
        assert terminal.wait() == 0


def wizards(folder: Path) -> list[int]:
    """The processes of the wizard itself on the far end."""
    found = []
    for pid in processes_of(str(folder / "home")):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[1:3] == [b"-m", b"loratui"]:
                found.append(pid)
    return found
