"""A blend as a small JSON file, to keep and open again. An uploaded file is untrusted and checked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import gradio as gr
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.errors import ParameterError
from hub.method import Method
from hub.names import resolve
from hub.parameters import validate
from hub.registry import Entry
from space.temporary import temporary_folder

_LONGEST = 64_000  # bytes, enough for four thousand styles
_Share = Annotated[float, Field(ge=0, le=1000)]


class Preset(BaseModel):
    """The content of the file: ``stylehub_preset`` is its version, ``style`` the share of each style."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    stylehub_preset: Literal[1] = 1
    model: str = Field(max_length=200)
    style: dict[str, _Share] = Field(min_length=1, max_length=4096)


def offer(entry: Entry, style: Mapping[str, float] | None) -> Any:
    """The download of ``style`` as a preset, disabled without a blend."""
    if not style:
        return gr.update(value=None, interactive=False)
    preset = validate(Preset, {"model": entry.name, "style": dict(style)})
    path = temporary_folder() / f"{entry.name}-blend.json"
    path.write_text(json.dumps(preset.model_dump(), indent=2) + "\n", encoding="utf-8")
    return gr.update(value=str(path), interactive=True)


def read(method: Method, path: str) -> dict[str, float]:
    """The blend in the file ``path``, its names in full. Raises ``ParameterError``, ``UnknownName``."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise ParameterError("This file is too long for a blend; open a blend that this app saved.")
        preset = Preset.model_validate_json(data, strict=False)
    except (OSError, ValidationError, UnicodeDecodeError, RecursionError):
        raise ParameterError("This file is not a blend; open a blend that this app saved.") from None
    if preset.model != method.entry.name:
        raise ParameterError(f"This blend is for {preset.model!r}; open it on that model's tab.")
    blend: dict[str, float] = {}
    for name, share in preset.style.items():
        full = resolve(name, method.styles, "style")
        blend[full] = blend.get(full, 0.0) + share
    if not sum(blend.values()) > 0:
        raise ParameterError("The shares of this blend sum to zero; open another one.")
    return blend
