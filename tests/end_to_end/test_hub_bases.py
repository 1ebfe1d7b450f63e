"""Bases from a hub on loopback: fetched once, by id or as a single file, and used again with the hub gone."""

import json
import os
import subprocess
import sys
from pathlib import Path

from loratui.hub.tokenizer_files import TOKENIZER_REPOSITORIES
from loratui.profile.store import write_profile
from tests.original_layout import write_single_file
from tests.small_dataset import small_profile, write_pictures
from tests.unit.hub.stub_hub import StubHub


def files_of(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def train(profile: Path, tmp_path: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-m", "loratui", "run", str(profile), "--json"],
        cwd=tmp_path,
        env={**clean, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_hub_id_is_fetched_once_and_then_works_offline(tiny_base_directory: Path, tmp_path: Path) -> None:
    profile = small_profile(
        Path("emi/tiny"), write_pictures(tmp_path / "2_disc"), tmp_path / "out", comparison={"enabled": False}
    )
    write_profile(profile, tmp_path / "disc.toml", "disc")
    with StubHub({"emi/tiny": files_of(tiny_base_directory)}) as hub:
        online = train(tmp_path / "disc.toml", tmp_path, hub.endpoint)
        assert online.returncode == 0, online.stdout
    offline = train(tmp_path / "disc.toml", tmp_path, hub.endpoint)
    assert offline.returncode == 0, offline.stdout
    assert Path(json.loads(offline.stdout)["lora"]).name == "disc-v2.safetensors"


def test_a_single_file_takes_clips_tokenizer_from_the_hub(tiny_base_directory: Path, tmp_path: Path) -> None:
    checkpoint = write_single_file(tiny_base_directory, tmp_path / "orange.safetensors")
    configs = tmp_path / "configs"
    for name, content in files_of(tiny_base_directory).items():
        if name.endswith(".json") and not name.startswith("tokenizer/"):
            (configs / name).parent.mkdir(parents=True, exist_ok=True)
            (configs / name).write_bytes(content)
    profile = small_profile(
        Path("emi/mixes/orange.safetensors"),
        write_pictures(tmp_path / "2_disc"),
        tmp_path / "out",
        model={"config": str(configs)},
        comparison={"enabled": False},
    )
    write_profile(profile, tmp_path / "disc.toml", "disc")
    repositories = {
        "emi/mixes": {"orange.safetensors": checkpoint.read_bytes()},
        TOKENIZER_REPOSITORIES[0][0]: files_of(tiny_base_directory / "tokenizer"),
    }
    with StubHub(repositories) as hub:
        online = train(tmp_path / "disc.toml", tmp_path, hub.endpoint)
        assert online.returncode == 0, online.stdout
    offline = train(tmp_path / "disc.toml", tmp_path, hub.endpoint)
    assert offline.returncode == 0, offline.stdout
