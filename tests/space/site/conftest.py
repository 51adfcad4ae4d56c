"""What tests of the site share."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The app with a site behind it, once for a module, as its class ``Served`` makes it."""
    served = request.module.Served(tmp_path_factory.mktemp("site"))
    yield served
    served.demo.close()
