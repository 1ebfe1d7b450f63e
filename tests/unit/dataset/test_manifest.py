"""The manifest freezes what is trained and comes back from its file unchanged."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from loratui.dataset.checks import check
from loratui.dataset.manifest import Manifest, freeze, from_json, read_manifest, to_json, write_manifest
from loratui.errors import DatasetError
from loratui.profile.schema import Dataset, Profile


def dataset(root: Path, name: str = "5_emi_person") -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    for number in range(1, 4):
        Image.new("RGB", (512, 300 * number), (number, 0, 0)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"girl, エミ {number}", encoding="utf-8")
    return folder


def frozen(root: Path, **settings: object) -> Manifest:
    profile = Profile(dataset=Dataset.model_validate({"path": str(root), "trigger": "Emi", **settings}))
    return freeze(check(profile.dataset), profile)


def test_it_holds_hashes_captions_repeats_and_places(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    manifest = frozen(tmp_path)
    first = manifest.images[0]
    assert first.sha256 == hashlib.sha256((folder / "1.png").read_bytes()).hexdigest()
    assert (first.path, first.folder) == (str(folder / "1.png"), str(folder))
    assert (first.caption, first.repeats, first.regularisation) == ("Emi, girl, エミ 1", 5, False)
    assert (first.width, first.height, first.placement.bucket) == (512, 300, (640, 384))
    assert (manifest.seed, manifest.keep_tokens, manifest.flip) == (42, 1, False)


def test_it_comes_back_from_json_unchanged(tmp_path: Path) -> None:
    manifest = frozen(dataset(tmp_path))
    text = to_json(manifest)
    assert from_json(text) == manifest
    assert text.isascii()
    assert json.loads(text)["digest"] == manifest.digest


def test_writing_replaces_the_file_as_a_whole(tmp_path: Path) -> None:
    manifest = frozen(dataset(tmp_path / "data"))
    path = tmp_path / "manifest.json"
    path.write_text("old")
    write_manifest(manifest, path)
    assert read_manifest(path) == manifest
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data", "manifest.json"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "digest": "", "images": [{}]}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match="manifest"):
        read_manifest(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_manifest(tmp_path / "gone.json")


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="changed"):
        from_json(to_json(frozen(dataset(tmp_path))).replace("girl", "boy"))


def test_the_digest_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    manifest = frozen(dataset(tmp_path / "a"))
    digest = manifest.digest
    assert frozen(dataset(tmp_path / "b", "9_emi_person")).digest == digest
    assert replace(manifest, seed=7, shuffle=True).digest == digest
    assert replace(manifest, flip=True).digest != digest
    assert replace(manifest, images=manifest.images[::-1]).digest != digest
    assert frozen(tmp_path / "a", trigger="Ami").digest != digest
    assert frozen(tmp_path / "a", resolution=256).digest != digest


def test_a_report_that_stops_is_not_frozen(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    (folder / "1.txt").write_bytes(b"\xff\xff")
    with pytest.raises(DatasetError, match="UTF-8"):
        frozen(folder)
