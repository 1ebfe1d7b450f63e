"""Bases from the hub: real requests to a stub on the loopback, made by a process of its own.

huggingface_hub reads HF_ENDPOINT and HF_HOME when it is imported, therefore the processes.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from loratui.errors import BaseModelError
from loratui.hub.models import locate
from loratui.hub.room import check_room
from tests.permissions import bound_by_permissions
from tests.unit.hub.checkpoints import sdxl_files
from tests.unit.hub.stub_hub import COMMIT, StubHub

TOKEN = "hf_thisIsNotARealTokenAtAll"
ASK = """
import json, sys
from loratui.errors import BaseModelError
from loratui.hub.models import fetch, locate
answers = []
for base in json.loads(sys.argv[1]):
    reports = []
    try:
        path = fetch(locate(base), report=lambda done, of: reports.append((done, of)))
        answers.append({"path": str(path), "reports": reports})
    except BaseModelError as error:
        answers.append({"what": error.what, "todo": error.todo})
with open(sys.argv[2], "w") as file:
    json.dump(answers, file)
"""


def diffusers_files(weights: str = ".safetensors") -> dict[str, bytes]:
    """A repository in diffusers layout, its weights under the given ending."""
    return {
        "README.md": b"a card",
        "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
        "scheduler/scheduler_config.json": b'{"part": "scheduler"}',
        "tokenizer/vocab.json": b"{}",
        "tokenizer/merges.txt": b"#version",
        "text_encoder/config.json": b'{"part": "text_encoder"}',
        f"text_encoder/model{weights}": b"text encoder " * 500,
        "unet/config.json": b'{"part": "unet"}',
        f"unet/diffusion_pytorch_model{weights}": b"unet " * 900,
        "vae/config.json": b'{"part": "vae"}',
        f"vae/diffusion_pytorch_model{weights}": b"vae " * 300,
        "safety_checker/model.safetensors": b"not wanted",
    }


def half_precision_and_pickles() -> dict[str, bytes]:
    """What old repositories offer beside the plain weights."""
    return {
        "unet/diffusion_pytorch_model.fp16.safetensors": b"not wanted",
        "unet/diffusion_pytorch_model.bin": b"not wanted",
        "vae/diffusion_pytorch_model.fp16.safetensors": b"not wanted",
        "v1-5-pruned.ckpt": b"not wanted",
        "v1-5-pruned.safetensors": b"a whole checkpoint",
    }


REPOSITORIES = {
    "emi/base": {**diffusers_files(), **half_precision_and_pickles()},
    "emi/half": diffusers_files(".fp16.safetensors"),
    "emi/pickled": diffusers_files(".bin"),
    "emi/old": {"sd.ckpt": b"pickle"},
    "emi/single": {"style/emi-mix.safetensors": b"\x02\0\0\0\0\0\0\0{}", "README.md": b""},
    "emi/vae": {
        "config.json": b"{}",
        "diffusion_pytorch_model.safetensors": b"vae",
        "diffusion_pytorch_model.bin": b"",
    },
    "emi/gated": diffusers_files(),
    "emi/empty": {"README.md": b""},
}


@pytest.fixture(scope="module")
def hub() -> Iterator[StubHub]:
    with StubHub(REPOSITORIES, gated=("emi/gated",), unavailable=("emi/broken",)) as stub:
        yield stub


def ask(bases: list[str], home: Path, endpoint: str, **environment: str) -> list[dict[str, Any]]:
    """Fetch each base in one process; what it printed must be nothing."""
    answers = home / "answers.json"
    home.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    clean = {name: value for name, value in clean.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(bases), str(answers)],
        env={**clean, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
        | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert TOKEN not in done.stdout + done.stderr + answers.read_text()
    return json.loads(answers.read_text())


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def closed_endpoint() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_an_sdxl_that_is_here_in_full_precision_is_not_fetched_again_in_half(tmp_path: Path) -> None:
    full = sdxl_files(ending=".safetensors")
    with StubHub({"emi/xl": full}) as hub:
        (first,) = ask(["emi/xl"], tmp_path, hub.endpoint)
        hub.repositories = {"emi/xl": {**full, **sdxl_files()}}
        (second,) = ask(["emi/xl"], tmp_path, hub.endpoint)
        (elsewhere,) = ask(["emi/xl"], tmp_path / "another", hub.endpoint)
    assert files_below(Path(first["path"])) == set(full)
    assert second == {"path": first["path"], "reports": []}
    assert files_below(Path(elsewhere["path"])) == set(sdxl_files())


def test_only_what_is_needed_is_downloaded_and_then_found_without_the_hub(tmp_path: Path) -> None:
    wanted = set(diffusers_files()) - {"README.md", "safety_checker/model.safetensors"}
    url = "emi/single/style/emi-mix.safetensors"
    with StubHub(REPOSITORIES) as hub:
        base, half, single, vae = ask(["emi/base", "emi/half", url, "emi/vae"], tmp_path, hub.endpoint)
        stopped_at = hub.endpoint
    folder = Path(base["path"])
    assert folder.name == COMMIT
    assert files_below(folder) == wanted
    assert (folder / "unet/diffusion_pytorch_model.safetensors").read_bytes() == b"unet " * 900
    assert base["reports"][-1][0] == base["reports"][-1][1] == sum(len(REPOSITORIES["emi/base"][f]) for f in wanted)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in files_below(Path(half["path"]))
    assert Path(single["path"]).read_bytes() == REPOSITORIES["emi/single"]["style/emi-mix.safetensors"]
    assert files_below(Path(vae["path"])) == {"config.json", "diffusion_pytorch_model.safetensors"}

    # The hub is gone, then forbidden: the cache answers.
    paths = [answer["path"] for answer in (base, half, single, vae)]
    without_network = ask(["emi/base", "emi/half", url, "emi/vae"], tmp_path, stopped_at)
    assert [answer.get("path") for answer in without_network] == paths
    forbidden = ask(["emi/base", url, "emi/other"], tmp_path, stopped_at, HF_HUB_OFFLINE="1")
    assert [answer.get("path") for answer in forbidden] == [base["path"], single["path"], None]
    assert "HF_HUB_OFFLINE" in forbidden[2]["what"]

    # A copy that lost a file is not passed off as a model.
    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    (broken,) = ask(["emi/base"], tmp_path, stopped_at)
    assert broken["what"] == "emi/base is not (completely) on this computer, and the hub cannot be reached."


def test_refusals_are_sentences_that_say_what_to_do(hub: StubHub, tmp_path: Path) -> None:
    bases = {
        "emi/gated": ("gated", f"Open {hub.endpoint}/emi/gated"),
        "emi/gated/vae/diffusion_pytorch_model.safetensors": ("gated", "accept them"),
        "emi/missing": ("no model emi/missing", "hf auth login"),
        "runwayml/stable-diffusion-v1-5": ("taken off", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
        "emi/pickled": ("only as pickled files", ".safetensors"),
        "emi/old": ("only pickled files", ".safetensors"),
        "emi/single": ("holds single files", "emi/single/style/emi-mix.safetensors"),
        "emi/empty": ("holds no Stable Diffusion model", "page"),
        "emi/single/style/emi_mix.safetensors": ("has no file style/emi_mix", "emi/single/style/emi-mix.safetensors?"),
        "emi/empty/x.safetensors": ("has no file x.safetensors", "/emi/empty/tree/main"),
        f"{hub.endpoint}/emi/base/tree/v9": ("no revision 'v9'", "tree/main"),
        "emi/broken": ("answered 500", "later"),
    }
    answers = ask(list(bases), tmp_path, hub.endpoint)
    for (base, (what, todo)), answer in zip(bases.items(), answers, strict=True):
        assert what in answer.get("what", ""), (base, answer)
        assert todo in answer["todo"], (base, answer)


def test_without_a_network_and_a_cache_it_says_so(tmp_path: Path) -> None:
    folder, file = ask(["emi/base", "emi/single/style/emi-mix.safetensors"], tmp_path, closed_endpoint())
    assert "the hub cannot be reached" in folder["what"]
    assert "the hub cannot be reached" in file["what"]
    assert "network" in folder["todo"]


def test_a_token_is_used_and_never_repeated(hub: StubHub, tmp_path: Path) -> None:
    missing, gated, base = ask(["emi/missing", "emi/gated", "emi/base"], tmp_path, hub.endpoint, HF_TOKEN=TOKEN)
    assert f"Bearer {TOKEN}" in hub.authorizations
    assert "the account signed in here" in missing["todo"]
    assert "login" not in gated["todo"]
    assert Path(base["path"]).is_dir()
    # A token that HTTP cannot carry is quoted in the library's message, never in ours.
    (broken,) = ask(["emi/missing"], tmp_path / "other", hub.endpoint, HF_TOKEN=TOKEN + "\u2603")
    assert "contains a character that no token has" in broken["what"]
    written = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert written == []


def test_a_cache_that_cannot_be_written_is_named(hub: StubHub, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    (answer,) = bound_by_permissions(lambda: ask(["emi/base"], tmp_path, hub.endpoint, HF_HUB_CACHE=str(closed)))
    assert "cannot be written" in answer["what"]
    assert "HF_HOME" in answer["todo"]


def test_a_cache_below_a_file_is_refused_in_words(hub: StubHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (answer,) = ask(["emi/base"], tmp_path, hub.endpoint, HF_HUB_CACHE=str(tmp_path / "file" / "cache"))
    assert answer["todo"]


def test_a_download_leaves_room_for_what_the_run_will_write_on_the_same_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache" / "hub"))
    base, half = locate("emi/base"), shutil.disk_usage(tmp_path).free // 2
    check_room(base, half - 1_000_000_000, [(tmp_path / "out", 1000), (Path("/proc"), 10 * half)])
    check_room(base, 0, [(tmp_path / "out", 10 * half)])
    with pytest.raises(BaseModelError, match="not enough disk space for emi/base"):
        check_room(base, half, [(tmp_path / "out", half // 2), (tmp_path / "runs", half // 2)])
