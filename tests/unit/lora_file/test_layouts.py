import pytest

from loratui.lora_file.layouts import Layout, NamedModule, read_layout, spelled_paths

ATTENTION = "down_blocks.1.attentions.0.transformer_blocks.0.attn1"
TO_Q = f"{ATTENTION}.to_q".replace(".", "_")
TO_OUT = f"{ATTENTION}.to_out.0".replace(".", "_")
Q_PROJ = "encoder_layers_0_self_attn_q_proj"
ORIGINAL = "input_blocks_4_1_transformer_blocks_0_attn1_to_q"


def only(layout: Layout) -> NamedModule:
    assert (layout.foreign, dict(layout.unsupported)) == ((), {})
    (module,) = layout.modules
    return module


# Both factors of one module as a tool names them, then component, spelling and layout.
LAYOUTS = [
    (f"lora_unet_{TO_Q}.lora_{{down,up}}.weight", "unet", TO_Q, "kohya"),
    (f"lora_unet_{ORIGINAL}.lora_{{down,up}}.weight", "unet", ORIGINAL, "kohya with original block names"),
    ("lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_{down,up}.weight", "text_encoder", Q_PROJ, "kohya"),
    ("lora_te_encoder_layers_0_self_attn_q_proj.lora_{down,up}.weight", "text_encoder", Q_PROJ, "kohya"),
    ("lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_{down,up}.weight", "text_encoder", Q_PROJ, "kohya"),
    ("lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_{down,up}.weight", "text_encoder_2", Q_PROJ, "kohya"),
    (f"unet.{ATTENTION}.to_q.lora_{{A,B}}.weight", "unet", TO_Q, "diffusers"),
    (f"unet.{ATTENTION}.to_q.lora_{{A,B}}.default.weight", "unet", TO_Q, "diffusers"),
    (f"unet.{ATTENTION}.to_out.0.lora.{{down,up}}.weight", "unet", TO_OUT, "diffusers (old)"),
    (f"unet.{ATTENTION}.processor.to_q_lora.{{down,up}}.weight", "unet", TO_Q, "diffusers (old)"),
    (f"unet.{ATTENTION}.processor.to_out_lora.{{down,up}}.weight", "unet", TO_OUT, "diffusers (old)"),
    (f"{ATTENTION}.processor.to_q_lora.{{down,up}}.weight", "unet", TO_Q, "diffusers (old)"),
    (
        "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.{down,up}.weight",
        "text_encoder",
        Q_PROJ,
        "diffusers (old)",
    ),
    (
        "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.{down,up}.weight",
        "text_encoder",
        Q_PROJ,
        "diffusers (old)",
    ),
    ("text_encoder.encoder.layers.0.self_attn.q_proj.lora_{A,B}.weight", "text_encoder", Q_PROJ, "diffusers"),
    (
        "text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.lora_{A,B}.weight",
        "text_encoder_2",
        Q_PROJ,
        "diffusers",
    ),
    (f"base_model.model.{ATTENTION}.to_q.lora_{{A,B}}.weight", "unet", TO_Q, "peft"),
    (f"unet.base_model.model.{ATTENTION}.to_q.lora_{{A,B}}.weight", "unet", TO_Q, "peft"),
    (
        "base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_{A,B}.weight",
        "text_encoder",
        Q_PROJ,
        "peft",
    ),
    (
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.lora_{up,down}.weight",
        "unet",
        ORIGINAL,
        "ComfyUI with original block names",
    ),
    (
        "text_encoders.clip_g.transformer.text_model.encoder.layers.0.self_attn.q_proj.lora_{up,down}.weight",
        "text_encoder_2",
        Q_PROJ,
        "ComfyUI",
    ),
]


@pytest.mark.parametrize(("pattern", "component", "spelling", "layout"), LAYOUTS)
def test_a_module_has_one_spelling_whoever_named_it(pattern: str, component: str, spelling: str, layout: str) -> None:
    before, _, rest = pattern.partition("{")
    choices, _, after = rest.partition("}")
    read = read_layout([f"{before}{choice}{after}" for choice in choices.split(",")])
    module = only(read)
    assert (module.component, module.spelling, read.name) == (component, spelling, layout)
    assert {"down", "up"} <= module.parts.keys()


@pytest.mark.parametrize(
    ("factors", "alpha"),
    [
        (f"lora_unet_{TO_Q}.lora_%s.weight", f"lora_unet_{TO_Q}.alpha"),
        (f"unet.{ATTENTION}.to_out.0.lora.%s.weight", f"unet.{ATTENTION}.to_out.0.alpha"),
        (f"unet.{ATTENTION}.processor.to_out_lora.%s.weight", f"unet.{ATTENTION}.processor.to_out_lora.alpha"),
    ],
)
@pytest.mark.parametrize("alpha_first", [True, False])
def test_an_alpha_finds_its_module(factors: str, alpha: str, alpha_first: bool) -> None:
    names = [factors % "down", factors % "up"]
    module = only(read_layout([alpha, *names] if alpha_first else [*names, alpha]))
    assert module.parts == {"down": factors % "down", "up": factors % "up", "alpha": alpha}


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("lora_unet_x.hada_w1_a", "LoHa (LyCORIS)"),
        ("lora_unet_x.hada_t1", "LoHa (LyCORIS)"),
        ("lora_unet_x.lokr_w1", "LoKr (LyCORIS)"),
        ("lora_unet_x.lokr_w2_b", "LoKr (LyCORIS)"),
        ("lora_unet_x.on_input", "(IA)³"),
        ("lora_unet_x.a1.weight", "GLoRA (LyCORIS)"),
        ("lora_unet_x.oft_blocks", "OFT or BOFT"),
        ("oft_unet_x.oft_blocks", "OFT or BOFT"),
        ("base_model.model.x.boft_R.default", "BOFT"),
        ("lora_unet_x.diff", "full weight differences (LyCORIS)"),
        ("lora_unet_x.diff_b", "full weight differences (LyCORIS)"),
        ("lora_unet_x.dora_scale", "DoRA"),
        ("unet.x.lora_magnitude_vector.weight", "DoRA"),
        ("lora_unet_x.w_norm", "trained norms (LyCORIS)"),
        ("lora_unet_x.lora_mid.weight", "LoCon with CP decomposition (LyCORIS)"),
    ],
)
def test_other_kinds_are_named_and_never_taken_for_a_lora(key: str, kind: str) -> None:
    layout = read_layout([key, "lora_unet_x.alpha"])
    assert layout.modules == ()
    assert list(layout.unsupported) == [kind]
    assert key in layout.unsupported[kind]


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "lora_unet_",
        "lora_unet_x.weight",
        "x.lora_down.weight",
        "lora_unet_x.alpha",
        "lora_unet_x\n.lora_down.weight",
        "transformer.x.lora_A.weight",
        "lora_te3_x.lora_down.weight",
        "a" * 100_000 + ".lora_down.weight",
        ".lora_A" * 20_000,
    ],
)
def test_what_is_none_of_these_is_foreign(key: str) -> None:
    layout = read_layout([key])
    assert (layout.modules, layout.foreign) == ((), (key,))


def test_a_file_that_mixes_layouts_says_so() -> None:
    keys = [f"lora_unet_{TO_Q}.lora_down.weight", f"lora_unet_{ORIGINAL}.lora_down.weight"]
    assert read_layout(keys).name == "kohya with block names of both kinds"


def test_a_base_says_where_each_spelling_is() -> None:
    places = spelled_paths(
        {
            "unet": ["down_blocks.0.resnets.0.conv1", "down_blocks.0.resnets.1.conv1", f"{ATTENTION}.to_q"],
            "text_encoder": ["text_model.encoder.layers.0.self_attn.q_proj"],
            "text_encoder_2": ["encoder.layers.0.self_attn.q_proj", "text_projection"],
        }
    )
    assert places["unet", TO_Q] == places["unet", ORIGINAL] == f"{ATTENTION}.to_q"
    assert places["text_encoder", Q_PROJ] == "text_model.encoder.layers.0.self_attn.q_proj"
    assert places["text_encoder_2", Q_PROJ] == "encoder.layers.0.self_attn.q_proj"
    assert places["text_encoder_2", "text_projection"] == "text_projection"
    assert ("text_encoder", "text_projection") not in places


def test_a_small_base_is_found_by_its_own_numbers() -> None:
    paths = ["down_blocks.0.resnets.0.conv1", "down_blocks.1.resnets.0.conv1"]
    places = spelled_paths({"unet": paths})
    assert places["unet", "input_blocks_3_0_in_layers_2"] == "down_blocks.1.resnets.0.conv1"
