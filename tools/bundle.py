"""Put freshly trained weights into the package: copy them and write their size and sha256 into registry.yaml.

python tools/bundle.py runs/cin/weights cin-25styles
python tools/bundle.py runs/vgg-slim/weights vgg-slim
python tools/bundle.py runs/udnie/weights fast-art/picabia-udnie
"""

import re
import shutil
import sys
from pathlib import Path

from hub.registry import info, parts
from hub.weights import sha256_of

ROOT = Path(__file__).resolve().parent.parent


def bundle(source: Path, name: str) -> None:
    """Copy ``source/{model.safetensors, config.json}`` into the folder of the model or part ``name``.

    Of a model with a file for each style (``model/style``) the configuration lies in the file's metadata alone.
    """
    model, _, style = name.partition("/")
    if style:
        spec = info(model).model.file(style)
    else:
        spec = parts()[name].weights if name in parts() else info(name).model.weights
    if spec is None or spec.folder is None:
        raise SystemExit(f"{name} has no bundled weights in registry.yaml")
    target = ROOT / spec.folder
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "model.safetensors", target / spec.filename)
    if not style:
        shutil.copyfile(source / "config.json", target / "config.json")
    weights = target / spec.filename
    registry = ROOT / "registry.yaml"
    text = registry.read_text(encoding="utf-8")
    start = re.search(rf"^ +{re.escape(style or name)}:\n", text, re.MULTILINE).start()  # type: ignore[union-attr]
    block = text[start:]
    facts = rf'sha256: "{sha256_of(weights)}"\g<1>bytes: {weights.stat().st_size}'
    block, found = re.subn(r'sha256: "?[0-9a-f]{64}"?(\n +)bytes: \d+', facts, block, count=1)
    if not found:
        raise SystemExit(f"{name} needs a line `bytes:` below its `sha256:` in registry.yaml")
    registry.write_text(text[:start] + block, encoding="utf-8")
    print(f"{name}: {weights.stat().st_size / 1e6:.2f} MB in {target.relative_to(ROOT)}")


if __name__ == "__main__":
    bundle(Path(sys.argv[1]), sys.argv[2])
