"""Seeds as pure functions of where a draw stands, so that no mutable random state decides anything."""

from hashlib import blake2b


def derive_seed(seed: int, purpose: str, *position: int) -> int:
    """The seed of one draw: 64 bits of BLAKE2b over the run's seed, the purpose and the position.

    Args:
        seed: The run's own seed.
        purpose: What is drawn, such as "order" or "flip"; different purposes are independent of one another.
        position: Where it is drawn, such as epoch, image and repeat.

    Returns:
        An integer in [0, 2⁶⁴).
    """
    words = "\0".join([str(seed), purpose, *map(str, position)])
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest(), "big")
