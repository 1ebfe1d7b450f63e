import shlex
from pathlib import Path

import pytest

from loratui.environment.transfer import copy_to_here, login, scp_from_here

AT_HOME = {"SSH_CONNECTION": "192.168.1.5 51000 192.168.1.9 22"}


@pytest.fixture(autouse=True)
def emi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", lambda: "emi")
    monkeypatch.setattr("socket.gethostname", lambda: "gpubox")
    return tmp_path


def test_a_file_in_the_home_is_fetched_by_its_path_there(emi: Path) -> None:
    assert scp_from_here(emi / "output" / "a-grid.png", AT_HOME) == "scp emi@192.168.1.9:output/a-grid.png ."


def test_a_folder_is_fetched_whole_and_another_port_is_named(tmp_path: Path) -> None:
    environ = {"SSH_CONNECTION": "8.8.4.4 51000 9.9.9.9 2222"}
    assert scp_from_here(Path("/"), environ) == "scp -r -P 2222 emi@9.9.9.9:/ ."


@pytest.mark.parametrize(
    ("connection", "host"),
    [
        ("8.8.4.4 51000 10.0.0.9 22", "gpubox"),  # reached through address translation
        ("127.0.0.1 51000 127.0.0.1 22", "gpubox"),  # a tunnel
        ("8.8.4.4 51000 9.9.9.9 22", "9.9.9.9"),
        ("fe80::1%eth0 51000 fe80::2%eth0 22", "fe80::2%eth0"),
        ("UNKNOWN 65535 UNKNOWN 65535", "gpubox"),
        ("nonsense", "gpubox"),
    ],
)
def test_the_host_is_one_that_can_be_reached(connection: str, host: str) -> None:
    found = login({"SSH_CONNECTION": connection})
    assert found is not None
    assert found.host == host


def test_odd_names_stay_one_word_of_the_shell(emi: Path) -> None:
    line = scp_from_here(emi / "my output" / "it's.png", AT_HOME)
    assert shlex.split(line) == ["scp", "emi@192.168.1.9:my output/it's.png", "."]


def test_an_ipv6_address_stands_in_brackets(emi: Path) -> None:
    line = scp_from_here(emi / "a.png", {"SSH_CONNECTION": "2001:db8::1 51000 2001:db8::2 22"})
    assert shlex.split(line)[1] == "emi@[2001:db8::2]:a.png"


def test_pictures_are_brought_by_scp_and_rsync(emi: Path) -> None:
    scp, rsync = copy_to_here(emi / "IMG", {"SSH_CONNECTION": "192.168.1.5 51000 192.168.1.9 2222"}).splitlines()
    assert scp == "scp -r -P 2222 pictures/* emi@192.168.1.9:IMG"
    assert shlex.split(rsync) == ["rsync", "-av", "-e", "ssh -p 2222", "pictures/", "emi@192.168.1.9:IMG"]


def test_without_ssh_the_path_itself_is_told(emi: Path) -> None:
    assert scp_from_here(emi / "a.png", {}) == str(emi / "a.png")
    assert copy_to_here(Path("/data/my IMG"), {}) == "cp -r pictures/. '/data/my IMG'/"
