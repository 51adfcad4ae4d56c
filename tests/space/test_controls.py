"""Controls are built from the declarations of parameters."""

from pathlib import Path

import pytest
from pydantic import Field

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")


from hub.errors import StylehubError
from hub.parameters import FieldSpec, Parameters, Shares, field_specs, validate
from space.controls import control, given


class Everything(Parameters):
    word: str = "a"
    many: list[str] = ["x", "y"]
    secret: Path | None = None
    count: int = 3


@pytest.mark.parametrize("field", list(field_specs(Everything)), ids=lambda f: f.name)
def test_every_kind_of_parameter_has_a_control(field: FieldSpec) -> None:
    made = control(field)
    if field.kind == "path":
        assert made is None, "a visitor could name files of the server"
        return
    assert made is not None
    assert made.label == field.title
    assert made.value == field.default


class Ranges(Parameters):
    share: float = Field(0.5, ge=0, le=1)
    scale: float = Field(1.0, gt=0.05, le=8)
    rate: float = Field(1.0, gt=0, le=100)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    layers: Shares = {"a": 0.5, "b": 1.0}


def test_ranges_that_no_slider_can_serve_get_a_box() -> None:
    made = {field.name: control(field) for field in field_specs(Ranges)}
    assert isinstance(made["share"], gr.Slider)
    assert made["share"].step == made["scale"].step == 0.01
    assert isinstance(made["rate"], gr.Number)
    assert isinstance(made["seed"], gr.Number)


def test_shares_are_text_that_is_read_back() -> None:
    field = next(f for f in field_specs(Ranges) if f.name == "layers")
    text = control(field).value  # type: ignore[union-attr]
    assert text == "a=0.5, b=1"
    assert Ranges(layers=text) == Ranges()
    with pytest.raises(StylehubError, match="names with shares, such as"):
        validate(Ranges, {"layers": "a=b"})


def test_a_control_may_start_elsewhere_than_at_the_default() -> None:
    size = next(f for f in field_specs(Parameters) if f.name == "size")
    assert control(size, 384).value == "384"  # type: ignore[union-attr]
    assert control(size).value is None  # type: ignore[union-attr]


def test_what_is_left_empty_is_not_passed_on() -> None:
    assert given({"size": "", "style": None, "shares": {}, "other": [], "strength": 0.0, "keep_color": False}) == {
        "strength": 0.0,
        "keep_color": False,
    }
