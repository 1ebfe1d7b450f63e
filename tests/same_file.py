"""Two LoRA files that are the same to every tool."""

from pathlib import Path

from loratui.lora_file.header import read_header


def assert_same_file(first: Path, second: Path) -> None:
    """The same tensors at the same places and the same metadata; its order alone is not the library's to keep."""
    headers = [read_header(path) for path in (first, second)]
    assert headers[0].tensors.keys() == headers[1].tensors.keys()
    for name, one in headers[0].tensors.items():
        other = headers[1].tensors[name]
        assert (one.dtype, one.shape, one.start - headers[0].data_start, one.stop - headers[0].data_start) == (
            other.dtype,
            other.shape,
            other.start - headers[1].data_start,
            other.stop - headers[1].data_start,
        )
    assert dict(headers[0].metadata) == dict(headers[1].metadata)
    contents = [path.read_bytes()[header.data_start :] for path, header in zip((first, second), headers, strict=True)]
    assert contents[0] == contents[1]
