"""Lines to type on the person's own computer that carry files over the SSH connection they are logged in by.

Only writes text; knows nothing of what is carried, and runs nothing.
"""

import contextlib
import getpass
import ipaddress
import os
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Login:
    """How this computer was reached: what goes in front of a path, and the port where it is not 22."""

    user: str
    host: str
    port: int

    def place(self, path: Path) -> str:
        """`user@host:path`, quoted for a shell; relative to the home where it lies there, as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return shlex.quote(f"{self.user}@{host}:{_from_home(path)}")


def login(environ: Mapping[str, str] | None = None) -> Login | None:
    """Who is logged in here by SSH, and how; None on a computer's own screen.

    The address is the one the connection reached. Where that cannot be one the person typed (a private address reached
    from a public one, or a tunnel's end), the host's name stands in for it.
    """
    environ = os.environ if environ is None else environ
    words = environ.get("SSH_CONNECTION", "").split()
    if not words:
        return None
    host, port = socket.gethostname(), 22
    with contextlib.suppress(ValueError):
        client, _, server, number = words
        port = int(number)
        came_from, reached = (ipaddress.ip_address(address.partition("%")[0]) for address in (client, server))
        if not reached.is_loopback and (not reached.is_private or came_from.is_private):
            host = server
    return Login(_user(), host, port)


def scp_from_here(path: Path, environ: Mapping[str, str] | None = None) -> str:
    """The line that fetches a file or a folder from here; without SSH just where it lies."""
    reached = login(environ)
    if reached is None:
        return str(path)
    options = ["-r"] if path.is_dir() else []
    options += ["-P", str(reached.port)] if reached.port != 22 else []
    return " ".join(["scp", *options, reached.place(path), "."])


def copy_to_here(folder: Path, environ: Mapping[str, str] | None = None) -> str:
    """The lines that bring a folder of pictures here, by scp and by rsync; without SSH the copy to make.

    The pictures are taken to be in the folder `pictures` on the person's computer.
    """
    reached = login(environ)
    if reached is None:
        return f"cp -r pictures/. {shlex.quote(str(folder))}/"
    elsewhere = reached.port != 22
    scp = " ".join(
        ["scp", "-r", *(["-P", str(reached.port)] if elsewhere else []), "pictures/*", reached.place(folder)]
    )
    shell = ["-e", shlex.quote(f"ssh -p {reached.port}")] if elsewhere else []
    rsync = " ".join(["rsync", "-av", *shell, "pictures/", reached.place(folder)])
    return f"{scp}\n{rsync}"


def _from_home(path: Path) -> str:
    path = path.expanduser().absolute()
    with contextlib.suppress(ValueError, RuntimeError):
        return str(path.relative_to(Path.home()))
    return str(path)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return str(os.getuid())
