"""The LoRA file as kohya writes it: names, header, metadata, hashes and installation, all without torch."""
