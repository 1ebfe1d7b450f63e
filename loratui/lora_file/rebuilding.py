"""A profile rebuilt from what a LoRA file says of its training, as far as kohya's `ss_*` keys name settings of ours.

Each value is a stranger's text: what the schema refuses is listed and left out. Knows no disk; where the pictures and a
base file lie is not in a LoRA file and stays to be chosen.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from loratui.lora_file.families import predicts_velocity
from loratui.lora_file.precisions import PRECISIONS
from loratui.lora_file.trained_as import Trained, is_absent, is_off, trained_as
from loratui.profile.schema import SECTIONS, Profile
from loratui.profile.text import read_text

# kohya's key, the value and why it is left out.
LeftOut = tuple[str, str, str]
_OPTIMIZERS = {"adamw", "adamw8bit"}
# What a file may decide: facts of a training that kohya's trainers write. Where things lie or are loaded from, which
# devices take part and what is drawn is never a stranger's to say, whatever the keys of the configuration are called.
_SETTINGS = {
    "clip_skip": "model.clip_skip",
    "zero_terminal_snr": "model.zero_terminal_snr",
    "num_repeats": "dataset.repeats",
    "enable_bucket": "dataset.bucketing",
    "min_bucket_reso": "dataset.min_bucket_reso",
    "max_bucket_reso": "dataset.max_bucket_reso",
    "bucket_no_upscale": "dataset.bucket_no_upscale",
    "flip_aug": "dataset.flip",
    "shuffle_caption": "dataset.shuffle",
    "keep_tokens": "dataset.keep_tokens",
    "caption_dropout_rate": "dataset.dropout",
    "caption_tag_dropout_rate": "dataset.tag_dropout",
    "max_token_length": "dataset.max_token_length",
    "prior_loss_weight": "dataset.prior_loss_weight",
    "network_dim": "network.rank",
    "network_alpha": "network.alpha",
    "network_dropout": "network.dropout",
    "conv_dim": "network.conv_rank",
    "conv_alpha": "network.conv_alpha",
    "batch_size_per_device": "training.batch_size",
    "num_epochs": "training.epochs",
    "gradient_accumulation_steps": "training.gradient_accumulation",
    "unet_lr": "training.unet_lr",
    "lr_scheduler": "training.scheduler",
    "max_grad_norm": "training.max_grad_norm",
    "min_snr_gamma": "training.min_snr_gamma",
    "noise_offset": "training.noise_offset",
    "seed": "training.seed",
    "gradient_checkpointing": "training.gradient_checkpointing",
    "output_name": "output.name",
}
# Other words for a value. A warm-up is a setting of its own here.
_WORDS = {
    "training.scheduler": {"constant_with_warmup": "constant"},
    "model.zero_terminal_snr": {"True": "on", "False": "off"},
}
# Settings that mean "off" where kohya says None; ours has them on by default.
_OFF = {"training.min_snr_gamma": "0", "training.noise_offset": "0", "network.dropout": "0", "dataset.keep_tokens": "0"}
# Changed in the file's own way below.
_BY_HAND = {
    "learning_rate",
    "max_train_steps",
    "lr_warmup_steps",
    "optimizer",
    "network_args",
    "network_module",
    "text_encoder_lr",
    "resolution",
    "vae_name",
    "sd_model_name",
    "loss_type",
}
# Facts of that one training and of its machine.
_FACTS = re.compile(
    r"session_id|training_.*|num_(train|reg|validation)_images|num_batches_per_epoch|epoch|steps|total_batch_size"
    r"|cache_latents|lowram|sd_scripts_commit_hash|v2|base_model_version|.*_hash|bucket_info|tag_frequency|datasets"
    r"|validat.*|max_validation_steps|huber_.*|resize_interpolation|full_fp16|mixed_precision|(reg_)?dataset_dirs"
    r"|img_count|is_(dreambooth|reg)|metadata_file"
)
# What kohya takes for a base's name: no path, but a file's name or a hub id.
_NAMED = re.compile(r"(?![.~])[^/\\:]+(/(?!\.)[^/\\:]+)?")
_A_FILE = re.compile(r".*/.*\.(safetensors|ckpt|pt|bin)", re.IGNORECASE)


@dataclass(frozen=True)
class Rebuilt:
    """A profile, and how it came about.

    Args:
        profile: With the defaults where the file says nothing.
        taken: The settings that the file decided, "section.key", in the profile's order.
        left_out: What the file says and the profile does not, each as (kohya's key, value, why).
        to_choose: What is still to be set by hand, one sentence each.
    """

    profile: Profile
    taken: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    to_choose: tuple[str, ...]


def rebuild_profile(
    metadata: Mapping[str, str], dtypes: Iterable[str] = (), components: Iterable[str] = ("unet",)
) -> Rebuilt:
    """Return the profile by which the file of this metadata would have been trained; never fails.

    Args:
        metadata: The file's, whatever it says.
        dtypes: Of its tensors, as safetensors spells them.
        components: The models that it changes.
    """
    trained = trained_as(metadata)
    wanted, left_out = _wanted(trained, metadata, dtypes, components)
    profile = Profile()
    taken = []
    for name, (key, text) in wanted.items():
        section, _, field = name.partition(".")
        try:
            setattr(getattr(profile, section), field, read_text(text, SECTIONS[section].model_fields[field]))
        except ValidationError as error:
            left_out.append((key, text, error.errors()[0]["msg"].removeprefix("Value error, ")))
        else:
            taken.append(name)
    dataset = profile.dataset
    if dataset.bucketing:  # what each field allows alone, the profile must allow together
        dataset.min_bucket_reso = min(dataset.min_bucket_reso, dataset.resolution)
        dataset.max_bucket_reso = max(dataset.max_bucket_reso, dataset.resolution)
    order = [f"{section}.{field}" for section, model in SECTIONS.items() for field in model.model_fields]
    return Rebuilt(profile, tuple(sorted(taken, key=order.index)), tuple(left_out), _to_choose(trained, profile, taken))


def _wanted(
    trained: Trained, metadata: Mapping[str, str], dtypes: Iterable[str], components: Iterable[str]
) -> tuple[dict[str, tuple[str, str]], list[LeftOut]]:
    """Settings with the key and the text that decide them, and what has no setting."""
    values = trained.values
    wanted: dict[str, tuple[str, str]] = {}
    left_out: list[LeftOut] = []
    for key, text in values.items():
        name = _SETTINGS.get(key)
        if name and not is_absent(text):
            wanted[name] = (key, _WORDS.get(name, {}).get(text, text))
        elif name in _OFF:
            wanted[name] = (key, _OFF[name])
        elif not name and not is_off(text) and key not in _BY_HAND and not _FACTS.fullmatch(key):
            left_out.append((key, text, "loratui takes no such setting from a file"))
    has_text = any(component.startswith("text_encoder") for component in components)
    wanted |= _by_hand(values, wanted, has_text, left_out)
    if trigger := metadata.get("modelspec.trigger_phrase", ""):
        wanted["dataset.trigger"] = ("modelspec.trigger_phrase", trigger.partition(",")[0].strip())
    if predicts_velocity(metadata):
        wanted["model.prediction"] = ("base_model_version", "v_prediction")
    if has_text:
        wanted["network.train_text_encoder"] = ("text_encoder_lr", "true")
    precisions = {PRECISIONS[dtype] for dtype in dtypes if dtype in PRECISIONS}
    if len(precisions) == 1:
        wanted["output.precision"] = ("dtype", precisions.pop())
    return wanted, left_out


def _by_hand(
    values: Mapping[str, str], direct: Mapping[str, tuple[str, str]], has_text: bool, left_out: list[LeftOut]
) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}

    def take(name: str, key: str) -> None:
        if not is_absent(text := values.get(key, "")):
            found[name] = (key, text)

    if "training.unet_lr" not in direct:
        take("training.unet_lr", "learning_rate")
    if "training.epochs" not in direct:
        take("training.steps", "max_train_steps")
    if direct.get("network.alpha", ("", ""))[1] in {"0", "0.0"} and "network.rank" in direct:
        found["network.alpha"] = ("network_alpha", direct["network.rank"][1])  # as kohya takes it
    _text_rate(values.get("text_encoder_lr", ""), has_text, found, left_out)
    _warmup(values, found, left_out)
    _optimizer(values, found, left_out)
    _resolution(values, found, left_out)
    for name, key in (("model.base", "sd_model_name"), ("model.vae", "vae_name")):
        take(name, key)
        if name in found and (not _NAMED.fullmatch(found[name][1]) or _A_FILE.fullmatch(found[name][1])):
            left_out.append((*found.pop(name), "a file may name a base or a VAE, but not say where it lies"))
    if not is_absent(module := values.get("network_module", "")) and module != "networks.lora":
        left_out.append(("network_module", module, "loratui trains kohya's networks.lora"))
    if not is_absent(loss := values.get("loss_type", "")) and loss not in {"l2", "mse"}:
        left_out.append(("loss_type", loss, "loratui has the squared error only"))
    return found


def _text_rate(text: str, has_text: bool, found: dict[str, tuple[str, str]], left_out: list[LeftOut]) -> None:
    # kohya writes a list where the text encoders learn at rates of their own, and 0 where one does not learn.
    rates = re.findall(r"-?\d[0-9.eE+-]{0,30}", text)
    first = next((rate for rate in rates if not is_off(rate)), "")
    if first or (has_text and rates):
        found["training.text_encoder_lr"] = ("text_encoder_lr", first or rates[0])
    elif not rates and not is_absent(text):
        left_out.append(("text_encoder_lr", text, "it is no learning rate"))
    if len(set(rates)) > 1:
        left_out.append(("text_encoder_lr", text, f"loratui has one rate for all text encoders: {first} is taken"))


def _warmup(values: Mapping[str, str], found: dict[str, tuple[str, str]], left_out: list[LeftOut]) -> None:
    text = values.get("lr_warmup_steps", "")
    if is_absent(text):
        return
    if share := _share(text, values.get("max_train_steps", "")):
        found["training.warmup"] = ("lr_warmup_steps", share)
    else:
        left_out.append(("lr_warmup_steps", text, "it is no share of the steps"))


def _share(warmup: str, steps: str) -> str:
    """The share of the steps in which the rate rises, "" where it cannot be told; kohya takes less than 1 for one."""
    try:
        part = float(warmup)
        if 0 <= part < 1:
            return warmup.strip()
        share = part / float(steps)
    except (ValueError, ZeroDivisionError):
        return ""
    return f"{share:.6g}" if 0 <= share < 1 else ""


def _optimizer(values: Mapping[str, str], found: dict[str, tuple[str, str]], left_out: list[LeftOut]) -> None:
    text = values.get("optimizer", "")
    if is_absent(text):
        return
    name, _, arguments = text.partition("(")
    name = name.rpartition(".")[2].lower()
    decay = re.search(r"weight_decay=([0-9.eE+-]{1,30})", arguments)
    if decay:
        found["training.weight_decay"] = ("optimizer", decay[1])
    if name not in _OPTIMIZERS:
        left_out.append(("optimizer", text, "loratui has AdamW and AdamW8bit"))
        return
    found["training.optimizer"] = ("optimizer", name)
    if arguments.replace(decay[0] if decay else "", "").strip(" ,)"):
        left_out.append(("optimizer", text, "of its arguments loratui has weight_decay only"))


def _resolution(values: Mapping[str, str], found: dict[str, tuple[str, str]], left_out: list[LeftOut]) -> None:
    text = values.get("resolution", "")
    sides = set(re.findall(r"\d{1,6}", text))
    if len(sides) == 1:
        found["dataset.resolution"] = ("resolution", sides.pop())
    elif not is_absent(text):
        left_out.append(("resolution", text, "loratui trains a square"))


def _to_choose(trained: Trained, profile: Profile, taken: list[str]) -> tuple[str, ...]:
    sentences = []
    folders = ", ".join(trained.folders)
    sentences.append(
        "dataset.path: the folder with the pictures" + (f"; it held {folders}." if folders else ", which is not named.")
    )
    if trained.regularised:
        sentences.append("dataset.regularisation_path: there were regularisation pictures.")
    if "model.base" not in taken:
        sentences.append(f"model.base: the base is not named; it is {profile.model.base} now.")
    for name, value in (("model.base", profile.model.base), ("model.vae", profile.model.vae)):
        if name in taken:
            what = "is a hub id that only the file names; see that it is what you want" if "/" in value else ""
            sentences.append(f"{name}: {value} {what or 'is only a name; give its path or hub id'}.")
    return tuple(sentences)
