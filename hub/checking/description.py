"""The description of a method: its entry, the weights that it pins, its card."""

import json
import re
import shlex
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from hub.checking.case import Broken, LeftOut, require
from hub.entries import Entry
from hub.parameters import field_specs
from hub.plugins import plugin_class
from hub.registry import PACKAGE_ROOT
from hub.weights import check_finite, find_weights, read_config, read_safetensors

SECTIONS = ("The method", "Parameters", "Limits")
FILLER = re.compile(r"\b(TODO|FIXME|TBD|lorem ipsum)\b", re.IGNORECASE)


def entry(entry: Entry) -> None:
    """The entry names licences as SPDX does, a paper that can be found, and tasks that go with the inputs."""
    method = entry.method
    for what, license in [("code_license", method.code_license), *(("license", text) for text in entry.model.licenses)]:
        require(in_spdx(license), f"{what} {license!r} is not an SPDX identifier, such as MIT or Apache-2.0")
    paper = method.paper
    require(paper.title.strip() and paper.authors.strip(), "the paper has no title or no authors")
    require(1900 <= paper.year <= date.today().year + 1, f"the paper's year is {paper.year}")
    require("//example." not in paper.url, f"the paper's address {paper.url} is an example")
    require(entry.model.summary.endswith("."), "the summary is not a sentence with a full stop")
    require(not FILLER.search(f"{paper} {entry.model.title} {entry.model.summary}"), "the entry is not filled in")
    any_painting = "arbitrary" in method.tasks
    require(not any_painting or "style-images" in method.inputs, "the task arbitrary needs style-images in inputs")


def weights(entry: Entry) -> None:
    """Every file of weights is a safetensors file of this method, of the pinned size and hash, with finite numbers."""
    if not entry.model.files:
        raise LeftOut("it has no weights")
    for spec in entry.model.files:
        require(spec.bytes, f"{spec.filename} has no `bytes:` in the entry")
        path = find_weights(spec, root=entry.root, owner=entry.source)
        config = read_config(path)
        require(config.get("method") in entry.method_ids, f"{path.name} is for the method {config.get('method')!r}")
        check_finite(read_safetensors(path), path)
        beside = path.with_name("config.json")
        if entry.model.weights and beside.is_file():
            require(read_json(beside) == config, f"{beside} differs from the metadata")


def card_path(entry: Entry) -> Path | None:
    """Where the card lies: with the weights, or with the code of a method that has none; None: in its repository only."""
    files = entry.model.files
    own = files[0].folder if files and not entry.method.weights_of else None
    if entry.root is None or (own is None and files and not entry.method.weights_of):
        return None
    beside_code = f"methods/{entry.method_id.replace('-', '_')}" if entry.root == PACKAGE_ROOT else "."
    return entry.root / (own or beside_code) / "README.md"


def card(entry: Entry) -> None:
    """The card has what the model hub reads, and the sections that readers expect."""
    path, text = card_text(entry)
    front = text.split("---\n")[1] if text.startswith("---\n") and text.count("---\n") > 1 else ""
    try:
        facts = yaml.safe_load(front) or {}
    except yaml.YAMLError as error:
        raise Broken(f"the front matter of {path} is not readable YAML ({' '.join(str(error).split())})") from None
    license = facts.get("license") if isinstance(facts, dict) else None
    require(license, f"{path} has no license in its front matter")
    told = {license.lower() for license in entry.model.licenses or [entry.method.code_license]}
    require(str(license) in told, f"{path} says license: {license}, the entry {' and '.join(sorted(told))}")
    require(facts.get("library_name") == "stylehub", f"{path} has no library_name: stylehub in its front matter")
    missing = [f"## {title}" for title in SECTIONS if title not in sections(text)]
    require(not missing, f"{path} has no section {' and no section '.join(missing)}")
    require(not FILLER.search(text), f"{path} is not filled in")
    own = {spec.name for spec in field_specs(plugin_class(entry).Parameters)}
    table = re.findall(r"^\| `--([a-z0-9-]+)`", text, re.MULTILINE)
    unknown = [f"--{flag}" for flag in table if flag.replace("-", "_") not in own]
    require(not unknown, f"{path} describes {' and '.join(unknown)}, which the method does not have")


def figures(entry: Entry) -> None:
    """`stylehub eval` has measured the trained weights, and the card tells its figures."""
    if not entry.model.files or entry.method.weights_of:
        raise LeftOut("it has no weights of its own")
    if not {"style-names", "style-images"} & {*entry.method.inputs}:
        raise LeftOut("it takes no style, whose distance could be measured")
    path, text = card_text(entry)
    measured = path.with_name("eval.json")
    of_photo = entry.tasks == ("photo",) and "style-images" in entry.method.inputs
    how = ["--photo"] if of_photo else ["--paintings", "PAINTINGS"]
    words = ["stylehub", "eval", entry.address, "--photos", "PHOTOS", *how, "--vgg", "VGG", "-o", str(measured)]
    again = f"`{shlex.join([*words, '--overwrite'])}`"
    require(measured.is_file(), f"there is no {measured}; write it by {again}")
    result = read_json(measured)
    try:
        of_photos = "scores" in result
        sha256 = result["weights"][entry.name] if of_photos else result["weights"]
        found = result["scores"][entry.name] if of_photos else result["average"]
        numbers = {name: float(found[name]) for name in ("style", "edges")}
    except (KeyError, TypeError, ValueError):
        raise Broken(f"{measured} is not what `stylehub eval` writes; write it by {again}") from None
    require(sha256 == entry.model.sha256, f"{measured} is of other weights; write it again by {again}")
    for name, number in numbers.items():
        told = any(re.search(rf"(?<![\d.]){number:.{digits}f}(?!\d)", text) for digits in (2, 3))
        require(told, f"{path} does not tell what {measured} measured: {name} {number:.3f}")


def card_text(entry: Entry) -> tuple[Path, str]:
    """Where the card lies, and what it says. Raises ``LeftOut`` where it is in its repository only, ``Broken``."""
    path = card_path(entry)
    if path is None:
        raise LeftOut("its card is in its repository only")
    require(path.is_file(), f"there is no card at {path}")
    try:
        return path, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Broken(f"{path} cannot be read ({error})") from None


def in_spdx(license: str) -> bool:
    """Whether SPDX knows this licence, or expression of licences; ``LicenseRef-...`` names another one."""
    try:
        canonicalize_license_expression(license)
    except InvalidLicenseExpression:
        return False
    return True


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises ``Broken``."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Broken(f"{path} is not readable JSON ({error})") from None


def sections(text: str) -> Sequence[str]:
    """The titles of the sections of a card."""
    return re.findall(r"^## (.+?)\s*$", text, re.MULTILINE)


DESCRIPTION = (entry, weights, card, figures)
