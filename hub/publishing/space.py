"""The app as a Hugging Face Space: the files of stylehub in the layout of a Space."""

from pathlib import Path

from hub import __version__
from hub.files import example_photo
from hub.publishing.push import Push
from hub.registry import PACKAGE_ROOT, built_in


def of_space(to: str) -> Push:
    """The push of the app to the Space ``to`` (owner/name)."""
    files: dict[str, Path | bytes] = {
        path.relative_to(PACKAGE_ROOT).as_posix(): path
        for top in ("hub", "methods", "space")
        for path in sorted((PACKAGE_ROOT / top).rglob("*"))
        if path.is_file() and _belongs(path)
    }
    files["registry.yaml"] = built_in()
    files |= {f"examples/{path.name}": path for path in example_photo().parent.glob("*.jpg")}
    files |= {name: PACKAGE_ROOT / "space" / name for name in ("README.md", "requirements.txt")}
    return Push(to, files, f"stylehub {__version__}", kind="space")


def _belongs(path: Path) -> bool:
    return not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(PACKAGE_ROOT).parts)
