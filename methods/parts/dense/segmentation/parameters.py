"""The parameters of a method that transfers style region by region: sky from sky, trees from trees."""

from pydantic import BaseModel, Field

from hub.fields import with_role
from methods.parts.dense.segmentation.masks import ColorMask, Parsing

GROUP = "Masks"  # what the app calls these controls


class MaskParameters(BaseModel):
    """Scene parsing or masks, for the regions of photo and style photo."""

    parser: Parsing = Field(
        "bundled",
        title="Scene parsing",
        description="Finds sky, trees, water ... in both photos. bundled: our network. segformer: downloaded when needed, for "
        "research only. none: no regions.",
        json_schema_extra={"group": GROUP},
    )
    photo_mask: ColorMask | None = with_role(
        "photo mask",
        None,
        group=GROUP,
        title="Photo's mask",
        description="Your own mask for the photo, with one colour per region. Use the colours of the style's mask; without "
        "one, the colours of scene parsing.",
    )
    style_mask: ColorMask | None = with_role(
        "style mask",
        None,
        group=GROUP,
        title="Style's mask",
        description="Your own mask for the style photo.",
    )
