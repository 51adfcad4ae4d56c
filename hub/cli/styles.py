"""`stylehub add-style` and `vector`: keep a style as a file; `scene`: make a mask of a photo."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import ImageError, ParameterError
from hub.files import already_exists, fitting, free_name

if TYPE_CHECKING:
    from PIL import Image

    from hub.method import Method
    from hub.progress import Progress
from hub.cli.console import progress_bar, updating
from hub.cli.options import Device, Overwrite, describes_style, loads_model


@describes_style
def add_style(
    painting: Annotated[Path, typer.Argument(metavar="PAINTING", help="The style image.")],
    name: Annotated[str, typer.Option(help="The name of the new style.")],
    words: Annotated[list[str] | None, typer.Argument(metavar="FLAGS...", hidden=True)] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The model: a name of `stylehub list` or ./folder. Default: the first that can learn styles."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .safetensors file. Default: in your folder of styles.")
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    **about: str,
) -> None:
    """Teach a model one more style: stylehub add-style painting.jpg --name mine.

    The model can then use the style, also in blends. Training flags: --content PHOTOS (training photos), --vgg FILE
    (another perceptual network), --steps N and all other training settings.
    """
    from hub.cli.flags import parse
    from hub.files import write_whole
    from hub.images import encode_image
    from hub.loading import load
    from hub.registry import list_models
    from hub.trainer.add_style import add_style, training_of

    model = model or next(entry.name for entry in list_models() if entry.method.adding)
    method = load(model, device=device, dtype="float32", styles=[])
    values, rest = parse(training_of(method).Settings, words or [])
    if rest:
        raise ParameterError(f"Give one painting only, without {rest[0]!r}.")
    preview: list[Image.Image] = []
    with progress_bar(False) as bar:
        task = bar.add_task(name, total=None)

        def advance(p: "Progress") -> None:
            told(p)
            if p.preview:
                preview[:] = [p.preview]

        told = updating(bar, task)
        try:
            path = add_style(
                method, painting, name, **about, out=output, overwrite=overwrite, progress=advance, **values
            )
        except KeyboardInterrupt:
            print("stylehub: stopped; nothing was added.", file=sys.stderr)
            raise typer.Exit(130) from None
    picture = path.with_suffix(".jpg")
    if output:  # beside it the painting itself may lie under this name
        picture = free_name(picture)
    write_whole(picture, encode_image(preview[0], "jpeg"))
    use = shlex.join(["stylehub", "stylize", model, "PHOTO", "--style", str(path) if output else name])
    print(f"{path}\n{picture} shows it; use it with: {use}")


@loads_model
@describes_style
def vector(
    method: "Method",
    paintings: Annotated[
        list[str],
        typer.Argument(metavar="PAINTINGS...", help="A picture, or several with shares: a.jpg=0.6 b.jpg=0.4."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file. Default: the painting's name with .safetensors.")
    ] = None,
    overwrite: Overwrite = False,
    **about: str,
) -> None:
    """Save the style vector of a painting or a blend as a file of some kilobytes, which --style accepts."""
    from hub.cli.flags import parse
    from hub.files import example_photo
    from hub.images import read_image
    from hub.parameters import field_specs, value_of
    from hub.publishing.preview import PREVIEW
    from hub.publishing.style_file import sign_vector, style_of_vector

    style = next((f for f in field_specs(method.Parameters) if f.role == "style" and f.kind == "pictures"), None)
    if style is None:
        raise ParameterError(
            f"{method.entry.name} cannot take paintings; `stylehub list --task arbitrary` lists models that can."
        )
    values, _ = parse(method.Parameters, [word for painting in paintings for word in (style.option, painting)])
    chosen = value_of(method.checked(values), "style")
    target = output or Path(label(chosen)).with_suffix(".safetensors")
    if target.suffix != ".safetensors":
        raise ParameterError(f"A style vector must be a .safetensors file; use {target.with_suffix('.safetensors')}.")
    if target.exists() and not overwrite:
        raise ImageError(already_exists(target))
    signed = style_of_vector(target, about)
    method.save_vector(chosen, target)
    example = read_image(example_photo()).rgb
    example.thumbnail(PREVIEW)
    painted: dict[str, Any] = {style.name: target}
    sign_vector(method, target, signed, method(example, **painted))
    use = shlex.join(["stylehub", "stylize", method.entry.name, "PHOTO", "--style", str(target)])
    print(f"{target}; use it with: {use}")


def scene(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The mask. Default: NAME-scene.png beside the photo.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Save the segmentation of a photo as a mask to edit, for --photo-mask and --style-mask of deep-photo."""
    from hub.images import read_image, write_image
    from methods.parts.dense.segmentation.groups import GROUPS
    from methods.parts.dense.segmentation.masks import scene as find

    target = output or fitting(photo.with_name(f"{photo.stem}-scene.png"))
    if target.suffix.lower() != ".png":
        raise ParameterError(f"A mask must be a PNG, which keeps its colours; use {target.with_suffix('.png')}.")
    if target.exists() and not overwrite:
        raise ImageError(already_exists(target))
    mask = find(read_image(photo).visible)
    write_image(mask, target, overwrite=overwrite)
    pixels = mask.width * mask.height
    shares = {color: count / pixels for count, color in mask.getcolors(pixels) or ()}
    print(target)
    for group in GROUPS:
        if shares.get(group.color, 0) >= 0.005:
            print(f"{group.name:<9} {shares[group.color]:4.0%}  #{bytes(group.color).hex()}  {group.title}")


def label(style: Any) -> str:
    """The style in the name of a result: names of styles, and of files without folder and suffix."""
    if isinstance(style, str):
        return style
    names = (Path(name).stem for name in style.names) if hasattr(style, "names") else style
    return "+".join(names)
