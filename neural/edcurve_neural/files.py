"""Files with a digest that verifies them: tensors as safetensors, other content as JSON.

A file is written under a temporary name and then moved, so that a process killed at any moment leaves the old file or
the new one. Reading a file runs no code from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from edcurve.io.files import read_bytes, reading, replacing, write_text
from edcurve.io.text import shortened
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

LARGEST = 2**33  # bytes of tensors
LARGEST_RECORD = 2**24  # bytes of a record


class DamagedFileError(ValueError):
    """A file that was altered after it was written, or cannot be read."""

    def __init__(self, path: Path, why: str, remedy: str = "delete it, and its content will be made again") -> None:
        super().__init__(f"{path}: {why}; the file is damaged: {remedy}")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors, and facts about them as JSON in the header."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    content = _ordered(save(stored, metadata={"about": text, "digest": _digest(stored, text)}))
    with replacing(path, follow=False) as temporary:
        temporary.write_bytes(content)


def _ordered(content: bytes) -> bytes:
    """The same tensors with a sorted header: safetensors writes metadata in a random order."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and facts that `write_tensors` wrote; `DamagedFileError` if the file was altered."""
    try:
        with reading(path, LARGEST), safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # the file is not a mapping
    except (SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise DamagedFileError(path, shortened(error)) from None
    if header.get("digest") != _digest(tensors, header.get("about", "")):
        raise DamagedFileError(path, "its content does not match its digest")
    return tensors, _about(path, header)


def read_about(path: Path) -> dict[str, Any]:
    """Read only the facts in the header, without verifying them."""
    try:
        with reading(path, LARGEST), safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise DamagedFileError(path, shortened(error)) from None
    return _about(path, header)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, with its digest as one more field."""
    text = json.dumps({**content, "digest": _text_digest(content)}, indent=1, allow_nan=False) + "\n"
    write_text(path, text, follow=False)


def read_json(path: Path) -> dict[str, Any]:
    """Read the object that `write_json` wrote; `DamagedFileError` if the file was altered."""
    try:
        content: dict[str, Any] = json.loads(read_bytes(path, LARGEST_RECORD))
        same = content.pop("digest") == _text_digest(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(path, f"not JSON with a digest ({shortened(error)})") from None
    if not same:
        raise DamagedFileError(path, "its content does not match its digest")
    return content


def _about(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    try:
        about = json.loads(header["about"])
    except (ValueError, KeyError, RecursionError) as error:
        raise DamagedFileError(path, f"its header has no description ({shortened(error)})") from None
    if not isinstance(about, dict):
        raise DamagedFileError(path, "its header has no description")
    return about


def _text_digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    state = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        state.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()
