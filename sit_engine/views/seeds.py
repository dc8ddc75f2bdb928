"""One hash from (seed, step, number, name of the draw) to the seed of its own generator."""

from __future__ import annotations

import hashlib
import struct

import numpy as np


def stream_seed(seed: int, step: int, number: int, stream: str) -> int:
    """A seed of 63 bits for the draw called `stream` at this place of the run.

    `number` tells apart those that draw for themselves in one step, as ranks and micro-batches may.

    It is the first eight bytes of BLAKE2b over the three numbers (64 bits each, little-endian)
    and the name, so that neighbouring steps get unrelated streams and a resumed run needs no saved
    state. A non-cryptographic mixer would do as well; this one is in the standard library.
    """
    text = struct.pack("<qqq", seed, step, number) + stream.encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def numpy_stream(seed: int, step: int, number: int, stream: str) -> np.random.Generator:
    """NumPy's generator for one draw: torch's on the CPU would use only 32 bits of the seed."""
    return np.random.Generator(np.random.PCG64(stream_seed(seed, step, number, stream)))
