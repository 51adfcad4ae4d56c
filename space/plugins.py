"""Import the methods of others before the page is built, so that none of them can keep it from coming up."""

import logging

from hub.checking.importing import import_fault
from hub.errors import StylehubError
from hub.registry import leave_out, list_models

LIMIT = 30  # seconds that the import of a plugin may take


def leave_out_hanging(limit: float = LIMIT) -> None:
    """Leave out, with one warning, each plugin whose import does not end or would end the app; the page tells of others."""
    for method in {entry.method_id: entry for entry in list_models() if entry.source != "stylehub"}.values():
        same = [entry.name for entry in list_models() if entry.source == method.source]
        fault = import_fault(method, limit) if same else None
        if fault is not None and not isinstance(fault, StylehubError):
            told = str(fault) if isinstance(fault, TimeoutError) else f"Its import raised {fault!r}."
            logging.getLogger("stylehub.space").warning("Left out: %s. %s", ", ".join(same), told)
            for name in same:
                leave_out(name)
