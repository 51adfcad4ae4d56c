"""What to make and how well: the choices on the page, and the controls that act."""

from types import SimpleNamespace
from typing import Any, get_args

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from hub.spatial import SpatialParameters, Where
from space import app, place, tasks


def test_a_quality_is_its_first_model_and_titles_are_for_models_without_one() -> None:
    def entry(name: str, quality: str | None) -> Any:
        return SimpleNamespace(name=name, model=SimpleNamespace(quality=quality, title=name.upper()))

    entries = [entry("b", "better"), entry("a", "best"), entry("c", "better"), entry("d", None)]
    named = [(getattr(title, "key", title), name) for title, name in tasks.qualities(entries)]
    assert named == [("better", "b"), ("best", "a")]
    assert tasks.qualities(entries[3:]) == [("D", "d")]


def test_every_task_has_a_model_in_front(page: tuple[Any, str]) -> None:
    for task in app.TASKS:
        offered = tasks.offered(task)
        words = [title for title, _ in tasks.qualities(offered)]
        assert len(set(words)) == len(words) >= 1


@pytest.mark.parametrize("where", get_args(Where))
def test_only_what_acts_for_a_place_is_shown(where: str) -> None:
    shown = {name for name in SpatialParameters.model_fields if name != "where" and place.acts(name, where)}
    assert ("layer" in shown) == (where == "layer")
    assert ("angle" in shown) == (where == "across")
    assert ("contrast" in shown) == (where != "everywhere") == bool(shown)
    assert set(place.ACTS) <= set(SpatialParameters.model_fields)
    assert {w for places in place.ACTS.values() for w in places} <= set(get_args(Where))


def test_no_work_shows_its_progress_in_many_places(page: tuple[Any, str]) -> None:
    """Gradio's script tells each place that ever showed progress of every later step: hundreds stop the page for seconds."""
    events = [event for event in page[0].config["dependencies"] if event["backend_fn"]]
    assert any(event["api_name"] == "reopened" for event in events)
    assert max(len(event["show_progress_on"] or event["outputs"]) for event in events) < 8
