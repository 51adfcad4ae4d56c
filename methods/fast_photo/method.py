"""A photograph with the colours of another, in one pass: colours move, shapes cannot.

Two thumbnails of 128 pixels decide on a colour map; the map is then applied to every pixel. After Xia et al. 2020, "Joint
Bilateral Learning for Real-time Universal Photorealistic Style Transfer" (arXiv 2004.10955).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hub.errors import StylehubError
from hub.files import free_name
from hub.images import resized, to_tensor
from hub.method import Method
from hub.parameters import File, Parameters
from hub.pictures import Pictures
from hub.progress import Progress, ProgressCallback
from hub.spatial import other_style
from hub.weights import checked_config, load_strict
from methods.fast_photo.network import EXPORTED, THUMBNAIL, FastPhotoNetwork, GlobalMap, Look, blended
from methods.fast_photo.rendering import render
from methods.parts.cube import SUFFIX, check_new_cube, identity_lut, look_up, read_cube, write_cube

if TYPE_CHECKING:
    from PIL import Image

    from hub.images import Source


class FastPhotoParameters(Parameters):
    """What the method takes."""

    style: Pictures = Field(
        title="Photo of the style",
        description="A photo whose colours to take, a colour table (.cube), or several with their shares.",
    )
    other: Pictures | None = other_style()
    local: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Local",
        description="How much of what differs from place to place; 0 is one colour table for the whole picture.",
    )
    lut: File | None = Field(
        None,
        exclude=True,
        title="Colour table",
        description="A new .cube file for the global map at the chosen strength, for any editor; it knows no places, no second "
        "style and no kept colours. Of several photos the files are numbered.",
    )


class FastPhotoConfig(BaseModel):
    """What the weights say of themselves."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=1, le=256)
    keys: int = Field(ge=1, le=256)
    bases: int = Field(ge=1, le=256)
    hidden: int = Field(ge=2, le=1024)


class FastPhoto(Method):
    """Look at two thumbnails, map every pixel."""

    Parameters = FastPhotoParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        checked = checked_config(FastPhotoConfig, config, self.entry.name)
        self.network = FastPhotoNetwork(**checked.model_dump())
        load_strict(self.network, tensors, self.entry.name)
        self.place(self.network)
        self._written: set[Path] = set()  # tables asked for before: those of further photos are numbered

    def resolve(self, parameters: FastPhotoParameters) -> FastPhotoParameters:
        if parameters.lut and parameters.lut not in self._written:
            check_new_cube(parameters.lut, "--lut")
        return parameters

    def look(self, photos: "list[tuple[Image.Image, float]]") -> Look:
        """What the network sees in RGB ``photos``, by their shares: a few hundred numbers each, which are averaged."""
        small = [to_tensor(photo.resize((THUMBNAIL, THUMBNAIL))).to(self.device) for photo, _ in photos]
        shares = torch.tensor([share for _, share in photos]).to(self.device)
        return blended(self.network.look(torch.cat(small))[0], shares / shares.sum())

    def stylize(self, content: Tensor, parameters: FastPhotoParameters, progress: ProgressCallback) -> Tensor:
        tables, photos = [], []
        for picture, share in zip(parameters.style.pictures, parameters.style.shares, strict=True):
            if share and is_table(picture):
                tables.append((read_cube(Path(str(picture))).to(self.device), share))
            elif share:
                photos += [(photo, share) for photo, _ in Pictures([picture]).read()]
        look, share = (self.look(photos) if photos else None), sum(share for _, share in photos)
        size = max([EXPORTED] * bool(photos) + [table.shape[-1] for table, _ in tables])
        result, height = [], content.shape[2]
        for number, photo in enumerate(torch.split(content, 1)):
            maps = None if look is None else self.network(resized(photo, (THUMBNAIL, THUMBNAIL)), look)
            grid = maps.grid if maps else None
            colours = one_table(tables, maps.whole if maps else None, share, size, self.device)
            lut = torch.cat([colours, self.network.guide(colours)], 1)
            if not (lut.isfinite().all() and (grid is None or grid.isfinite().all())):
                raise StylehubError(
                    "The colour map came out with values that are no numbers; load the model with dtype='float32'."
                )
            if parameters.lut:
                plain = identity_lut(size).to(colours)
                strong = torch.lerp(plain, colours[0], parameters.strength)
                write_cube(free_name(parameters.lut), strong, self.entry.model.title)
                self._written.add(parameters.lut)
            grid = None if grid is None or not parameters.local else grid * (parameters.local * share)

            def advance(rows: int, before: int = number) -> None:
                progress(Progress(before * height + rows, len(content) * height + 1))

            result.append(render(photo, lut, grid, advance))
        return torch.cat(result) if len(result) > 1 else result[0]

    def stylize_where(
        self,
        content: Tensor,
        where: Tensor,
        parameters: FastPhotoParameters,
        other: FastPhotoParameters | None,
        progress: ProgressCallback,
    ) -> Tensor:
        # The table that is written is the first style's.
        rest = None if other is None else other.model_copy(update={"lut": None})
        return super().stylize_where(content, where, parameters, rest, progress)


def one_table(
    tables: list[tuple[Tensor, float]], mapping: GlobalMap | None, share: float, size: int, device: torch.device
) -> Tensor:
    """Tables by their shares, and the share of ``mapping``, as one table ``(1, 3, size, size, size)`` in [0, 1]."""
    points = identity_lut(size).to(device).flatten(1)[None, :, None]
    colours = torch.zeros_like(points) if mapping is None else mapping(points).clamp(0, 1) * share
    for table, weight in tables:
        colours = colours + weight * look_up(table[None], points)
    return colours.clamp(0, 1).view(-1, 3, size, size, size)


def is_table(picture: "Source") -> bool:
    return isinstance(picture, str | Path) and Path(picture).suffix.lower() == SUFFIX
