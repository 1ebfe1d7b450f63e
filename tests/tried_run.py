"""A run whose training is over, as far as trying strengths can tell: its events, and LoRA files that fit a base."""

from pathlib import Path

from PIL import Image

from loratui.generation.combination import NamedLora, Scene
from loratui.generation.comparison_files import CELLS, BaseFacts, Cell, Row, publish_comparison
from loratui.runs.directory import RunDirectory
from loratui.runs.events import EventWriter
from tests.small_dataset import new_run, small_profile, write_pictures

SAMPLES = Path(__file__).parents[1] / "sample_dataset" / "5_emi_person"


def finished_run(base: Path, folder: Path, root: Path, *, steps: int = 2, random_loras: bool = True) -> RunDirectory:
    """Make a run with the finished file of epoch 2 and one of epoch 1, which has the lower validation loss."""
    profile = small_profile(
        base,
        write_pictures(folder / "pictures"),
        folder / "out",
        comparison={"strengths": [0.0, 0.5, 0.8, 1.0], "steps": steps},
    )
    profile.accelerate.device = "cpu"
    run = new_run(profile, root)
    files = {1: folder / "out" / "disc-000001.safetensors", 2: folder / "out" / "disc.safetensors"}
    (folder / "out").mkdir()
    for epoch, path in files.items():
        if random_loras:
            write_random_lora(base, path, seed=epoch)
        else:
            path.write_bytes(b"lora")
    with EventWriter(run.events_path) as events:
        events.write("started", task="train", pid=1)
        for epoch, path in files.items():
            events.write("saved", file=path, epoch=epoch, step=4 * epoch, partial=False)
            events.write("validation", epoch=epoch, loss=0.1 * epoch)
        events.write("trained", lora=files[2], epoch_files={str(epoch): str(path) for epoch, path in files.items()})
        events.write("finished", lora=files[2], grid=None, steps=8, seconds=1.0)
    return run


def write_random_lora(base: Path, path: Path, *, seed: int) -> None:
    """Write a LoRA of the attention layers of a base in diffusers layout, strong enough to be seen."""
    import torch
    from safetensors.torch import save_file

    from loratui.diffusion.loading import load_base
    from loratui.lora_file.naming import kohya_key
    from loratui.profile.schema import Model

    unet = load_base(Model(base=str(base)), device=torch.device("cpu"), dtype=torch.float32).unet
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, module in unet.named_modules():
        if "attentions" in name and isinstance(module, torch.nn.Linear):
            key = kohya_key("unet", name)
            out, into = module.weight.shape
            tensors[f"{key}.lora_down.weight"] = torch.randn(4, into, generator=generator) * 0.3
            tensors[f"{key}.lora_up.weight"] = torch.randn(out, 4, generator=generator) * 0.3
            tensors[f"{key}.alpha"] = torch.tensor(4.0)
    save_file(tensors, path)


def compared_run(folder: Path, root: Path, *, prompt: str = "Emi, girl, smiling, night") -> RunDirectory:
    """A finished run whose comparison is drawn, its cells being pictures of the sample dataset; nothing of torch."""
    base = folder / "base"
    base.mkdir(parents=True)
    (base / "model_index.json").write_text("{}")
    run = finished_run(base, folder, root, steps=2, random_loras=False)
    profile = run.read_profile()
    lora = Path(profile.output.directory) / "disc.safetensors"
    row = Row(0, Scene(prompt, prompt, ()), 1, NamedLora(lora, "last", "0" * 64, "disc"), "base")
    cells = []
    (run.comparison / CELLS).mkdir(parents=True)
    for column, strength in enumerate(profile.comparison.strengths):
        path = run.comparison / CELLS / f"row001_last_seed1_{strength:g}_{'0' * 10}.png"
        with Image.open(SAMPLES / f"{column + 1}.png") as picture:
            picture.resize((64, 64)).save(path)
        cells.append(Cell(0, column, strength, path))
    settings = profile.comparison.model_copy(update={"prompts": [prompt], "width": 64, "height": 64})
    publish_comparison(
        run.comparison,
        "grid.png",
        settings=settings,
        size=(64, 64),
        strengths=profile.comparison.strengths,
        rows=[row],
        cells=cells,
        bases=[BaseFacts("base", str(base), None, "cpu", "float32")],
        seconds=1.0,
    )
    grid = lora.with_name("disc-grid.png")
    grid.write_bytes((run.comparison / "grid.png").read_bytes())
    with EventWriter(run.events_path, 1) as events:
        events.write("finished", lora=lora, grid=grid, steps=8, seconds=1.0)
    return run
