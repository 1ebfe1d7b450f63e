"""The models and their maths: the frozen base, prompts as embeddings, LoRA layers. Knows neither runs nor schedules."""
