"""The control for style images: one or several with shares, each uploaded or chosen by name.

A slot is a picture, a name and a share. In the API the first picture has the parameter's own name, the others are
``style_2`` and ``style_3``; names and shares add ``_name`` and ``_share``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from hub.errors import ParameterError
from hub.method import Style
from hub.names import resolve
from hub.parameters import FieldSpec
from hub.pictures import Pictures
from hub.registry import Entry
from space.photo import photo_input, read
from space.words import word

SLOTS = 3
STYLES = ("style", "second style")  # the roles of parameters whose values are styles


@dataclass(frozen=True)
class Keys:
    """The API names of the parts of a slot."""

    picture: str
    name: str
    share: str


@dataclass(frozen=True)
class Slots:
    """The components by their API names, the events of a finished choice, and the lists of names.

    ``chosen`` holds chained events (``.success``), which Gradio cannot listen to together with others.
    """

    inputs: dict[str, gr.components.Component]
    settled: list[Any]
    chosen: list[Any]
    names: list[gr.Dropdown]


def keys(field: FieldSpec, known: bool) -> Iterator[Keys]:
    """The API names of every slot of ``field``; ``known``: whether the method knows styles by name.

    A field in a group, such as a second style, has one slot and no share.
    """
    for number in range(1 if field.group else SLOTS):
        picture = field.name if number == 0 else f"{field.name}_{number + 1}"
        yield Keys(picture, f"{picture}_name" if known else "", "" if field.group else f"{picture}_share")


def by_name_too(entry: Entry, field: FieldSpec) -> bool:
    """Whether ``field`` takes style names besides pictures."""
    return field.role in STYLES and "style-names" in entry.method.inputs


def name_list(title: str, info: str) -> gr.Dropdown:
    """A list of the model's styles, filled when the tab is first shown; it also accepts a typed name."""
    return gr.Dropdown(choices=[], value=None, label=title, info=info, allow_custom_value=True)


def first_painting(field: FieldSpec) -> gr.Image:
    """The picture of the first slot."""
    return photo_input(title=field.title, height=170)


def slots(entry: Entry, field: FieldSpec, first: gr.Image) -> Slots:
    """Lay out the rest of the slots below the pictures."""
    made = Slots({}, [], [], [])
    one, *more = keys(field, by_name_too(entry, field))

    def listed(picture: gr.Image, key: Keys, title: str) -> None:
        """Add a list of names beside the picture; a choice in one first empties the other, then paints."""
        made.inputs[key.picture] = picture
        if not key.name:
            made.settled.append(picture.input)
            return
        names = name_list(title, "A style of the model instead of a picture.")
        made.inputs[key.name] = names
        made.names.append(names)
        quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        made.chosen.append(names.input(lambda: None, outputs=[picture], **quietly).success)
        made.chosen.append(picture.input(lambda: None, outputs=[names], **quietly).success)

    def shared(key: Keys, title: str) -> None:
        share = gr.Slider(0, 1, value=1, step=0.01, label=title, info="Compared with the other paintings.")
        made.inputs[key.share] = share
        made.settled.append(share.release)

    listed(first, one, f"{field.title} by name")
    if not more:
        return made
    with gr.Accordion(word("several"), open=False):
        shared(one, "How much of the first")
        for number, key in enumerate(more, 2):
            with gr.Row():
                picture = photo_input(title=f"{field.title} {number}", height=190)
                with gr.Column(min_width=140):
                    listed(picture, key, f"{field.title} {number} by name")
                    shared(key, "How much of this one")
    return made


def chosen(
    entry: Entry, field: FieldSpec, values: Mapping[str, Any], known: Callable[[], Mapping[str, Style]]
) -> Pictures:
    """The uploaded pictures and the style names in the slots; a name is never used as a path.

    ``known`` returns the model's styles. Raises ``ImageError``, ``ParameterError``, ``UnknownName``.
    """
    pictures: list[Any] = []
    names: list[str] = []
    shares: list[float] = []
    for number, key in enumerate(keys(field, by_name_too(entry, field)), 1):
        what = field.title.lower() if number == 1 else f"{field.title.lower()} {number}"
        if path := values.get(key.picture):
            pictures.append(read(path, what))
            names.append(path.rpartition("/")[2])
        elif key.name and (name := values.get(key.name)):
            pictures.append(resolve(str(name), known(), "style"))
            names.append(pictures[-1])
        else:
            continue
        shares.append(values.get(key.share, 1.0))
    try:
        return Pictures(pictures, shares if len(shares) > 1 else None, names)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"The parameter {field.name!r} {error}.") from None


def fill(styles: Mapping[str, Style], count: int) -> Any:
    """The updates for the lists of names: they show title and artist, and send the name."""
    choices = [(", ".join(filter(None, (s.title or s.name, s.artist))), s.name) for s in styles.values()]
    updates = [gr.update(choices=choices) for _ in range(count)]
    return updates[0] if count == 1 else updates  # for a single output Gradio would use the list as its value


def any_chosen(entry: Entry, field: FieldSpec, values: Mapping[str, Any]) -> bool:
    """Whether a slot of ``field`` has a painting."""
    return any(values.get(key.picture) or values.get(key.name) for key in keys(field, by_name_too(entry, field)))


def api_names(entry: Entry, field: FieldSpec) -> list[str]:
    """All API names of ``field``."""
    return [
        name for key in keys(field, by_name_too(entry, field)) for name in (key.picture, key.name, key.share) if name
    ]
