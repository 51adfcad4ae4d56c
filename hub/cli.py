"""The command line: ``stylehub list | info | stylize | fuse | batch | train | add-style | vector | eval | space | show``.

A method's own flags are drawn from its ``Parameters``; nothing here knows any method. Heavy imports happen inside
the commands, so that ``stylehub list`` answers at once.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hub.errors import ImageError, ParameterError, StylehubError
from hub.files import already_exists, free_name, write_whole
from hub.threads import give_way

if TYPE_CHECKING:
    from PIL import Image
    from rich.progress import Progress as Bars
    from rich.table import Column

    from hub.method import Method
    from hub.progress import Progress, ProgressCallback

app = typer.Typer(
    help="Image style transfer: every method behind one command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# A method's flags are unknown to typer: they arrive among the words and are parsed against the method's parameters.
FREE = {"ignore_unknown_options": True, "allow_extra_args": True}
BACKGROUND = "At the lowest priority: other work on the machine goes first."
FLAGS_HELP = "The method's own flags (such as --style, --strength, --size) are listed by `stylehub info MODEL`."

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A name of `stylehub list`, hf://owner/repo@commit or ./folder.")
]
Words = Annotated[
    list[str],
    typer.Argument(metavar="PHOTOS...", help="Pictures, folders, glob patterns, or - for standard input; and flags."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Quality = Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG and WebP.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16, float16; the fastest that is right when left out.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch the network.")]
Endpoint = Annotated[str | None, typer.Option(help="A mirror of the model hub.")]
Trust = Annotated[bool, typer.Option("--trust", help="Run the code in a ./folder that is not installed.")]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network first: for many pictures, on GPUs.")]
Bits = Annotated[int, typer.Option(help="Bits a channel: 8, or 16 from end to end, into PNG (stylehub\\[deep]).")]
StrengthMap = Annotated[
    Path | None, typer.Option(help="A grey picture: white where the style applies, black where not.")
]


def _loads_model(command: Callable[..., None]) -> Callable[..., None]:
    """``command(method, ...)`` as a command that takes a model's name and, after its own options, how to load it."""

    def load(
        model: ModelName,
        device: Device = "auto",
        dtype: Dtype = None,
        offline: Offline = False,
        endpoint: Endpoint = None,
        trust: Trust = False,
        compile: Compile = False,
    ) -> "Method":
        from hub.loading import load

        return load(
            model,
            device=device,
            dtype=dtype,
            offline=offline or None,
            endpoint=endpoint,
            trust=trust,
            compile=compile,
        )

    loading, own = signature(load).parameters, signature(command).parameters
    model, *options = loading.values()
    _, *rest = own.values()

    @wraps(command)
    def with_model(**values: Any) -> None:
        how = {name: values.pop(name) for name in loading}
        if values.get("bits") == 16 and how["dtype"] is None:
            how["dtype"] = "float32"  # half of it would keep some 8 of the 16 bits
        command(load(**how), **values)

    parameters = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in (model, *rest, *options)]
    with_model.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    with_model.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_model


def main() -> NoReturn:
    """Run the command line; every expected error is one sentence on standard error and exit status 1."""
    give_way()
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # the client's own retries are not the user's business
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong with a picture is said in our words
    try:
        app()
    except StylehubError as error:
        print(f"stylehub: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stylehub: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
    except Exception as error:
        if os.environ.get("STYLEHUB_TRACEBACK"):
            raise
        what = " ".join(str(error).split()) or "no reason given"
        print(f"stylehub: {type(error).__name__}: {what}; STYLEHUB_TRACEBACK=1 shows where.", file=sys.stderr)
    sys.exit(1)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Image style transfer: every method behind one command."""
    if show:
        from hub import __version__

        print(f"stylehub {__version__}")
        raise typer.Exit


@app.command("list")
def list_(
    task: Annotated[
        str | None, typer.Option(help="Only models for this task: single, fusion, arbitrary, depth or photo.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Every model there is."""
    from hub.registry import list_models

    entries = list_models(task)
    if as_json:
        _print_json(
            [{"name": e.name, "method": e.method_id, "tasks": e.tasks, "title": e.model.title} for e in entries]
        )
        return
    width = max(len(e.name) for e in entries)
    for e in entries:
        print(f"{e.name:{width}}  {e.model.title} ({', '.join(e.tasks)}): {e.model.summary}")


@app.command()
@_loads_model
def info(method: "Method", as_json: Json = False) -> None:
    """One model: its styles, its flags, its paper and its licences."""
    from hub.flags import rows

    entry, model = method.entry, method.entry.model
    flags = [
        dict(zip(("flag", "range", "default", "description"), row, strict=True)) for row in rows(method.Parameters)
    ]
    if as_json:
        facts = entry.model_dump(mode="json", exclude={"root"})
        _print_json(facts | {"styles": [s.model_dump() for s in method.styles.values()], "parameters": flags})
        return
    from rich.table import Table

    console = _console()
    print(f"{entry.name}: {entry.model.title}\n{entry.model.summary}\n")
    paper = entry.method.paper
    print(f"paper     {paper.authors} {paper.year}: {paper.title}, {paper.url}")
    print(f"tasks     {', '.join(entry.tasks)}; pictures of any size, tiling {entry.method.tiling}")
    print(f"licences  code {entry.method.code_license}, weights {', '.join(model.licenses) or 'none needed'}")
    if model.files:
        first, one = model.files[0], len(model.files) == 1
        where = f"{first.repo_id}@{first.revision}" if first.revision else "bundled only"
        size = f"{sum(file.bytes or 0 for file in model.files) / 1e6:.2f} MB"
        print(
            f"weights   {size if one else f'{len(model.files)} files of {size} in all'}, sha256 {model.sha256}, {where}"
        )
    if method.styles:
        print()
        table = Table(_whole("style"), "title", "artist", "year", box=None, pad_edge=False)
        for style in method.styles.values():
            table.add_row(style.name, style.title, style.artist, style.year)
        console.print(table)
    print()
    table = Table(_whole("flag"), "range", "default", "what it does", box=None, pad_edge=False)
    for flag in flags:
        table.add_row(*flag.values())
    console.print(table)


def _stylize_command(blending: bool) -> Callable[..., None]:
    """The body of ``stylize`` and ``fuse``: they differ in what they expect, not in their options."""

    @_loads_model
    def command(
        method: "Method",
        words: Words,
        output: Annotated[
            str | None,
            typer.Option("--output", "-o", help="A file, a folder for several photos, or - for standard output."),
        ] = None,
        overwrite: Overwrite = False,
        quality: Quality = 95,
        bits: Bits = 8,
        strength_map: StrengthMap = None,
        as_json: Json = False,
    ) -> None:
        if bits not in (8, 16):
            raise ParameterError(f"A picture has 8 or 16 bits a channel, not {bits}; give --bits 8 or --bits 16.")
        if blending and "fusion" not in method.entry.tasks:
            raise ParameterError(
                f"{method.entry.name} cannot blend styles; `stylehub list --task fusion` lists those that can."
            )
        parameters, photos = _split(method, words)
        if blending and isinstance(parameters.get("style"), str):
            parameters["style"] = {parameters["style"]: 1.0}
        _stylize(method, photos, parameters, output, overwrite, quality, bits, strength_map, as_json)

    return command


app.command(
    "stylize",
    help="Stylise photos: stylehub stylize cin-25styles photo.jpg --style starry-night -o out.png.",
    context_settings=FREE,
    epilog=FLAGS_HELP,
)(_stylize_command(blending=False))
app.command(
    "fuse",
    help="Blend styles: stylehub fuse cin-25styles photo.jpg --style starry-night=0.6 --style great-wave=0.4.",
    context_settings=FREE,
    epilog=FLAGS_HELP,
)(_stylize_command(blending=True))


@app.command(context_settings=FREE, epilog=FLAGS_HELP)
@_loads_model
def batch(
    method: "Method",
    words: Annotated[
        list[str], typer.Argument(metavar="PHOTOS...", help="Pictures, folders or glob patterns; and flags.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the results, which keep the photos' names.")
    ],
    overwrite: Overwrite = False,
    quality: Quality = 95,
    strength_map: StrengthMap = None,
    engine: Annotated[
        str, typer.Option(help="local: this process; ray: several (pip install 'stylehub\\[scale]').")
    ] = ("local"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="local: threads that read, and as many that write; ray: processes.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Photos of one size stylised together; what suits the device by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Stylise whole folders; run it again to go on where it stopped."""
    from hub.batch import run_folder
    from hub.progress import Pace

    parameters, photos = _split(method, words)
    pace = Pace()
    with _bar(as_json) as bar:
        task = bar.add_task("batch", total=None)

        def advance(done: int, of: int, photo: Path | None) -> None:
            pace.update(done, of)
            bar.update(task, completed=done, total=of, description=f"{pace.rate:.2g} images/s")
            if not (as_json or sys.stderr.isatty()) and pace.due(seconds=30):
                print(f"stylehub: {done}/{of}, {pace}", file=sys.stderr, flush=True)

        try:
            report = run_folder(
                method,
                photos,
                output,
                overwrite=overwrite,
                quality=quality,
                strength_map=strength_map,
                engine=engine,
                workers=workers,
                batch_size=batch_size,
                progress=advance,
                **parameters,
            )
        except KeyboardInterrupt:
            print(f"stylehub: stopped; what is finished is in {output}, the same command goes on.", file=sys.stderr)
            raise typer.Exit(130) from None
    if as_json:
        _print_json(
            {
                "written": [str(p) for p in report.written],
                "skipped": [str(p) for p in report.skipped],
                "failed": {str(p): reason for p, reason in report.failed.items()},
                "seconds": {stage: round(seconds, 3) for stage, seconds in report.seconds.items()},
            }
        )
    else:
        print(
            f"{len(report.written)} written to {output}, {len(report.skipped)} were there already, {len(report.failed)} failed"
        )
        if report.written:
            print(f"{len(report.written) / report.seconds['elapsed']:.3g} images/s: {report.shares}")
        for photo, reason in report.failed.items():
            print(f"  {photo}: {reason}", file=sys.stderr)
    if report.failed:
        raise typer.Exit(1)


@app.command(context_settings={**FREE, "help_option_names": []}, add_help_option=False)
def train(
    method: Annotated[str, typer.Argument(help="A method that can be trained, such as cin.")] = "",
    words: Annotated[list[str] | None, typer.Argument(metavar="FLAGS...", help="The recipe's settings.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder of this run; a run that stopped goes on.")] = Path(
        "runs/train"
    ),
    device: Device = "auto",
    background: Annotated[bool, typer.Option("--background", help=BACKGROUND)] = False,
    help_: Annotated[bool, typer.Option("--help", help="Show this method's settings.")] = False,
) -> None:
    """Train a method: stylehub train cin --content shards/ --styles paintings/ --vgg vgg16.safetensors --out runs/cin."""
    from hub.flags import parse, rows
    from hub.loading import named_class, plugin_class
    from hub.parameters import validate
    from hub.registry import list_models, method_entry, parts

    shared = {name: part.training for name, part in parts().items() if part.training}
    trainable = sorted({e.method_id for e in list_models() if e.method.training} | {*shared})
    if not method:
        print(
            f"usage: stylehub train METHOD --out FOLDER FLAGS...\n`stylehub train METHOD --help` lists the flags of: {', '.join(trainable)}"
        )
        raise typer.Exit(0 if help_ else 2)
    if method in shared:
        recipe_class = named_class(shared[method])
    else:
        entry = method_entry(method)
        if entry.method.training is None:
            raise ParameterError(f"{method} is not trained; these are: {', '.join(trainable)}.")
        method, recipe_class = entry.method_id, plugin_class(entry, entry.method.training)
    if help_:
        from rich.table import Table

        table = Table(_whole("flag"), "range", "default", "what it does", box=None, pad_edge=False)
        for row in [
            ("--out", "path", "runs/train", "The folder of this run; a run that stopped goes on."),
            ("--device", "", "auto", "auto, cpu, cuda, mps."),
            ("--background", "", "off", BACKGROUND),
            *rows(recipe_class.Settings),
        ]:
            table.add_row(*row)
        print(f"usage: stylehub train {method} FLAGS...\n")
        _console().print(table)
        return
    from hub.progress import Pace
    from hub.runtime import choose_device
    from hub.training import train as run

    if background and hasattr(os, "nice"):  # Windows has no such priorities
        os.nice(19)
    values, rest = parse(recipe_class.Settings, words or [])
    if rest:
        raise ParameterError(f"{rest[0]!r} is no flag; `stylehub train {method} --help` lists them.")
    place = choose_device(device)
    settings = validate(recipe_class.Settings, values).on(place)
    recipe = recipe_class(settings, place)
    pace = Pace()
    with _bar(False) as bar:
        task = bar.add_task("train", total=settings.steps)

        def advance(p: "Progress") -> None:
            pace.update(p.step, p.of)
            losses = " ".join(f"{name} {value:.3f}" for name, value in p.losses.items() if "/" not in name)
            bar.update(task, completed=p.step, description=losses)
            if not sys.stderr.isatty() and (p.step % 50 == 0 or p.step == p.of):
                speed = f"{60 * pace.rate:.3g} steps/min{pace.left}"
                print(f"{p.step}/{p.of} {losses}; {speed}", file=sys.stderr, flush=True)

        try:
            weights = run(recipe, out, place, advance)
        except KeyboardInterrupt:
            print(f"stylehub: stopped; the same command goes on from the checkpoint in {out}.", file=sys.stderr)
            raise typer.Exit(130) from None
    shown = weights if weights.is_absolute() else f"./{weights}"
    trial = "" if method in shared else f"; try it with `stylehub stylize {shown} PHOTO ...`"
    print(f"trained: {weights}{trial}; losses: `tensorboard --logdir {out}`")


@app.command("add-style", context_settings=FREE)
def add_style_(
    painting: Annotated[Path, typer.Argument(metavar="PAINTING", help="The picture whose style is learnt.")],
    name: Annotated[str, typer.Option(help="What the style will be called.")],
    words: Annotated[list[str] | None, typer.Argument(metavar="FLAGS...", hidden=True)] = None,
    model: Annotated[str, typer.Option(help="The model that learns it: a name of `stylehub list` or ./folder.")] = (
        "cin-25styles"
    ),
    title: Annotated[str, typer.Option(help="The painting's title.")] = "",
    artist: Annotated[str, typer.Option(help="Who painted it.")] = "",
    year: Annotated[str, typer.Option(help="When it was painted.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .safetensors file elsewhere than in your styles' folder.")
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Teach a model one more style: stylehub add-style painting.jpg --name mine.

    The model finds it by itself from then on, also for blends. Flags of the learning itself: --content PHOTOS (to
    practise on), --vgg FILE (another perceptual network than the best at hand), --steps N and the rest of the recipe's.
    """
    from hub.adding import add_style, recipe_of
    from hub.files import write_whole
    from hub.flags import parse
    from hub.images import encode_image
    from hub.loading import load

    method = load(model, device=device, dtype="float32", styles=[])
    values, rest = parse(recipe_of(method).Settings, words or [])
    if rest:
        raise ParameterError(f"One painting at a time; {rest[0]!r} is one too many.")
    preview: list[Image.Image] = []
    with _bar(False) as bar:
        task = bar.add_task(name, total=None)

        def advance(p: "Progress") -> None:
            told(p)
            if p.preview:
                preview[:] = [p.preview]

        told = _updating(bar, task)
        about = {"title": title, "artist": artist, "year": year}
        try:
            path = add_style(
                method, painting, name, **about, out=output, overwrite=overwrite, progress=advance, **values
            )
        except KeyboardInterrupt:
            print("stylehub: stopped; nothing was added.", file=sys.stderr)
            raise typer.Exit(130) from None
    picture = path.with_suffix(".jpg")
    write_whole(picture, encode_image(preview[0], "jpeg"))
    use = f"hub.load({model!r}, styles=[{str(path)!r}])" if output else f"stylehub stylize {model} PHOTO --style {name}"
    print(f"{path}\n{picture} shows it; use it by: {use}")


@app.command("vector")
@_loads_model
def vector_(
    method: "Method",
    paintings: Annotated[
        list[str],
        typer.Argument(metavar="PAINTINGS...", help="A picture, or several with shares: a.jpg=0.6 b.jpg=0.4."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; the painting's name and .safetensors by default.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Keep what a method sees of a painting, or of a blend, as a file of some kilobytes: --style takes it from then on."""
    from hub.flags import parse
    from hub.parameters import declared

    if not any(field.name == "style" and field.kind == "pictures" for field in declared(method.Parameters)):
        raise ParameterError(
            f"{method.entry.name} takes no paintings; `stylehub list --task arbitrary` lists who does."
        )
    values, _ = parse(method.Parameters, [word for painting in paintings for word in ("--style", painting)])
    chosen = method.checked(values).style
    target = output or Path(_label(chosen)).with_suffix(".safetensors")
    if target.suffix != ".safetensors":
        raise ParameterError(f"A style vector is a .safetensors file; call it {target.with_suffix('.safetensors')}.")
    if target.exists() and not overwrite:
        raise ImageError(already_exists(target))
    method.save_vector(chosen, target)
    print(f"{target}; use it by: stylehub stylize {method.entry.name} PHOTO --style {target}")


@app.command()
def scene(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The mask; beside the photo by default, as NAME-scene.png.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """What is where in a photo, as a mask to paint over: --photo-mask and --style-mask of deep-photo take it."""
    from hub.images import read_image, write_image
    from methods.parts.segmentation.groups import GROUPS
    from methods.parts.segmentation.masks import scene as find

    target = output or photo.with_name(f"{photo.stem}-scene.png")
    if target.suffix.lower() != ".png":
        raise ParameterError(f"A mask is a PNG, which keeps its colours; call it {target.with_suffix('.png')}.")
    if target.exists() and not overwrite:
        raise ImageError(already_exists(target))
    mask = find(read_image(photo).rgb)
    write_image(mask, target, overwrite=overwrite)
    pixels = mask.width * mask.height
    shares = {color: count / pixels for count, color in mask.getcolors(pixels) or ()}
    print(target)
    for group in GROUPS:
        if shares.get(group.color, 0) >= 0.005:
            print(f"{group.name:<9} {shares[group.color]:4.0%}  #{bytes(group.color).hex()}  {group.title}")


@app.command("eval")
@_loads_model
def evaluate(
    method: "Method",
    photos: Annotated[str, typer.Option(help="A tar shard, a folder or a pattern of photos that were not trained on.")],
    vgg: Annotated[Path, typer.Option(help="VGG-16 as safetensors, keys as torchvision's vgg16().features.")],
    paintings: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the paintings, named by the model's styles; a tar shard too if it takes any painting."
        ),
    ] = None,
    photo: Annotated[
        bool, typer.Option("--photo", help="Pairs of the photos instead of paintings: does a photo stay a photo?")
    ] = False,
    beside: Annotated[list[str] | None, typer.Option(help="With --photo: another model too; may be repeated.")] = None,
    size: Annotated[int, typer.Option(min=64, help="Short side in pixels.")] = 512,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first photos.")] = None,
    style: Annotated[list[str] | None, typer.Option(help="Only these paintings; may be repeated.")] = None,
    gap: Annotated[
        bool, typer.Option("--gap", help="The optimality gap too: optimises every picture further, a minute each.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the JSON to this file too.")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure a model: distance to the painting, distance to the photo, edges kept."""
    if output and output.exists() and not overwrite:
        raise ImageError(already_exists(output))
    if photo:
        if paintings or style or gap:
            raise ParameterError("With --photo the styles are photos too: leave --paintings, --style and --gap out.")
        from hub.loading import load

        others = [load(name, device=method.device) for name in beside or ()]
        for one in (method, *others):
            if "style-images" not in one.entry.method.inputs:
                raise ParameterError(
                    f"{one.entry.name} takes no photo as a style; --photo is for models such as deep-photo."
                )
        _evaluate_photos([method, *others], photos, vgg, size, limit, output, as_json)
        return
    if paintings is None:
        raise ParameterError("The paintings are needed: --paintings FOLDER; or --photo, for pairs of the photos.")
    from hub.evaluation import average, evaluate, paintings_for, read_photos, stylise_by
    from methods.gatys.gap import gap_by
    from methods.parts.vgg import read_vgg

    pictures = paintings_for(method, paintings, style)
    network = read_vgg(vgg).to(method.device)
    with _bar(as_json) as bar:
        task = bar.add_task("eval", total=None)
        scores = evaluate(
            stylise_by(method, pictures),
            list(read_photos(photos, limit)),
            pictures,
            network,
            size=size,
            gap=gap_by(vgg, method.device) if gap else None,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    result = {
        "model": method.entry.name,
        "weights": method.weights_sha256,
        "size": size,
        "photos": Path(photos).name,
        "paintings": paintings.name,
        "limit": limit,
        "dtype": str(method.dtype).removeprefix("torch."),
        "average": average(scores).measured(),
        "styles": {name: s.measured() for name, s in scores.items()},
    }
    rows = {name: s.measured() for name, s in [*scores.items(), ("average", average(scores))]}
    _report_scores("style name", rows, result, output, as_json)


def _evaluate_photos(
    methods: "list[Method]", photos: str, vgg: Path, size: int, limit: int | None, output: Path | None, as_json: bool
) -> None:
    """The table of ``eval --photo``: every method, the classic ways to move colours, and the photo as it is."""
    from hub.evaluation import read_photos
    from hub.photo_evaluation import PAIRS, by_method, classic_transfers, evaluate_photos, photo_pairs
    from methods.parts.vgg import read_vgg

    pictures = list(read_photos(photos))
    pairs = photo_pairs(pictures, min(limit or PAIRS, len(pictures)))
    transfers = {method.entry.name: by_method(method, size) for method in methods} | classic_transfers()
    with _bar(as_json) as bar:
        task = bar.add_task("eval", total=None)
        scores = evaluate_photos(
            transfers,
            [(pictures[one], pictures[other]) for one, other in pairs],
            read_vgg(vgg).to(methods[0].device),
            size=size,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    rows = {name: asdict(found) for name, found in scores.items()}
    result = {
        "weights": {method.entry.name: method.weights_sha256 for method in methods},
        "size": size,
        "photos": Path(photos).name,
        "pairs": pairs,
        "scores": rows,
    }
    _report_scores("method", rows, result, output, as_json)


def _report_scores(
    first: str,
    rows: "Mapping[str, Mapping[str, float]]",
    result: dict[str, Any],
    output: Path | None,
    as_json: bool,
) -> None:
    """``result`` into ``output`` and, as JSON, to the screen; or ``rows`` there as a table, whose first column is ``first``."""
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, (json.dumps(result, indent=2) + "\n").encode())
    if as_json:
        _print_json(result)
        return
    from rich.table import Table

    table = Table(_whole(first), *next(iter(rows.values())), box=None, pad_edge=False)
    for name, scores in rows.items():
        table.add_row(name, *(f"{value:.3f}" for value in scores.values()))
    _console().print(table)


@app.command()
def space(
    host: Annotated[str | None, typer.Option(help="The address to listen on; this machine only when left out.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The first free one from 7860 by default.")] = None,
    share: Annotated[bool, typer.Option("--share", help="Have Gradio make a public address for some days.")] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer the models to agents too; needs stylehub[mcp].")] = False,
) -> None:
    """The app in a browser: every model with its controls."""
    try:
        from space.app import serve
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise StylehubError("The app needs Gradio: pip install 'stylehub[space]'.") from None
    serve(host, port, share=share, mcp=mcp)


@app.command()
def show(picture: Annotated[Path, typer.Argument(help="A picture that stylehub made.")], as_json: Json = False) -> None:
    """How a picture was made, and the command that makes it again."""
    from hub.images import read_recipe
    from hub.provenance import command, python_line

    recipe = read_recipe(picture)
    if recipe is None:
        raise ImageError(
            f"{picture} does not say how it was made; it was saved without a recipe, or its metadata was removed."
        )
    if as_json:
        _print_json(recipe | {"command": command(recipe)})
        return
    print(command(recipe))
    print(python_line(recipe))
    by = f"weights sha256 {recipe['weights']}" if recipe.get("weights") else "no weights of its own"
    network = recipe.get("remarks", {}).get("perceptual_network")
    if recipe.get("stopped"):
        print("# stopped before its end: the command goes further")
    print(f"{by}{f', optimised by {network}' if network else ''}, stylehub {recipe.get('stylehub')}")


# --- What the commands share


def _split(method: "Method", words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    from hub.flags import parse

    parameters, photos = parse(method.Parameters, words)
    if not photos:
        raise ParameterError("Give at least one photo, a folder, or - for standard input.")
    values = method.checked(parameters)
    return {name: getattr(values, name) for name in parameters}, photos


def _stylize(
    method: "Method",
    photos: list[str],
    parameters: dict[str, Any],
    output: str | None,
    overwrite: bool,
    quality: int,
    bits: int,
    strength_map: Path | None,
    as_json: bool,
) -> None:
    from hub.deep import RECORD, check_png, encode_deep, save_deep, stylize_deep
    from hub.images import encode_image, find_images, read_image
    from hub.provenance import save

    deep = bits == 16
    to_stdout = output == "-" or (output is None and photos == ["-"])
    if "-" in photos:
        if photos != ["-"]:
            raise ParameterError("Standard input is one picture; give - alone.")
        jobs: dict[Path | None, Path] = {None: Path(output or "-")}
    else:
        paths = find_images(photos)
        if to_stdout and len(paths) > 1:
            raise ParameterError(f"Standard output takes one picture, not {len(paths)}; give a folder with -o.")
        jobs = _jobs(paths, output, parameters, ".png" if deep else None)
    if deep and not to_stdout:
        for target in jobs.values():
            check_png(target)
    if not to_stdout and not overwrite:
        for target in jobs.values():
            if target.exists():
                raise ImageError(already_exists(target))
    for photo, target in jobs.items():
        if photo and target.exists() and target.samefile(photo):
            raise ImageError(f"The result would replace the photo {photo}; choose another name with -o.")
    written = []
    with _bar(as_json or to_stdout) as bar:
        for photo, target in jobs.items():
            task = bar.add_task(photo.name if photo else "standard input", total=None)
            source: Any = photo or sys.stdin.buffer
            latest: list[Image.Image] = []
            try:
                result: Any = (partial(stylize_deep, method) if deep else method)(
                    source,
                    strength_map=strength_map,
                    progress=_updating(bar, task, latest),
                    **parameters,
                )
            except KeyboardInterrupt:
                if not latest or to_stdout:
                    raise
                stopped = free_name(target.with_name(f"{target.stem}-stopped.png"))
                values = method.checked(parameters)
                reached = latest[0] if photo is None else latest[0].resize(read_image(photo).rgb.size)
                reached.info["stylehub"] = (
                    method.describe(values, photo, strength_map) | method.remarked() | {"stopped": True}
                ) | (RECORD if deep else {})
                save(reached, stopped)
                print(f"stylehub: stopped; {stopped} is how far it came, --initial goes on from it.", file=sys.stderr)
                raise typer.Exit(130) from None
            recipe = result.recipe if deep else result.info["stylehub"]
            if to_stdout:
                data = (
                    encode_deep(result.pixels, alpha=result.alpha, recipe=recipe)
                    if deep
                    else encode_image(result, "png", recipe=recipe)
                )
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
                return
            if deep:
                save_deep(result.pixels, target, alpha=result.alpha, recipe=recipe, overwrite=overwrite)
            else:
                save(result, target, overwrite=overwrite, quality=quality)
            written.append({"photo": str(photo) if photo else None, "output": str(target)} | recipe)
    if as_json:
        _print_json(written)
    else:
        for job in written:
            print(job["output"])


def _jobs(
    paths: list[Path], output: str | None, parameters: dict[str, Any], extension: str | None
) -> "dict[Path | None, Path]":
    """Photo -> result: the file or folder of ``output``, or the photo's name with the style's in the current folder.

    Names that are made here end in ``extension``, by default in the photo's own where that can be written.
    """
    from hub.images import FORMATS

    folder = Path(output or ".")
    if output and folder.suffix and not folder.is_dir() and not output.endswith("/"):
        if len(paths) > 1:
            raise ImageError(f"{output} names one file, and there are {len(paths)} photos; give a folder with -o.")
        return {paths[0]: folder}
    label = _label(parameters.get("style") or "stylised")
    jobs: dict[Path | None, Path] = {}
    for path in paths:
        suffix = extension or (path.suffix if path.suffix.lower() in FORMATS else ".png")
        target = folder / f"{path.stem}-{label}{suffix}"
        if target in jobs.values():
            raise ImageError(f"Two photos would become {target}; stylise them into two folders.")
        jobs[path] = target
    return jobs


def _label(style: Any) -> str:
    """What a result's name says of its style: names of styles as they are, of files without folder and suffix."""
    if isinstance(style, str):
        return style
    names = (Path(name).stem for name in style.names) if hasattr(style, "names") else style
    return "+".join(names)


@contextmanager
def _bar(hidden: bool) -> "Iterator[Bars]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as bar:
        yield bar


def _updating(bar: "Bars", task: Any, latest: "list[Image.Image] | None" = None) -> "ProgressCallback":
    """Move the bar, show the losses beside it, and keep the ``latest`` preview; without a terminal, a line now and then."""
    from hub.progress import Pace

    name, pace = bar.tasks[task].description, Pace()

    def update(p: "Progress") -> None:
        losses = "".join(f"  {what} {value:.3f}" for what, value in p.losses.items() if "/" not in what)
        bar.update(task, completed=p.step, total=p.of, description=name + losses)
        if p.losses and not bar.console.is_terminal and pace.due(seconds=10):
            print(f"stylehub: {name}, {p.step}/{p.of}{losses}", file=sys.stderr, flush=True)
        if latest is not None and p.preview is not None:
            latest[:] = [p.preview]

    return update


def _console() -> Any:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200)


def _whole(title: str) -> "Column":
    """A column of names, which are of no use when they are cut."""
    from rich.table import Column

    return Column(title, no_wrap=True)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
