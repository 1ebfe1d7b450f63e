"""What a profile holds: one pydantic model per section, the single source of the form, the TOML file and its help.

Knows nothing of files, of the terminal or of tensors. Every field has a `title` (the label) and a `description`
(the help text); limits stand in the field. What concerns two fields is checked on the whole `Profile` only, so that
a form can change them one at a time.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loratui.profile.fields import (
    CaptionExtension,
    Epochs,
    FilledText,
    GpuIds,
    Lines,
    LoraAtStrength,
    NameOrEmpty,
    Pixels,
    PlainText,
    Prompt,
    Resolution,
    SamplerName,
    Seed,
    Seeds,
    SizeOrZero,
    Strengths,
    list_of,
    setting,
)

SCHEMA_VERSION = 1
DEFAULT_BASE = "stable-diffusion-v1-5/stable-diffusion-v1-5"


class Section(BaseModel):
    """A table of the profile: unknown keys, wrong types, NaN and infinity are refused, on assignment too."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_assignment=True, allow_inf_nan=False)


class Model(Section):
    """The base model that the LoRA is trained on."""

    base: FilledText = setting(
        DEFAULT_BASE,
        "Base model",
        "A Hugging Face id (owner/name), owner/repo/file.safetensors or its pasted URL, a diffusers folder, a "
        ".safetensors file, or demo. Train on the model family that you will generate with.",
    )
    vae: PlainText = setting("", "Separate VAE", "A VAE folder or file used instead of the base's own; empty: its own.")
    config: PlainText = setting(
        "",
        "Configs and tokenizer",
        "For a single-file base of unusual shape, or offline: a diffusers folder that has its configs and tokenizer. "
        "Empty: those of the file's family, which come with loratui.",
    )
    clip_skip: int = setting(
        1,
        "CLIP skip",
        "By kohya's count: 1 is the last layer. 2 for anime bases that ask for it. SDXL always reads the last layer "
        "but one, as in kohya's trainer and A1111, whatever stands here.",
        ge=1,
        le=12,
    )
    prediction: Literal["auto", "epsilon", "v_prediction"] = setting(
        "auto",
        "Prediction type",
        "auto reads it from the base: a folder's scheduler, a file's markers, or how an SD 2 file's UNet behaves. Set "
        "it where an SDXL file predicts v but does not say so.",
    )
    zero_terminal_snr: Literal["auto", "on", "off"] = setting(
        "auto",
        "Zero terminal SNR",
        "Whether the noisiest step is pure noise, as with NoobAI-XL v-pred and its kin. auto reads it from the base; "
        "on only with v_prediction.",
    )


class Dataset(Section):
    """The pictures and their captions."""

    path: PlainText = setting(
        "",
        "Picture folder",
        "The folder with the pictures and their .txt captions, or the one above it that holds folders such as "
        "5_emi_person (5 repeats). 10 to 50 varied pictures make a character.",
    )
    repeats: int = setting(
        5, "Repeats", "How often each picture is seen in an epoch, for folders without a number.", ge=1, le=10_000
    )
    trigger: PlainText = setting(
        "", "Trigger word", "A word put first in every caption that lacks it, such as Emi; prompts then begin with it."
    )
    caption_extension: CaptionExtension = setting(
        ".txt", "Caption extension", "Captions have the picture's name: 1.txt."
    )
    resolution: Resolution = setting(
        512,
        "Resolution",
        "Side of the training square in pixels, a multiple of 8; '512,512' is read too. 512 for SD 1.5, 1024 for SDXL.",
        ge=32,
        le=4096,
    )
    bucketing: bool = setting(
        True, "Aspect buckets", "Train tall and wide pictures in their own shape instead of cropping all to a square."
    )
    min_bucket_reso: Pixels = setting(
        256, "Smallest bucket side", "In pixels; not above the resolution.", ge=8, le=8192
    )
    max_bucket_reso: Pixels = setting(
        1024,
        "Largest bucket side",
        "In pixels; not under the resolution, of which twice is usual: 2048 for SDXL.",
        ge=8,
        le=8192,
    )
    bucket_reso_steps: Pixels = setting(64, "Bucket step", "Bucket sides are multiples of this.", ge=8, le=1024)
    bucket_no_upscale: bool = setting(False, "Never enlarge", "Keep small pictures at their own size in small buckets.")
    flip: bool = setting(
        False, "Mirror at random", "Doubles the variety; leave off for characters, which are not symmetric."
    )
    shuffle: bool = setting(False, "Shuffle tags", "New order of the comma-separated tags in every epoch.")
    keep_tokens: int = setting(
        1, "Tags kept in front", "So many first tags stay when shuffling (trigger).", ge=0, le=255
    )
    dropout: float = setting(
        0.0, "Caption dropout", "Share of samples trained without a caption; 0.05 to 0.1 if used at all.", ge=0, le=1
    )
    tag_dropout: float = setting(0.0, "Tag dropout", "Share of tags left out at random.", ge=0, le=1)
    max_token_length: Literal[75, 150, 225] = setting(
        75, "Caption length", "Tokens read from a caption: 75, 150 or 225. What lies beyond is not learnt."
    )
    regularisation_path: PlainText = setting(
        "", "Regularisation folder", "Pictures of the class in general (other girls) that keep the base as it was."
    )
    prior_loss_weight: float = setting(
        1.0, "Regularisation weight", "Multiplies the loss of regularisation pictures.", ge=0, le=100
    )


class Network(Section):
    """The LoRA itself."""

    rank: int = setting(
        16,
        "Rank",
        "Size of the LoRA (kohya's network_dim). 8 to 32 for a character: more learns detail and makes larger files.",
        ge=1,
        le=1024,
    )
    alpha: float = setting(
        8.0, "Alpha", "The LoRA counts alpha ÷ rank; half the rank is usual. Lower learns more gently.", gt=0, le=4096
    )
    conv_rank: int = setting(
        0,
        "Convolution rank",
        "For the 3 by 3 convolutions. 0: none, as most do; 4 to 8 also learns texture and style.",
        ge=0,
        le=1024,
    )
    conv_alpha: float = setting(1.0, "Convolution alpha", "Counts as conv_alpha ÷ conv_rank.", gt=0, le=4096)
    dropout: float = setting(0.0, "LoRA dropout", "Share of the LoRA's inner values left out at random.", ge=0, lt=1)
    train_text_encoder: bool = setting(
        False, "Train the text encoder", "Learns a new word harder, moves worse to other bases, and trains slower."
    )


class Training(Section):
    """How long and how fast it learns."""

    batch_size: int = setting(
        2, "Batch size", "Pictures a step. 1 to 2 on 8 GB of GPU memory, 4 on 12 GB, more above.", ge=1, le=1024
    )
    epochs: int = setting(
        10,
        "Epochs",
        "An epoch shows every picture as often as it is repeated. 10 to 20 for a small set.",
        ge=1,
        le=100_000,
    )
    steps: int = setting(0, "Steps", "Stop after so many optimizer updates instead; 0: by epochs.", ge=0, le=10_000_000)
    gradient_accumulation: int = setting(
        1,
        "Gradient accumulation",
        "Batches per update: 2 of batch 1 learn like one of batch 2, with less memory.",
        ge=1,
        le=1024,
    )
    unet_lr: float = setting(
        2e-4, "UNet learning rate", "1e-4 to 3e-4 with AdamW. Burnt pictures at strength 1: lower it.", gt=0, le=1
    )
    text_encoder_lr: float = setting(
        5e-5,
        "Text encoder learning rate",
        "Used when the text encoder is trained; a quarter of the UNet's.",
        gt=0,
        le=1,
    )
    optimizer: Literal["adamw", "adamw8bit"] = setting(
        "adamw", "Optimizer", "adamw, or adamw8bit (needs bitsandbytes) to save some memory."
    )
    weight_decay: float = setting(0.01, "Weight decay", "AdamW's pull towards zero.", ge=0, le=1)
    scheduler: Literal["constant", "cosine", "cosine_with_restarts", "linear"] = setting(
        "cosine", "Learning rate schedule", "cosine ends gently; constant suits a run you will stop by eye."
    )
    scheduler_cycles: int = setting(1, "Cycles", "Restarts of cosine_with_restarts.", ge=1, le=1000)
    warmup: float = setting(0.05, "Warm-up", "Share of the steps in which the learning rate rises.", ge=0, lt=1)
    max_grad_norm: float = setting(1.0, "Gradient clip", "Longest gradient of an update; 0: no clipping.", ge=0, le=1e6)
    min_snr_gamma: float = setting(
        5.0, "Min-SNR gamma", "Evens out the noise levels; 5 is usual, 0: off.", ge=0, le=1000
    )
    noise_offset: float = setting(0.0, "Noise offset", "0.03 to 0.1 allows darker and brighter pictures.", ge=0, le=1)
    seed: Seed = setting(42, "Seed", "The same profile and seed train the same LoRA.")
    gradient_checkpointing: bool = setting(
        False, "Gradient checkpointing", "Saves much memory, about a quarter slower. For cards under 8 GB."
    )
    save_every: int = setting(1, "Save every", "Epochs between saved files, to choose from later.", ge=1, le=100_000)
    keep_last: int = setting(0, "Keep last", "So many saved epochs stay on disk; 0: all.", ge=0, le=100_000)
    accept_smaller: bool = setting(
        False,
        "Accept smaller pieces",
        "When the first steps do not fit into memory, go on with smaller pieces (the result stays the same) instead of "
        "stopping with the proposal.",
    )
    may_lower_resolution: bool = setting(
        False, "May lower resolution", "When memory runs out even at batch 1, go on with smaller pictures."
    )


class Accelerate(Section):
    """Devices, processes and machines, in accelerate's words."""

    mixed_precision: Literal["auto", "no", "fp16", "bf16"] = setting(
        "auto",
        "Precision",
        "auto: bf16 on cards from RTX 30 on and on CPUs with bf16 units, fp16 on older cards, none on other CPUs.",
    )
    device: Literal["auto", "cpu", "cuda"] = setting("auto", "Device", "auto takes the GPU when there is one.")
    processes: int = setting(1, "Processes", "One per GPU, over all machines.", ge=1, le=1024)
    gpu_ids: GpuIds = setting("all", "GPUs", "'all', or numbers as nvidia-smi counts them, such as '0,1'.")
    machines: int = setting(1, "Machines", "Computers that train together.", ge=1, le=1024)
    machine_rank: int = setting(0, "This machine's number", "0 on the first machine.", ge=0, le=1023)
    main_address: PlainText = setting("", "Main address", "Address of machine 0, with several machines.")
    main_port: int = setting(29500, "Main port", "A free port on machine 0.", ge=1, le=65535)
    dynamo: Literal["auto", "no", "eager", "aot_eager", "inductor"] = setting(
        "auto",
        "Compilation",
        "torch.compile's backend. auto: inductor, tried on runs of half an hour and more, kept where it is faster.",
    )
    cuda_graphs: bool = setting(
        False,
        "CUDA graphs",
        "Replays the work of a step as one piece: faster on quick cards that the CPU cannot keep busy. Off, as it is "
        "not measured yet.",
    )


class Output(Section):
    """The finished LoRA file."""

    name: NameOrEmpty = setting(
        "", "Output name", "Without .safetensors; empty: the profile's name. <lora:NAME:0.8> uses it."
    )
    directory: FilledText = setting("output", "Output folder", "Where the LoRA and the comparison grid are written.")
    precision: Literal["fp16", "bf16", "fp32"] = setting(
        "fp16", "File precision", "fp16 is small and read by every tool."
    )
    install_to: list[FilledText] = list_of(
        [], "Copy to", "Folders of A1111, Forge or ComfyUI (or their LoRA folders) that get the verified file."
    )


class Comparison(Section):
    """The same prompts drawn at rising LoRA strength."""

    enabled: bool = setting(True, "Draw the comparison", "Draw the grid when training is done.")
    prompts: list[Prompt] = list_of([], "Prompts", "One row each; empty: made from captions.", max_length=64)
    negative_prompt: Lines = setting("", "Negative prompt", "What the pictures should not show.")
    strengths: Strengths = list_of(
        [0.0, 0.4, 0.7, 0.8, 0.9, 1.0, 1.2],
        "Strengths",
        "One column each; 0.0 (no LoRA) is always drawn. 0.7 to 0.9 everyday, 1.0 to 1.2 strong, 0.5 to 0.7 each when "
        "several LoRAs are combined.",
        max_length=64,
    )
    seeds: Seeds = list_of([7], "Seeds", "Each prompt is drawn once per seed.", min_length=1, max_length=64)
    steps: int = setting(20, "Sampling steps", "20 to 30 are usual.", ge=1, le=999)
    guidance: float = setting(
        7.0, "Guidance", "CFG scale: 5 to 9 are usual; 1 ignores the negative prompt.", ge=1, le=50
    )
    sampler: SamplerName = setting(
        "Euler a", "Sampler", "As AUTOMATIC1111 names them. Heun and DPM2 take twice as long a step."
    )
    width: SizeOrZero = setting(0, "Width", "In pixels, a multiple of 8; 0: the training resolution.", ge=0, le=4096)
    height: SizeOrZero = setting(0, "Height", "In pixels, a multiple of 8; 0: the training resolution.", ge=0, le=4096)
    epochs: Epochs = list_of(
        [], "Saved epochs", "Further rows from these epochs (which one is best?); the last always."
    )
    other_bases: list[FilledText] = list_of(
        [], "Other bases", "Draw the grid on these bases too; named like model.base."
    )
    other_loras: list[LoraAtStrength] = list_of(
        [], "Other LoRAs", "Added at a fixed strength, each as 'path:strength'."
    )


class Profile(BaseModel):
    """Everything a run needs to know, with defaults for a small character set on Stable Diffusion 1.5."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, validate_by_name=True, validate_by_alias=True)

    schema_version: Literal[1] = Field(
        default=1, alias="schema", title="Schema", description="Version of this file's layout."
    )
    model: Model = Field(default_factory=Model, title="Base model")
    dataset: Dataset = Field(default_factory=Dataset, title="Pictures")
    network: Network = Field(default_factory=Network, title="LoRA")
    training: Training = Field(default_factory=Training, title="Training")
    accelerate: Accelerate = Field(default_factory=Accelerate, title="Devices")
    output: Output = Field(default_factory=Output, title="Output")
    comparison: Comparison = Field(default_factory=Comparison, title="Comparison")

    @model_validator(mode="after")
    def _fields_agree(self) -> "Profile":
        """Refuse what each field allows alone but not together."""
        dataset, accelerate = self.dataset, self.accelerate
        if dataset.bucketing and not dataset.min_bucket_reso <= dataset.resolution <= dataset.max_bucket_reso:
            raise ValueError(
                f"dataset.resolution ({dataset.resolution}) must lie between dataset.min_bucket_reso "
                f"({dataset.min_bucket_reso}) and dataset.max_bucket_reso ({dataset.max_bucket_reso}), "
                "or dataset.bucketing be false"
            )
        if self.model.prediction == "epsilon" and self.model.zero_terminal_snr == "on":
            raise ValueError(
                "model.zero_terminal_snr is on, which needs model.prediction v_prediction or auto: of pure noise an "
                "epsilon-prediction has no picture to tell"
            )
        if accelerate.machine_rank >= accelerate.machines:
            raise ValueError(
                f"accelerate.machine_rank ({accelerate.machine_rank}) must be lower than accelerate.machines "
                f"({accelerate.machines}): it counts from 0"
            )
        if accelerate.machines > 1 and not accelerate.main_address:
            raise ValueError("accelerate.main_address must name machine 0 when accelerate.machines is above 1")
        return self


SECTIONS: dict[str, type[Section]] = {
    section.__name__.lower(): section for section in (Model, Dataset, Network, Training, Accelerate, Output, Comparison)
}
