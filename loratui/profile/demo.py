"""The profile of `loratui demo`: the packaged pictures on the packaged base model, small enough for two CPU cores.

Knows where the sample pictures lie in a checkout and in an installed wheel; nothing else of the demo.
"""

from pathlib import Path

import loratui
from loratui.errors import ProfileError
from loratui.profile.schema import Accelerate, Comparison, Dataset, Model, Network, Output, Profile, Training


def sample_dataset_path() -> Path:
    """Folder that holds `5_emi_person/`: beside the package in a checkout, inside it in a wheel.

    Raises:
        ProfileError: this installation has no sample pictures.
    """
    package = Path(loratui.__file__).resolve().parent
    for folder in (package / "demo" / "sample_dataset", package.parent / "sample_dataset"):
        if (folder / "5_emi_person").is_dir():
            return folder
    raise ProfileError(
        "This installation of loratui lacks its sample pictures (sample_dataset/5_emi_person).",
        "Install loratui again from its wheel or its repository.",
    )


def demo_profile() -> Profile:
    """Profile that teaches the demo base who Emi is."""
    return Profile(
        model=Model(base="demo"),
        dataset=Dataset(path=str(sample_dataset_path()), trigger="Emi", resolution=64, bucketing=False),
        network=Network(rank=16, alpha=16.0, train_text_encoder=True),
        training=Training(batch_size=4, epochs=12, unet_lr=1.5e-3, text_encoder_lr=1e-3, save_every=6),
        # So small a base is fast anyway, and fp32 trains the same LoRA on every computer.
        accelerate=Accelerate(mixed_precision="no"),
        output=Output(name="emi"),
        comparison=Comparison(
            # Her glasses and star are in no caption: they come with her name, whatever else is asked for.
            prompts=[
                "Emi, cute girl, smiling, long hair, brown hair, wavy hair, cardigan, night, upper body",
                "Emi, cute girl, winking, long hair, brown hair, wavy hair, cardigan, pink background, close-up",
                "Emi, cute girl, waving, short hair, blonde hair, blue t-shirt, park, upper body",
            ],
            seeds=[7],
            guidance=4.0,
            sampler="DPM++ 2M",
        ),
    )
