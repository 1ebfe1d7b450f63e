"""What kohya's trainers, and accelerate's configuration, call the settings. Knows names only."""

# Names in kohya's configuration files that are not ours, the usual one of each setting first.
KOHYA_KEYS = {
    "pretrained_model_name_or_path": "model.base",
    "v_parameterization": "model.prediction",
    "train_data_dir": "dataset.path",
    "reg_data_dir": "dataset.regularisation_path",
    "image_dir": "dataset.path",
    "num_repeats": "dataset.repeats",
    "enable_bucket": "dataset.bucketing",
    "flip_aug": "dataset.flip",
    "shuffle_caption": "dataset.shuffle",
    "caption_dropout_rate": "dataset.dropout",
    "caption_tag_dropout_rate": "dataset.tag_dropout",
    "class_tokens": "dataset.trigger",
    "network_dim": "network.rank",
    "network_alpha": "network.alpha",
    "network_dropout": "network.dropout",
    "conv_dim": "network.conv_rank",
    "train_batch_size": "training.batch_size",
    "max_train_epochs": "training.epochs",
    "max_train_steps": "training.steps",
    "gradient_accumulation_steps": "training.gradient_accumulation",
    "learning_rate": "training.unet_lr",
    "optimizer_type": "training.optimizer",
    "lr_scheduler": "training.scheduler",
    "lr_scheduler_num_cycles": "training.scheduler_cycles",
    "lr_warmup_steps": "training.warmup",
    "save_every_n_epochs": "training.save_every",
    "save_last_n_epochs": "training.keep_last",
    "num_processes": "accelerate.processes",
    "num_machines": "accelerate.machines",
    "main_process_ip": "accelerate.main_address",
    "main_process_port": "accelerate.main_port",
    "dynamo_backend": "accelerate.dynamo",
    "output_name": "output.name",
    "output_dir": "output.directory",
    "save_precision": "output.precision",
    "sample_prompts": "comparison.prompts",
    "sample_sampler": "comparison.sampler",
    "cfg_scale": "comparison.guidance",
}

# Settings that have the same name there.
_SAME = {
    "model": {"vae", "clip_skip"},
    "dataset": {
        "caption_extension",
        "resolution",
        "min_bucket_reso",
        "max_bucket_reso",
        "bucket_reso_steps",
        "bucket_no_upscale",
        "keep_tokens",
        "max_token_length",
        "prior_loss_weight",
    },
    "network": {"conv_alpha"},
    "training": {
        "unet_lr",
        "text_encoder_lr",
        "max_grad_norm",
        "min_snr_gamma",
        "noise_offset",
        "seed",
        "gradient_checkpointing",
    },
    "accelerate": {"mixed_precision", "gpu_ids", "machine_rank"},
}
# Understood when typed, but not what the setting is called there.
_ONLY_UNDERSTOOD = {"class_tokens", "cfg_scale"}


def kohya_name(name: str) -> str:
    """What kohya calls the setting `section.key`, or accelerate; "" where neither has it."""
    section, _, key = name.partition(".")
    if key in _SAME.get(section, ()):
        return key
    found = (theirs for theirs, ours in KOHYA_KEYS.items() if ours == name and theirs not in _ONLY_UNDERSTOOD)
    return next(found, "")
