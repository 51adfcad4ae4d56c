"""The repository and file of weights, with the file's size and hash."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hub.names import one_line

COMMIT = re.compile("[0-9a-f]{40}")
REPOSITORY = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})")
# Letters, digits, '_', '-' and inner dots: no '..', leading '/', backslash or drive.
_PART = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
_PATH = f"{_PART}(/{_PART})*"
REPO_ID = f"^{_PART}/{_PART}$"
Line = Annotated[str, AfterValidator(one_line)]  # a text to show


class FileHash(BaseModel):
    """The hash and size of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int | None = Field(None, gt=0, description="left out where only the hash is known")


class Repository(BaseModel):
    """The repository that publishes the files.

    Without a ``revision`` the repository does not exist yet and only the bundled copy is used: ``folder``, relative to
    the package's root, with the repository's layout (README.md, config.json, model.safetensors).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo_id: Annotated[str, Field(pattern=REPO_ID)] | None = None
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None
    license: Line = Field(min_length=1)
    folder: Annotated[str, Field(pattern=f"^{_PATH}$")] | None = None

    @model_validator(mode="after")
    def _revision_of_something(self) -> Self:
        if self.revision and not self.repo_id:
            raise ValueError("a revision needs the repo_id it belongs to")
        return self


class WeightsSpec(Repository, FileHash):
    """The weights file of a registry entry."""

    filename: str = Field("model.safetensors", pattern=rf"^{_PATH}\.safetensors$")
