"""How step 2 looks, at the smallest size and at a pleasant one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from loratui.profile.store import new_profile
from tests.patient_pilot import driven, patient
from tests.small_dataset import small_profile
from tests.unit.hub.checkpoints import SD2, SDXL, diffusers_files, write_checkpoint, write_in_cache
from tests.unit.hub.in_process import use_endpoint
from tests.wizard import make_wizard, screen_text, see

SIZES = [(80, 24), (120, 40)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bases of every kind, a hub that is not there, nobody signed in."""
    use_endpoint("http://127.0.0.1:9", tmp_path / "hf", monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("loratui.hub.on_disk._SHARED_PARENTS", ())
    write_in_cache(tmp_path / "hf", "stable-diffusion-v1-5/stable-diffusion-v1-5", diffusers_files())
    forge = tmp_path / "webui_forge" / "models" / "Stable-diffusion"
    write_checkpoint(forge / "counterfeit-v3.0.safetensors")
    write_checkpoint(forge / "a name that is longer than anybody would like to read in a list, fp16.safetensors")
    write_checkpoint(forge / "sdxl_base_1.0.safetensors", SDXL)
    write_checkpoint(tmp_path / "ComfyUI" / "models" / "checkpoints" / "二次元モデル.safetensors")
    write_checkpoint(tmp_path / "ComfyUI" / "models" / "checkpoints" / "v2.safetensors", SD2)
    profile = small_profile(Path("demo"), tmp_path / "pictures", tmp_path / "output")
    profile.model.base = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    new_profile("emi", profile)


async def settle(pilot: Pilot[int]) -> None:
    await see(pilot, "in the Hugging Face cache.", "Family SD 1.x.", "nobody is signed in")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii", [False, True])
def test_the_list_of_bases(snap_compare: Callable[..., bool], size: tuple[int, int], ascii: bool) -> None:
    assert snap_compare(make_wizard("emi", "model", ascii=ascii), terminal_size=size, run_before=patient(settle))


@pytest.mark.parametrize("size", SIZES)
def test_the_account(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def open_account(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await pilot.press("at")
        await see(pilot, "Paste a token")

    assert snap_compare(make_wizard("emi", "model"), terminal_size=size, run_before=patient(open_account))


@pytest.mark.parametrize("size", SIZES)
async def test_no_line_is_cut(size: tuple[int, int]) -> None:
    app = make_wizard("emi", "model")
    async with driven(app, size) as pilot:
        await settle(pilot)
        text = screen_text(pilot)
        rows = [line for line in text if line.endswith(("Forge", "ComfyUI", "HF cache", "built in"))]
        assert len(rows) == 7
        assert len({cell_len(line[: line.rindex(" SD")]) for line in rows}) == 1  # wide letters do not shift a column
        for whole in (
            "✓ stable-diffusion-v1-5/stable-diffusion-v1-5 ",
            "HF cache",
            "On this computer, 571 B, in the Hugging Face cache.",
            "Hugging Face: nobody is signed in; only gated and private bases need it.",
        ):
            assert any(whole in line for line in text), whole
