import pytest

from loratui.errors import GenerationError
from loratui.generation.prompt import LoraTag, ParsedPrompt, parse_prompt


@pytest.mark.parametrize(
    ("prompt", "text", "loras"),
    [
        ("a girl, smile", "a girl, smile", ()),
        ("", "", ()),
        ("<lora:emi>", "", (LoraTag("emi", 1.0, 1.0),)),
        ("<lora:emi:0.8> a girl", "a girl", (LoraTag("emi", 0.8, 0.8),)),
        ("a girl <lora:emi:0.8:0.6>", "a girl", (LoraTag("emi", 0.8, 0.6),)),
        ("a girl, <lora:emi:0.8>, smile", "a girl, , smile", (LoraTag("emi", 0.8, 0.8),)),
        ("<lora:emi:te=0.5>", "", (LoraTag("emi", 0.5, 0.5),)),
        ("<lora:emi:unet=0.5>", "", (LoraTag("emi", 1.0, 0.5),)),
        ("<lora:emi:te=0.5:unet=0.25>", "", (LoraTag("emi", 0.5, 0.25),)),
        ("<lora:emi:0.8:te=0.5>", "", (LoraTag("emi", 0.5, 0.5),)),
        ("<lora:emi:0.8:0.6:unet=-1>", "", (LoraTag("emi", 0.8, -1.0),)),
        ("a <lora:one:0.5>  b\t<lora:two:.7> c", "a b c", (LoraTag("one", 0.5, 0.5), LoraTag("two", 0.7, 0.7))),
        ("line one <lora:emi>\n second", "line one\nsecond", (LoraTag("emi"),)),
        ("<lora:my file (v2):1>", "", (LoraTag("my file (v2)"),)),
        ("I <3 this > that, (smile:1.2)", "I <3 this > that, (smile:1.2)", ()),
        (r"\(a\) <lora:x:1> [b] BREAK c", r"\(a\) [b] BREAK c", (LoraTag("x"),)),
        (r"a \<lora:x:1>", "a \\", (LoraTag("x"),)),
        ("(a <lora:x (v2):0.5>:1.2)", "(a :1.2)", (LoraTag("x (v2)", 0.5, 0.5),)),
        ("<lora:this AND that [a|b]:0.5>", "", (LoraTag("this AND that [a|b]", 0.5, 0.5),)),
        ("ANDROID, SAND, a_AND_b, a and b", "ANDROID, SAND, a_AND_b, a and b", ()),
    ],
)
def test_tags_are_read_as_a1111_reads_them(prompt: str, text: str, loras: tuple[LoraTag, ...]) -> None:
    assert parse_prompt(prompt) == ParsedPrompt(text, loras)


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [
        ("<lora:>", "is not complete"),
        ("a <lora:emi:0.8", "is not complete"),
        ("<LORA:", "is not complete"),
        ("<lora::0.8>", "names no LoRA"),
        ("<lora:te=0.8>", "names no LoRA"),
        ("<lora:emi:strong>", "'strong', which is not a number"),
        ("<lora:emi:>", "'', which is not a number"),
        ("<lora:emi:nan>", "not a number"),
        ("<lora:emi:inf>", "not a number"),
        ("<lora:emi:1:1:1>", "more than a name and two strengths"),
        ("<lora:emi:1:lbw=XYZ>", "unknown argument lbw="),
        ("<lora:emi,other:1>", "comma"),
        ("<hypernet:emi:1>", "is not a LoRA's tag"),
    ],
)
def test_a_malformed_tag_is_named(prompt: str, complaint: str) -> None:
    with pytest.raises(GenerationError, match=r"^The tag <") as caught:
        parse_prompt(prompt)
    assert complaint in caught.value.what
    assert caught.value.todo


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [
        ("a cat AND a dog", "with AND"),
        ("(a,AND,b:1.2) <lora:x:1>", "with AND"),
        ("a [cat:dog:0.5]", "[cat:dog:0.5]"),
        ("[word:1.2]", "[word:1.2]"),
        ("[cat|dog]", "[cat|dog]"),
        ("(a BREAK b)", "BREAK"),
        ("(a:1.2.3)", "1.2.3"),
    ],
)
def test_what_is_not_understood_is_refused_before_anything_is_drawn(prompt: str, complaint: str) -> None:
    with pytest.raises(GenerationError) as caught:
        parse_prompt(prompt)
    assert complaint in caught.value.what
    assert caught.value.todo


def test_a_complaint_holds_no_control_characters_and_stays_short() -> None:
    with pytest.raises(GenerationError) as caught:
        parse_prompt("<lora:\x1b[31m" + "x" * 5000)
    assert "\x1b" not in str(caught.value)
    assert len(caught.value.what) < 200


def test_a_tag_is_written_as_it_is_read() -> None:
    assert str(LoraTag("emi", 0.8, 0.8)) == "<lora:emi:0.8>"
    assert str(LoraTag("emi", 1.0, 0.25)) == "<lora:emi:1:0.25>"
    assert str(LoraTag("a:b>c=d,e", 1.0, 1.0)) == "<lora:abcde:1>"
