"""Drawing with a base and LoRAs: prompts, samplers, and the comparison that shows which strength to use."""
