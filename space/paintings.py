"""The control for paintings: one, uploaded or chosen from those that the method knows by name; more with their shares.

A slot is a picture, a name and a share. The first slot's picture has the parameter's own name in the API, the others
``style_2``, ``style_3``; names and shares have ``_name`` and ``_share`` behind it.
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

SLOTS = 3
STYLES = ("style", "second style")  # the roles of parameters whose values are styles


@dataclass(frozen=True)
class Keys:
    """What the parts of a slot are called in the API."""

    picture: str
    name: str
    share: str


@dataclass(frozen=True)
class Slots:
    """The components by their names in the API, the events that say that a choice is made, the lists of names.

    ``chosen`` are events that follow one another's end, which Gradio cannot listen to together with others.
    """

    inputs: dict[str, gr.components.Component]
    settled: list[Any]
    chosen: list[Any]
    names: list[gr.Dropdown]


def keys(field: FieldSpec, known: bool) -> Iterator[Keys]:
    """Of every slot of ``field``; ``known``: whether the method knows some paintings by name.

    What stands in a group, such as a second style, has one slot and no share.
    """
    for number in range(1 if field.group else SLOTS):
        picture = field.name if number == 0 else f"{field.name}_{number + 1}"
        yield Keys(picture, f"{picture}_name" if known else "", "" if field.group else f"{picture}_share")


def by_name_too(entry: Entry, field: FieldSpec) -> bool:
    """Whether ``field`` takes names of styles beside pictures."""
    return field.role in STYLES and "style-names" in entry.method.inputs


def name_list(title: str, info: str) -> gr.Dropdown:
    """A list of the styles that a model knows, filled when the tab is first seen; a typed name will do too."""
    return gr.Dropdown(choices=[], value=None, label=title, info=info, allow_custom_value=True)


def first_painting(field: FieldSpec) -> gr.Image:
    """The picture of the first slot, which lies beside the photo."""
    return photo_input(title=field.title, height=190 if field.group else 300)


def slots(entry: Entry, field: FieldSpec, first: gr.Image) -> Slots:
    """Lay out the rest, below the pictures."""
    made = Slots({}, [], [], [])
    one, *more = keys(field, by_name_too(entry, field))

    def listed(picture: gr.Image, key: Keys, title: str) -> None:
        """A name instead of a picture: choosing either empties the other, and only then is anything painted."""
        made.inputs[key.picture] = picture
        if not key.name:
            made.settled.append(picture.input)
            return
        names = name_list(title, "Instead of a picture: one that the model knows.")
        made.inputs[key.name] = names
        made.names.append(names)
        quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        made.chosen.append(names.input(lambda: None, outputs=[picture], **quietly).success)
        made.chosen.append(picture.input(lambda: None, outputs=[names], **quietly).success)

    def shared(key: Keys, title: str) -> None:
        share = gr.Slider(0, 1, value=1, step=0.01, label=title, info="Relative to the other paintings' shares.")
        made.inputs[key.share] = share
        made.settled.append(share.release)

    listed(first, one, f"{field.title} by name")
    if not more:
        return made
    with gr.Accordion("Several at once", open=False):
        shared(one, "Share of the first")
        for number, key in enumerate(more, 2):
            with gr.Row():
                picture = photo_input(title=f"{field.title} {number}", height=190)
                with gr.Column(min_width=140):
                    listed(picture, key, f"{field.title} {number} by name")
                    shared(key, "Its share")
    return made


def chosen(
    entry: Entry, field: FieldSpec, values: Mapping[str, Any], known: Callable[[], Mapping[str, Style]]
) -> Pictures:
    """What was put into the slots: pictures that were uploaded, and names of styles, which are never taken for paths.

    ``known`` gives the styles that there are. Raises ``ImageError``, ``ParameterError``, ``UnknownName``.
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
    """What fills the lists of names: title and artist shown, the name meant."""
    choices = [(", ".join(filter(None, (s.title or s.name, s.artist))), s.name) for s in styles.values()]
    updates = [gr.update(choices=choices) for _ in range(count)]
    return updates[0] if count == 1 else updates  # of a single output Gradio takes a list for its value


def any_chosen(entry: Entry, field: FieldSpec, values: Mapping[str, Any]) -> bool:
    """Whether a slot of ``field`` has a painting."""
    return any(values.get(key.picture) or values.get(key.name) for key in keys(field, by_name_too(entry, field)))


def api_names(entry: Entry, field: FieldSpec) -> list[str]:
    """Every parameter of the API that ``field`` has."""
    return [
        name for key in keys(field, by_name_too(entry, field)) for name in (key.picture, key.name, key.share) if name
    ]
