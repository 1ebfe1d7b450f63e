"""Folders of pictures with everything that can be odd about them, and the wizard that looks at them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image, ImageDraw
from textual.pilot import Pilot

from loratui.profile.schema import Profile
from loratui.profile.store import profile_path, write_profile
from loratui.tui.screens.pictures import PicturesScreen
from tests.wizard import screen_text, until, wizard

COLOURS = ("firebrick", "seagreen", "royalblue", "goldenrod", "rebeccapurple", "coral", "teal", "slategray")
CAPTION = "cute girl, smiling, closed eyes, long hair, brown hair, wavy hair, cardigan, upper body"


def draw(path: Path, number: int, size: tuple[int, int] = (512, 512)) -> None:
    """One picture: a disc, so that it is plain which one is shown."""
    picture = Image.new("RGB", size, COLOURS[number % len(COLOURS)])
    edge = 40 + 10 * number
    ImageDraw.Draw(picture).ellipse((edge, edge, size[0] - edge, size[1] - edge), fill="white")
    picture.save(path)


def good_folder(root: Path, count: int = 6) -> Path:
    """`IMG/5_emi_person` with pictures and captions; returns IMG."""
    folder = root / "IMG" / "5_emi_person"
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        draw(folder / f"{number}.png", number)
        (folder / f"{number}.txt").write_text(f"{CAPTION}, picture {number}")
    return root / "IMG"


def odd_folder(root: Path) -> Path:
    """As `good_folder`, with one of everything that is odd; returns IMG."""
    img = good_folder(root, 8)
    folder = img / "5_emi_person"
    draw(folder / "2.png", 2, (768, 1024))
    (folder / "3.txt").unlink()
    (folder / "4.txt").write_text("Emi, " + ", ".join(f"tag number {number}" for number in range(30)))
    (folder / "5.txt").write_bytes("Emi, café, smiling".encode("cp1252"))
    (folder / "6.txt").write_text("")
    content = (folder / "7.png").read_bytes()
    (folder / "7.png").write_bytes(content[: len(content) // 2])
    draw(folder / "写真の一枚目です.png", 9)
    (folder / "写真の一枚目です.txt").write_text("エミ, 女の子, カフェで本を読んでいる, 笑顔, 茶色の髪, 長い髪")
    return img


def save_profile(path: Path | str, *, base: str = "demo", **dataset: object) -> None:
    """The profile emi with that folder."""
    profile = Profile.model_validate({"model": {"base": base}, "dataset": {"path": str(path), **dataset}})
    write_profile(profile, profile_path("emi"), "emi")


@asynccontextmanager
async def looking_at(
    path: Path | str, size: tuple[int, int] = (80, 24), *, base: str = "demo", ascii: bool = False, **dataset: object
) -> AsyncIterator[Pilot[int]]:
    """The wizard at the pictures of `path`, once they have been looked through."""
    save_profile(path, base=base, **dataset)
    async with wizard(size, "emi", "pictures", ascii=ascii) as pilot:
        await looked(pilot)
        yield pilot


def screen(pilot: Pilot[int]) -> PicturesScreen:
    """The pictures' screen, behind any dialog."""
    found = pilot.app.screen_stack[0]
    assert isinstance(found, PicturesScreen)
    return found


async def looked(pilot: Pilot[int]) -> None:
    """Wait until the pictures have been looked through, and what came of it is drawn."""
    await until(pilot, lambda: screen(pilot).is_settled)
    await pilot.pause()


def seen(pilot: Pilot[int]) -> str:
    """The screen as text."""
    return "\n".join(screen_text(pilot))


def row(pilot: Pilot[int], name: str) -> str:
    """The row of a picture in the list."""
    return next(line for line in screen_text(pilot) if line[2:].startswith(name))


def lower(pilot: Pilot[int]) -> str:
    """The text below the picture as one line."""
    lines = screen_text(pilot)[:-2]  # without news and keys
    last_rule = max(number for number, line in enumerate(lines) if set(line.strip()) in ({"─"}, {"-"}))
    return " ".join(" ".join(lines[last_rule + 1 :]).split())
