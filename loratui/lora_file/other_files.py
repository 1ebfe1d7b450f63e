"""What a file that is called .safetensors is instead, by its first bytes: what browsers and git leave behind."""

_DOWNLOAD = "Download or copy it again."
_PICKLE = "Such files can run code when opened, so loratui does not read them; use the .safetensors version."
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff")
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")


def other_file(opening: bytes) -> tuple[str, str]:
    """Return what a file is that begins with `opening`, to follow "X is …", and what to do, or "" for that.

    Args:
        opening: Its first 512 bytes, or all where there are fewer.
    """
    text = opening.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not opening:
        return "empty (0 bytes)", _DOWNLOAD
    if opening.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself", "Fetch the file with `git lfs pull`, or download it."
    if text.startswith(_PAGES):
        return "a web page, not safetensors", "The download probably asked for a login; download it again."
    if opening.startswith(b"PK\x03\x04"):
        return "a zip archive or a PyTorch pickle (.pt, .ckpt), not safetensors", _PICKLE
    if opening[:1] == b"\x80" and opening[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        return "a Python pickle, not safetensors", _PICKLE
    if text.startswith((b"{", b"[")):
        return "a JSON text, not safetensors", _DOWNLOAD
    if opening.startswith(_PICTURES):
        return "a picture, not safetensors", ""
    return "not a safetensors file", ""
