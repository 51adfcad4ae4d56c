"""stylehub: a hub of image style transfer methods.

    import hub

    style = hub.load("cin-25styles")                        # a model of hub.list(), ./folder, hf://owner/repo@commit
    out = style("photo.jpg", style="starry-night")          # a path, bytes, a PIL image: a PIL image comes back
    out = style(array, style="udnie")                       # numpy uint8 (H, W, 3) in RGB: an array comes back
    out = style(tensor, style={"udnie": 1, "senecio": 2})   # float (N, 3, H, W) in [0, 1]: a tensor, without gradient
    hub.save(out, "out.png")
    for out in style.batch(["a.jpg", "b.jpg"], style="udnie"): ...

``style.styles`` has the styles by name, ``help(style.Parameters)`` the parameters, ``hub.info(name)`` paper and licences.
Whatever is wrong is a ``hub.StylehubError`` with one sentence. A model can be pickled and used in threads, and its memory
is free when nothing refers to it.

``import hub`` is fast and does not import torch; the names below load at first use.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.batch import run_folder as run_folder
    from hub.deep import read_deep as read_deep
    from hub.deep import save_deep as save_deep
    from hub.errors import StylehubError as StylehubError
    from hub.images import save as save
    from hub.loading import load as load
    from hub.method import Method as Method
    from hub.parameters import Parameters as Parameters
    from hub.progress import Progress as Progress
    from hub.registry import info as info
    from hub.registry import list_models

    list = list_models

__version__ = "0.1.0"

_WHERE = {
    "load": ("hub.loading", "load"),
    "list": ("hub.registry", "list_models"),
    "info": ("hub.registry", "info"),
    "save": ("hub.images", "save"),
    "read_deep": ("hub.deep", "read_deep"),
    "save_deep": ("hub.deep", "save_deep"),
    "run_folder": ("hub.batch", "run_folder"),
    "Method": ("hub.method", "Method"),
    "Parameters": ("hub.parameters", "Parameters"),
    "Progress": ("hub.progress", "Progress"),
    "StylehubError": ("hub.errors", "StylehubError"),
}
__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'hub' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> Sequence[str]:
    return sorted(__all__)
