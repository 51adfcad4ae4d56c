"""An endpoint as callers and agents see it: its named parameters and its description, from the declared parameters."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hub.parameters import field_specs
from hub.registry import Entry


def with_names(handler: Callable[..., Any], names: Mapping[str, bool]) -> inspect.Signature:
    """The signature of ``handler`` with explicit keywords: ``names``, and whether each is required."""
    own = [p for p in inspect.signature(handler).parameters.values() if p.kind is not p.VAR_KEYWORD]
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=inspect.Parameter.empty if required else None)
        for name, required in ({"photo": True} | {**names}).items()
    ]
    return inspect.Signature(own + named)


def description(entry: Entry, parameters: Any) -> str:
    """The description of an endpoint, for people and agents, from the declared parameters."""
    lines = [entry.model.summary, "", "Args:", "    photo: The picture to paint, of any size."]
    lines += [f"    {field.name}: {field.description}" for field in field_specs(parameters)]
    lines += ["", "Returns:", "    Before and after for the page; the picture as PNG at full size, with provenance"]
    lines += ["    metadata; the shell command and the line of Python that make it again."]
    return "\n".join(lines)
