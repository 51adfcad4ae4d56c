"""Flags drawn from a pydantic model."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from hub.cli.flags import parse, rows
from hub.errors import ParameterError, StylehubError, UnknownName
from hub.names import resolve
from hub.parameters import Parameters, inherited, validate


class Model(BaseModel):
    style: str | dict[str, float] = Field(description="A style.")
    strength: float = Field(1.0, ge=0, le=1, description="How much.")
    keep_color: bool = Field(False, description="Colours.")
    size: int | None = Field(None, ge=8, description="Pixels.")
    mode: Literal["fast", "fine"] = Field("fast", description="Which.")
    shards: list[Path] = Field([], description="Where.")
    bf16: bool | None = Field(None, description="Measured when left out.")


@pytest.mark.parametrize(
    ("words", "values", "rest"),
    [
        ("--strength 0.5 a.jpg", {"strength": "0.5"}, ["a.jpg"]),
        ("a.jpg --strength=0.5 b.jpg", {"strength": "0.5"}, ["a.jpg", "b.jpg"]),
        ("--keep-color a.jpg", {"keep_color": True}, ["a.jpg"]),
        ("--no-keep-color -", {"keep_color": False}, ["-"]),
        ("--bf16 a.jpg", {"bf16": True}, ["a.jpg"]),
        ("a.jpg --no-bf16", {"bf16": False}, ["a.jpg"]),
        ("--style x", {"style": "x"}, []),
        ("--style x=.6 --style y=.4", {"style": {"x": 0.6, "y": 0.4}}, []),
        ("--style x:y", {"style": "x:y"}, []),
        ("--style x,y=3", {"style": {"x": 1.0, "y": 3.0}}, []),
        ("--style x=1 --style x=2", {"style": {"x": 3.0}}, []),
        ("--shards a --shards b,c", {"shards": ["a", "b", "c"]}, []),
        ("--strength -1", {"strength": "-1"}, []),
    ],
)
def test_words_become_values(words: str, values: dict[str, object], rest: list[str]) -> None:
    assert parse(Model, words.split()) == (values, rest)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("--strenth 1", UnknownName, "did you mean strength"),
        ("--strength", ParameterError, "needs a value"),
        ("--strength 1 --strength 0", ParameterError, "given 2 times"),
        ("--style x=much", ParameterError, "name=0.6"),
    ],
)
def test_words_that_cannot_be(words: str, error: type[StylehubError], message: str) -> None:
    with pytest.raises(error, match=message):
        parse(Model, words.split())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"style": "x", "strength": "2"}, "'strength' cannot be '2'"),
        ({"style": "x", "mode": "slow"}, "'mode' cannot be 'slow'"),
        ({}, "Give the parameter 'style'"),
        ({"style": "x", "other": 1}, "no parameter 'other'; choose one of style, strength"),
    ],
)
def test_values_that_cannot_be(values: dict[str, object], message: str) -> None:
    strict = type("Strict", (Model,), {"model_config": {"extra": "forbid"}, "__module__": __name__})
    with pytest.raises(ParameterError, match=message):
        validate(strict, values)


def test_the_table_has_every_field_once() -> None:
    table = rows(Model)
    options = ["--style", "--strength", "--keep-color", "--size", "--mode", "--shards", "--bf16"]
    assert [row[0] for row in table] == options
    assert table[0][2] == "needed"
    assert table[1][1:] == ("0..1", "1.0", "How much.")
    assert table[2][2] == "off"
    assert table[4][1] == "fast|fine"
    assert table[6][2] == "", "neither on nor off"


@pytest.mark.parametrize("name", ["van-gogh-starry-night", "starry-night", "Starry Night", "night", "starry_night"])
def test_the_end_of_a_name_is_enough(name: str) -> None:
    assert resolve(name, ["van-gogh-starry-night", "klee-senecio"], "style") == "van-gogh-starry-night"


def test_an_ending_that_two_share_is_refused() -> None:
    with pytest.raises(UnknownName, match="klee-night or van-gogh-night"):
        resolve("night", ["klee-night", "van-gogh-night"], "style")


class Later(Model):
    strength: float = inherited(Model, "strength", 0.5, description="How much of it.")


def test_an_inherited_field_keeps_what_is_not_said_again() -> None:
    field = Later.model_fields["strength"]
    assert (Later(style="a").strength, field.description, field.title) == (0.5, "How much of it.", None)
    assert (Model(style="a").strength, Model.model_fields["strength"].description) == (1.0, "How much.")
    with pytest.raises(ParameterError, match="less than or equal to 1"):
        validate(Later, {"style": "a", "strength": 2})


def test_a_misspelt_parameter_is_recognised() -> None:
    with pytest.raises(ParameterError, match=r"no parameter 'strenght'; did you mean strength\?"):
        validate(Parameters, {"strenght": 1})
    with pytest.raises(ParameterError, match=r"no parameter 'zzz'; choose one of .*strength"):
        validate(Parameters, {"zzz": 1})
