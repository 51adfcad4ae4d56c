"""The parameters of a method that takes sky from sky and trees from trees."""

from pydantic import BaseModel, Field

from hub.fields import with_role
from methods.parts.dense.segmentation.masks import ColorMask, Parsing

GROUP = "Masks"  # what the app calls these controls


class MaskParameters(BaseModel):
    """What says which places of the photo take their style from which places of the style photo."""

    parser: Parsing = Field(
        "bundled",
        title="Scene parsing",
        description="What finds sky, trees, water ... in both photos: the bundled network, SegFormer, downloaded when "
        "needed and for research only, or none: the style photo as a whole.",
        json_schema_extra={"group": GROUP},
    )
    photo_mask: ColorMask | None = with_role(
        "photo mask",
        None,
        group=GROUP,
        title="Photo's mask",
        description="A mask of your own for the photo: a colour a region, the same colours as in the style's mask; "
        "or, alone, in the colours of scene parsing.",
    )
    style_mask: ColorMask | None = with_role(
        "style mask",
        None,
        group=GROUP,
        title="Style's mask",
        description="A mask of your own for the style photo.",
    )
