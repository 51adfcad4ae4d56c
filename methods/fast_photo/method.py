"""Photorealistic style transfer in one pass: only colours change, so shapes stay.

A network computes a colour map from thumbnails of photo and style photo, 128 pixels each. The map is then applied to
every pixel. After Xia et al. 2020, "Joint Bilateral Learning for Real-time Universal Photorealistic Style Transfer"
(arXiv 2004.10955).
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hub.errors import StylehubError
from hub.files import free_name
from hub.images import at_short_side, resized, to_tensor
from hub.method import Method
from hub.parameters import FilePath, Parameters, advanced, inherited, with_role
from hub.pictures import Pictures
from hub.progress import Progress, ProgressCallback
from hub.spatial import other_style
from hub.weights import checked_config, load_strict
from methods.fast_photo.cube import SUFFIX, check_new_cube, read_cube, write_cube
from methods.fast_photo.lut import ColorTable, hald_clut, identity_lut
from methods.fast_photo.network import (
    EXPORTED,
    THUMBNAIL,
    FastPhotoNetwork,
    GlobalMap,
    Maps,
    StyleDescriptor,
    blend_descriptors,
)
from methods.fast_photo.rendering import ColorLayer, detail_of, reduced, render, render_tables
from methods.parts.dense.segmentation.masks import Parsing, regions
from methods.parts.dense.segmentation.parameters import MaskParameters

if TYPE_CHECKING:
    from PIL import Image

    from hub.images import Source

logger = logging.getLogger(__name__)

PARSED = 512  # short side in pixels for scene parsing


class FastPhotoParameters(MaskParameters, Parameters):
    """What the method takes."""

    style: Pictures = with_role(
        "style",
        title="Photo of the style",
        description="A photo whose colours to take, a colour table (.cube, or a Hald CLUT picture), or several with their "
        "shares.",
    )
    other: Pictures | None = other_style()
    local: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Local",
        description="Strength of the bilateral grid, which differs from place to place. With Local 0 and Detail 0 one colour "
        "table maps the whole picture.",
    )
    detail: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Detail",
        description="How much of the photo's fine contrast is kept; 0 lets the colour map change it.",
    )
    parser: Parsing = inherited(
        MaskParameters,
        "parser",
        "none",
        description="Finds sky, trees, water ... in both photos, and takes the colours region by region. bundled: our network. "
        "segformer: downloaded when needed, for research only. none: no regions.",
    )
    interpolation: Literal["trilinear", "tetrahedral"] = advanced(
        "trilinear",
        title="Interpolation",
        description="How a colour between the points of a colour table is found. Editors offer both; tetrahedral keeps greys "
        "cleaner.",
    )
    lut: FilePath | None = with_role(
        "table",
        None,
        exclude=True,
        title="Colour table",
        description="A new .cube file for photo editors: the global colour map at the chosen strength. It does not include "
        "regions, Local, Detail, the second style and kept colours. For several photos the files are numbered.",
    )


class FastPhotoConfig(BaseModel):
    """The metadata in a file of weights."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=1, le=256)
    keys: int = Field(ge=1, le=256)
    bases: int = Field(ge=1, le=256)
    hidden: int = Field(ge=2, le=1024)


class FastPhoto(Method):
    """Compute a colour map from two thumbnails, apply it to every pixel."""

    Parameters = FastPhotoParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        checked = checked_config(FastPhotoConfig, config, self.entry.name)
        self.network = FastPhotoNetwork(**checked.model_dump())
        load_strict(self.network, tensors, self.entry.name)
        self.place(self.network)
        self._written: set[Path] = set()  # tables written before: those of further photos get numbers

    def resolve(self, parameters: FastPhotoParameters) -> FastPhotoParameters:
        if parameters.lut and parameters.lut not in self._written:
            check_new_cube(parameters.lut, "--lut")
        return parameters

    def encode_style(self, photos: Sequence[tuple[Tensor, Tensor | None, float]]) -> StyleDescriptor:
        """The blended descriptor of ``photos``: pixels ``(1, 3, H, W)``, a mask ``(1, 1, H, W)`` or None, a share."""
        seen = [
            self.network.encode_style(small(pixels).to(self.device), None if mask is None else small(mask))[0]
            for pixels, mask, _ in photos
        ]
        shares = torch.tensor([share for *_, share in photos]).to(self.device)
        return blend_descriptors(
            StyleDescriptor(*(torch.cat(part) for part in zip(*seen, strict=True))), shares / shares.sum()
        )

    def stylize(self, content: Tensor, parameters: FastPhotoParameters, progress: ProgressCallback) -> Tensor:
        tables, photos = read_styles(parameters.style)
        thumbnails = [(to_tensor(photo.resize((THUMBNAIL, THUMBNAIL))), None, share) for photo, share in photos]
        descriptor = self.encode_style(thumbnails) if photos else None
        share = sum(share for _, share in photos)
        size = max([EXPORTED] * bool(photos) + [table.size for table, _ in tables])
        result, height = [], content.shape[2]
        for number, photo in enumerate(torch.split(content, 1)):

            def advance(rows: int, before: int = number) -> None:
                progress(Progress(before * height + rows, len(content) * height + 1))

            if descriptor is None:
                if by_groups(parameters):
                    logger.warning("A colour table has no regions, so masks and scene parsing have no effect.")
                result.append(render_tables(photo, tables, parameters.interpolation, advance))
            else:
                layers = []
                for mask, maps in self.maps_of(photo, photos, descriptor, parameters):
                    colours = one_table(tables, maps.global_map, share, size, self.device)
                    grid = maps.grid * (parameters.local * share) if parameters.local else None
                    layers.append(ColorLayer(torch.cat([colours, self.network.guide(colours)], 1), grid, mask))
                if not all(layer.finite for layer in layers):
                    raise StylehubError("The colour map contains NaN or infinity. Load the model with dtype='float32'.")
                detail = detail_of(photo, layers, kept) if (kept := parameters.detail * share) else None
                result.append(render(photo, layers, advance, detail, self.tile))
            if parameters.lut:
                global_map = self.network(small(photo), descriptor).global_map if descriptor else None
                table = one_table(tables, global_map, share, size, self.device)[0]
                strong = torch.lerp(identity_lut(size).to(table), table, parameters.strength)
                write_cube(free_name(parameters.lut), strong, self.entry.model.title)
                self._written.add(parameters.lut)
        return torch.cat(result) if len(result) > 1 else result[0]

    def maps_of(
        self,
        photo: Tensor,
        styles: "Sequence[tuple[Image.Image, float]]",
        descriptor: StyleDescriptor,
        parameters: FastPhotoParameters,
    ) -> list[tuple[Tensor | None, Maps]]:
        """For each region of ``photo`` its mask and its maps; without regions, one pair whose mask is None.

        The masks sum to 1. ``descriptor`` describes all ``styles`` together; regions that no style photo has share its maps.
        """
        thumbnail = small(photo)
        if not by_groups(parameters):
            return [(None, self.network(thumbnail, descriptor))]
        seen = reduced(photo, PARSED)
        given = parameters.photo_mask, parameters.style_mask
        # With one mask alone, the other picture must be parsed.
        parser = "bundled" if parameters.parser == "none" and not all(given) else parameters.parser
        masks: dict[str, Tensor] = {}
        likes: dict[str, list[tuple[Tensor, Tensor | None, float]]] = {}
        for picture, share in styles:
            other = to_tensor(fitting(picture)).to(self.device)
            for region in regions(seen, other, *given, parser, self.fetching):
                masks[region.name] = region.photo
                if region.style is not None:
                    likes.setdefault(region.name, []).append((other, region.style, share))
        self.remarks = {"regions": list(masks), "without_counterpart": [name for name in masks if name not in likes]}
        found: list[tuple[Tensor | None, Maps]] = [
            (masks[name], self.network(thumbnail, self.encode_style(like), small(masks[name])))
            for name, like in likes.items()
        ]
        if without := [mask for name, mask in masks.items() if name not in likes]:
            found.append((torch.stack(without).sum(0), self.network(thumbnail, descriptor)))
        return found

    def stylize_where(
        self,
        content: Tensor,
        where: Tensor,
        parameters: FastPhotoParameters,
        other: FastPhotoParameters | None,
        progress: ProgressCallback,
    ) -> Tensor:
        # Only the first style's table is written.
        rest = None if other is None else other.model_copy(update={"lut": None})
        return super().stylize_where(content, where, parameters, rest, progress)


def read_styles(style: Pictures) -> "tuple[list[tuple[ColorTable, float]], list[tuple[Image.Image, float]]]":
    """The colour tables and the photos among ``style``, with their shares."""
    tables, photos = [], []
    for picture, share in zip(style.pictures, style.shares, strict=True):
        if share and is_table(picture):
            tables.append((read_cube(Path(str(picture))), share))
            continue
        for photo, _ in Pictures([picture]).read() if share else ():
            if table := hald_clut(photo):
                logger.warning("%s is a Hald CLUT, so its colour table is applied.", Pictures([picture]).names[0])
                tables.append((table, share))
            else:
                photos.append((photo, share))
    return tables, photos


def one_table(
    tables: Sequence[tuple[ColorTable, float]],
    mapping: GlobalMap | None,
    share: float,
    size: int,
    device: torch.device,
) -> Tensor:
    """The weighted sum of ``tables`` and ``mapping`` as one LUT ``(1, 3, size, size, size)``; with ``mapping`` in [0, 1]."""
    points = identity_lut(size).to(device).flatten(1)[None, :, None]
    colours = torch.zeros_like(points) if mapping is None else mapping(points).clamp(0, 1) * share
    for table, weight in tables:
        colours = colours + weight * table(points)
    return (colours if mapping is None else colours.clamp(0, 1)).view(-1, 3, size, size, size)


def by_groups(parameters: FastPhotoParameters) -> bool:
    """Whether the photo is mapped region by region."""
    return parameters.parser != "none" or bool(parameters.photo_mask or parameters.style_mask)


def small(pixels: Tensor) -> Tensor:
    """``(N, C, H, W)`` resized to the network's thumbnail."""
    return resized(pixels, (THUMBNAIL, THUMBNAIL))


def fitting(picture: "Image.Image") -> "Image.Image":
    """``picture`` at the size for scene parsing."""
    return at_short_side(picture, min(PARSED, *picture.size))


def is_table(picture: "Source") -> bool:
    return isinstance(picture, str | Path) and Path(picture).suffix.lower() == SUFFIX
