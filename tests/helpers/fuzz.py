"""Files and command lines damaged at random, and what a command may do with them: end, and say why."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from nflib import checkpoints, images
from nflib.models import DnCNN, DnCNNConfig, Glow, GlowConfig, NoiseLaw, NoiseLawConfig, RRDBConfig, RRDBNet
from tests.helpers.commands import run
from tests.helpers.folders import smooth_photo

# What stands in a file, or in an option, where something else should.
VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 3, 7, 0.5, 10**9, 2**63, 2**64, -(2**63), 10**400, 1e308, float("nan")),
    *(float("inf"), "", " ", "x", "日本", "\udcff", "a\nb", "nan", [], {}, [1], {"a": 1}, [[[]]]),
    *("1" * 400, "x" * 3000, {"config": {}}),
)
TEXTS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1",
        "3",
        "7",
        "0.5",
        "1e400",
        "-1e400",
        "nan",
        "inf",
        "1000000000",
        "9" * 20,
        "9" * 400,
    ),
    *(
        "x",
        "x" * 300,
        "a/b/c",
        "\x00",
        "\udcff",
        "a\nb",
        "日本",
        "\u202e",
        "--",
        "-x",
        "+",
        ":",
        "a:b",
    ),
    *(
        "/dev/null",
        "/proc/self/mem",
        "white:",
        "jpeg:",
        "patches:",
        "patches:/",
        "dark+",
        "noise:",
        "cuda",
        "meta",
    ),
)
SEEN = {"darkest": [0.0, 0.0, 0.0], "brightest": [0.4, 0.4, 0.4], "roughest": 0.1}
NOTES = {"seed": 0, "metrics": {"dB": 1.0}, "seen": SEEN}
ERROR = 2200  # letters that a line of error has at most


class Mine:
    """What must never happen: a pickle that runs something, here one that makes a file."""

    def __init__(self, trap: Path):
        self.trap = trap

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.trap,))


def problem(*arguments: object) -> str | None:
    """What is wrong with how a command ended, if anything is."""
    done = run(*arguments)
    line = " ".join(map(ascii, map(str, arguments)))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return f"{type(done.exception).__name__}: {done.exception!s:.300}: nflib {line:.1000}"
    if done.exit_code not in (0, 1, 2):
        return f"exit code {done.exit_code}: nflib {line:.1000}"
    last = done.stderr.strip("\n").split("\n")[-1]
    if done.exit_code == 2 and (not last or len(last) > ERROR or "Traceback" in done.stderr):
        return f"says {last!r:.300} ({len(last)} letters): nflib {line:.1000}"
    return None


def photos(folder: Path, count: int = 1, side: int = 24, noise: float = 0.0, first: int = 0) -> Path:
    """A new folder with photos of smooth colours."""
    folder.mkdir()
    for seed in range(first, first + count):
        photo = smooth_photo(seed, side, side)
        generator = torch.Generator().manual_seed(seed)
        images.write(
            folder / f"p{seed}.png",
            (photo + noise * torch.randn(photo.shape, generator=generator)).clamp(0, 1),
        )
    return folder


def models(folder: Path) -> dict[Path, tuple[str, ...]]:
    """New model files -> the words of the command that uses one."""
    folder.mkdir()
    law = NoiseLaw(NoiseLawConfig(reach=1, knots=3))
    made = {
        "glow": (Glow(GlowConfig(2, 1, 4)), ("models",)),
        "law": (law, ("degrade", "--model")),
        "dncnn": (DnCNN(DnCNNConfig(3, 4)), ("restore", "--model")),
        "rrdb": (RRDBNet(RRDBConfig(2, 4, 2, 1)), ("restore", "--model")),
    }
    found = {}
    for name, (model, use) in made.items():
        found[folder / f"{name}.safetensors"] = use
        checkpoints.save(model, folder / f"{name}.safetensors", NOTES)
    return found


def damaged(data: bytes, chance: random.Random, other: bytes = b"") -> bytes:
    """Bytes with a fault of one of the usual kinds."""
    kind, at = chance.randrange(7), chance.randrange(max(len(data), 1))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data + chance.randbytes(chance.randrange(1, 40))
    if kind == 2:
        return data[:at] + chance.randbytes(16) + data[at + 16 :]
    if kind == 3:
        return data[:at] + data[at + chance.randrange(1, 40) :]
    if kind == 4 and other:
        return other[: len(data) // 2] + data[len(data) // 2 :]
    near = chance.randrange(min(len(data), 200) or 1) if kind == 5 else at
    return data[:near] + bytes([data[near] ^ (1 << chance.randrange(8))]) + data[near + 1 :] if data else b"x"


def changed(content: Any, chance: random.Random) -> Any:
    """Something of JSON with another value, one value less or one more, at a random place."""
    if isinstance(content, dict) and content and chance.random() < 0.8:
        key = chance.choice(list(content))
        if chance.random() < 0.15:
            return {name: value for name, value in content.items() if name != key}
        if chance.random() < 0.1:
            return content | {chance.choice(["x", "", "日本", "a\nb"]): chance.choice(VALUES)}
        return content | {key: changed(content[key], chance)}
    if isinstance(content, list) and content and chance.random() < 0.8:
        place = chance.randrange(len(content))
        return [*content[:place], changed(content[place], chance), *content[place + 1 :]]
    return chance.choice(VALUES)


def changed_model(data: bytes, chance: random.Random) -> bytes:
    """A safetensors file whose header says something else, and is read without an error by itself."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    own = header["__metadata__"]
    part = chance.choice(["config", "config", "notes", "metadata", "tensors"])
    if part in ("config", "notes"):
        own[part] = json.dumps(changed(json.loads(own[part]), chance))
    elif part == "metadata":
        key = chance.choice(list(own))
        own[key] = str(
            chance.choice([*VALUES, "ImageModel", "PURPOSES", "DeFlow", "SRFlow", "LUDVAE", "1e9"])
        )
        own[key] = own[key].encode("utf-8", "replace").decode()
    else:
        name = chance.choice([key for key in header if key != "__metadata__"])
        entry = header[name]
        kind = chance.randrange(4)
        if kind == 0:
            header[f"{name}x"] = header.pop(name)
        elif kind == 1:
            entry["dtype"] = chance.choice(["I32", "U32", "F64", "F16", "BF16", "I8", "BOOL", "F8_E4M3"])
        elif kind == 2:
            entry["shape"] = [*entry["shape"], 1]
        else:
            entry["shape"] = entry["shape"][::-1]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def each(kinds: dict[str, Callable[[random.Random], str | None]], count: int, seed: int) -> Iterator[str]:
    """What goes wrong in so many tries of each kind."""
    for name, one in kinds.items():
        for number in range(count):
            wrong = one(random.Random(f"{seed} {name} {number}"))
            if wrong is not None:
                yield f"{name} {number}: {wrong}"
