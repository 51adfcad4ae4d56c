"""Make the sheets of the cards, of pictures that our own code renders and of nothing else.

python -m tools.card_sheets [NAME ...]     # all of them when none is named
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import hub
from hub.files import example_photo
from hub.images import read_image, to_image, to_tensor
from methods.parts.dense.depth.estimate import estimate
from methods.parts.dense.depth.scenes import scene as random_scene
from methods.parts.dense.segmentation.masks import scene as parsed
from methods.parts.sheets import contact_sheet
from tools.sheets import ROOT, save

ADAIN_STYLES = (
    "great-wave",
    "scream",
    "starry-night",
    "klimt-the-kiss",
    "composition-viii",
    "la-grande-jatte",
    "strawberry-thief",
    "dore-little-red-riding-hood",
)
# Of the presets those that neither any-style nor the network it started from was trained on.
NEW_STYLES = (
    "bruegel-hunters-in-the-snow",
    "durer-young-hare",
    "plum-park-in-kameido",
    "kirchner-street-berlin",
    "rembrandt-night-watch",
    "wheat-field-with-cypresses",
    "girl-with-a-pearl-earring",
    "utamaro-three-beauties",
)
# Three other lights for the same landscape: a gain, a power and perhaps a mixture of R, G and B.
LIGHTS = (
    ((1.15, 0.72, 0.45), (0.9, 1.1, 1.25), np.eye(3)),
    ((0.5, 0.62, 0.95), (1.5, 1.3, 1.05), np.eye(3)),
    ((1.0, 0.95, 0.75), (0.8, 0.85, 1.0), np.array([[0.5, 0.7, -0.2], [0.15, 0.7, 0.05], [0.1, 0.2, 0.5]])),
)


def scaled(picture: Image.Image, width: int, height: int) -> Image.Image:
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def valley() -> Image.Image:
    """What examples/render_valley.py makes."""
    return read_image(example_photo()).rgb


def closer() -> Image.Image:
    """A part of it."""
    return valley().crop((780, 380, 1230, 680))


def scenes(seeds: Sequence[int], height: int, width: int) -> list[tuple[Image.Image, NDArray[np.float32]]]:
    """Random scenes of methods/parts/dense/depth/scenes.py with their inverse depth, covered with rough colours, no photo."""
    rng = np.random.default_rng(4)

    def texture() -> NDArray[np.float32]:
        result = np.zeros((96, 96, 3), np.float32) + rng.uniform(0.15, 0.75, 3).astype(np.float32)
        for cells in (3, 6, 12, 24, 48):
            noise = Image.fromarray((rng.random((cells, cells, 3)) * 255).astype(np.uint8))
            noise = noise.resize((96, 96), Image.Resampling.BICUBIC)
            result += (np.asarray(noise, np.float32) / 255 - 0.5) * (0.5 / np.log2(cells + 1))
        return np.clip(result, 0, 1)

    found = []
    for seed in seeds:
        picture, inverse = random_scene(
            [texture() for _ in range(5)], height, width, np.random.default_rng([2026, seed])
        )
        found.append((Image.fromarray((picture * 255).astype(np.uint8)), inverse))
    return found


def learnt(name: str) -> Image.Image:
    """Every style that a model knows, on the landscape and a part of it."""
    model = hub.load(name, device="cpu", styles=[])
    photos = [scaled(valley(), 768, 512), scaled(closer(), 768, 512)]
    cells, captions = [], []
    for style in model.styles.values():
        made = [scaled(model(photo, style=style.name), 270, 180) for photo in photos]
        cells.append(contact_sheet(made, columns=1, gap=2))
        captions.append(f"{style.artist}: {style.title}")
    return contact_sheet(cells, columns=5 if len(cells) > 7 else 4, captions=captions)


def any_painting(name: str, styles: Sequence[str]) -> Image.Image:
    """The presets ``styles`` on four views."""
    model = hub.load(name, device="cpu")
    views = [valley(), closer(), valley().crop((0, 60, 720, 540)), valley().convert("L").convert("RGB")]
    cells = []
    for view in views:
        photo = scaled(view, 768, 512)
        cells += [scaled(made, 210, 140) for made in (photo, *(model(photo, style=style) for style in styles))]
    return contact_sheet(cells, columns=1 + len(styles))


def depth_adain() -> Image.Image:
    """The landscape, its depth, then painted far away, by a second painting nearby, and nearby alone."""
    model, photo = hub.load("depth-adain", device="cpu"), scaled(valley(), 768, 512)
    painted = partial(model, photo, style="starry-night")
    found = model.maps(photo)["depth"].convert("RGB")
    cells = [photo, found, painted(), painted(other="great-wave"), painted(where="near", contrast=3.0)]
    return contact_sheet([scaled(cell, 384, 256) for cell in cells], columns=5)


def depth() -> Image.Image:
    """Pictures, their depth by the network, and of the scenes the depth that they were rendered with."""
    drawn = scenes((3, 8, 12, 17, 23), 192, 288)
    pictures = [scaled(valley(), 768, 512), *(picture for picture, _ in drawn)]
    found = [to_image(estimate(to_tensor(picture)).expand(-1, 3, -1, -1)) for picture in pictures]
    true = [Image.new("RGB", (288, 192), "white")]
    for _, inverse in drawn:
        far = 1 - np.clip(inverse / np.quantile(inverse, 0.99), 0, 1)
        true.append(Image.fromarray((far * 255).astype(np.uint8)).convert("RGB"))
    return contact_sheet([scaled(cell, 288, 192) for cell in (*pictures, *found, *true)], columns=len(pictures))


def segmentation() -> Image.Image:
    """Pictures, and what the network says is where."""
    drawn = [picture for picture, _ in scenes((3, 17), 384, 576)]
    pictures = [scaled(picture, 576, 384) for picture in (valley(), closer(), *drawn)]
    groups = [parsed(picture).resize((384, 256), Image.Resampling.NEAREST) for picture in pictures]
    return contact_sheet([*(scaled(picture, 384, 256) for picture in pictures), *groups], columns=len(pictures))


def photo_realistic(name: str, **parameters: int) -> Image.Image:
    """The landscape, and in the colours of itself mirrored and in three other lights, each small above its result."""
    model, photo = hub.load(name, device="cpu"), scaled(valley(), 960, 640)
    plain = np.asarray(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), np.float32) / 255
    cells = [cell(None, photo)]
    for gain, power, mixture in LIGHTS:
        lit = np.clip(plain @ mixture.T, 0, 1) ** np.array(power) * np.array(gain)
        style = Image.fromarray((np.clip(lit, 0, 1) * 255).astype(np.uint8))
        cells.append(cell(style, model(photo, style=style, **parameters)))
    return contact_sheet(cells, columns=4)


def photo_affine() -> Image.Image:
    """Views of the landscape above, what the network makes of them below."""
    model = hub.load("fast-photo-affine", device="cpu")
    views = [scaled(view, 384, 256) for view in (valley(), closer(), valley().crop((0, 60, 720, 540)))]
    return contact_sheet([*views, *map(model, views)], columns=len(views))


def cell(style: Image.Image | None, result: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (480, 424), "white")
    if style is not None:
        sheet.paste(scaled(style, 150, 100), (0, 0))
    sheet.paste(scaled(result, 480, 320), (0, 104))
    return sheet


MAKERS: dict[str, tuple[str, Callable[[], Image.Image]]] = {
    "cin-25styles": ("methods/cin/weights/cin-25styles", partial(learnt, "cin-25styles")),
    "cin-25styles-lite": ("methods/cin/weights/cin-25styles-lite", partial(learnt, "cin-25styles-lite")),
    "fast-art": ("methods/fast_art/weights", partial(learnt, "fast-art")),
    "adain": ("methods/adain/weights", partial(any_painting, "adain", ADAIN_STYLES)),
    "any-style": ("methods/any_style/weights", partial(any_painting, "any-style", NEW_STYLES)),
    "metanet": ("methods/metanet/weights", partial(any_painting, "metanet", NEW_STYLES)),
    "depth-adain": ("methods/depth_adain", depth_adain),
    "depth": ("methods/parts/weights/depth", depth),
    "segmentation": ("methods/parts/weights/segmentation", segmentation),
    "deep-photo": ("methods/deep_photo", partial(photo_realistic, "deep-photo", size=384)),
    "fast-photo": ("methods/fast_photo/weights", partial(photo_realistic, "fast-photo")),
    "fast-photo-affine": ("methods/fast_photo_affine/weights", photo_affine),
}

if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(MAKERS)
    if unknown:
        raise SystemExit(f"There are no sheets for {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}.")
    for name in sys.argv[1:] or MAKERS:
        folder, make = MAKERS[name]
        save(make(), ROOT / folder / "sheet.jpg")
