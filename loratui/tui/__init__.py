"""The wizard: screens over what the core knows and runs write down. Computes nothing, trains nothing."""
