"""The app's endpoints by their names, and calls of them that go wrong. Needs gradio."""

from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.support.paths import ROOT

SINGLE, FUSION, ANY = "/cin_25styles_single", "/cin_25styles_fusion", "/gatys_arbitrary"
PAINTER, NEAR_AND_FAR = "/adain_arbitrary", "/depth_adain_depth"
# Files of the server that no caller may have opened.
OUTSIDE = [str(ROOT / "examples" / "valley.jpg"), "/etc/hostname", "/dev/zero", "/nowhere.jpg"]


def raw(page: tuple[Any, str], api_name: str, **values: Any) -> str:
    """The events that answer a call by hand, which need not keep to what Gradio's client would send."""
    parameters = page[0].get_api_info()["named_endpoints"][api_name]["parameters"]
    data = [values.get(p["parameter_name"], p["parameter_default"]) for p in parameters]
    address = f"{page[1]}gradio_api/call{api_name}"
    call = httpx.post(address, json={"data": data}, timeout=30)
    return httpx.get(f"{address}/{call.json()['event_id']}", timeout=30).text


def refused(client: Client, api_name: str = SINGLE, **arguments: Any) -> str:
    with pytest.raises(AppError) as error:
        client.predict(api_name=api_name, **arguments)
    message = str(error.value)
    assert "\n" not in message
    assert "Traceback" not in message
    assert "/tmp" not in message
    return message
