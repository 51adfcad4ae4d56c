"""The settings of a site, declared once: each is a flag of ``stylehub space`` and a variable STYLEHUB_<NAME>."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.files import user_data
from hub.parameters import validate

PREFIX = "STYLEHUB_"


_SECRETS = Path("/run/secrets")  # where Docker and Podman put files with secrets, such as stylehub_smtp_password


class Settings(BaseSettings):
    """What a site keeps and offers, and where it listens: from keywords, for the rest from variables and secrets."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_ignore_empty=True,
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
    )

    host: str | None = Field(None, description="The address to listen on. Default: this machine only.")
    port: int | None = Field(None, ge=1, le=65535, description="Its port. Default: the first free one from 7860.")
    root_path: str | None = Field(
        None, description="Where a reverse proxy shows the app, if not at its top: a path such as /style."
    )
    auth: str | None = Field(
        None, description="Who may use the app, such as ann:secret,ben:other. Better as a variable. Default: everybody."
    )
    log_format: Literal["text", "json"] = Field("text", description="Lines of the log: text, or a JSON object each.")

    data_dir: Path | None = Field(
        None,
        description="The folder for jobs, results and the gallery. Without it the app keeps nothing and has no jobs.",
    )
    workers: int = Field(
        1,
        ge=0,
        le=64,
        description="Processes for long jobs that are started here. 0: they run elsewhere, or not at all.",
    )
    redis: str | None = Field(
        None,
        description="Where workers on other machines find their work, such as redis://host:6379/0. Default: SQLite.",
    )
    calls_each: int = Field(
        16, ge=1, le=1000, description="Calls of the page and of programs that one visitor may have waiting."
    )
    jobs_each: int = Field(4, ge=1, le=1000, description="Jobs that one visitor may have waiting and running.")
    jobs_waiting: int = Field(100, ge=1, le=100_000, description="Jobs that may wait in all.")
    tries: int = Field(
        3,
        ge=1,
        le=1000,
        description="How often a job may end its worker, without getting further, before it has failed.",
    )
    keep_days: float = Field(7, gt=0, le=3650, description="Days after which the result of a job is deleted.")
    keep_gb: float = Field(5, gt=0, le=100_000, description="Gigabytes of jobs; the oldest results are deleted first.")
    zip_files: int = Field(200, ge=1, le=10_000, description="Photos in one zip.")
    zip_mb: int = Field(500, ge=1, le=100_000, description="Megabytes of one zip, packed and unpacked.")

    gallery: bool = Field(
        False, description="Let visitors share results in a gallery; without --data-dir it lies among your own data."
    )
    gallery_gb: float = Field(
        5, gt=0, le=100_000, description="Gigabytes of shared pictures; then the gallery is full."
    )
    admin_token: str | None = Field(
        None, min_length=16, description="Who gives this token may hide pictures. Better as a variable than as a flag."
    )

    smtp_host: str | None = Field(None, description="The mail server. Default: no result goes by e-mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the way to it is encrypted; none only for a server on this machine."
    )
    smtp_user: str | None = Field(None, description="The name to log in with. Default: no login.")
    smtp_password: str | None = Field(None, description="The password. Better as a variable than as a flag.")
    mail_from: str | None = Field(None, description="The sender's address of the mails.")
    mail_mb: float = Field(15, gt=0, le=100, description="Megabytes of an attachment; a larger PNG is sent as JPEG.")
    address: str | None = Field(
        None, description="The address of the site for links in mails, such as https://style.example.org."
    )

    @field_validator("root_path")
    @classmethod
    def _a_path(cls, value: str | None) -> str | None:
        if value and not value.startswith(("/", "http://", "https://")):
            raise ValueError("must begin with /, such as /style")
        return (value and value.rstrip("/")) or None

    @field_validator("auth")
    @classmethod
    def _names_and_passwords(cls, value: str | None) -> str | None:
        for pair in (value or ":").split(","):
            name, colon, password = pair.partition(":")
            if value and not (name and colon and password):
                raise ValueError("must be names with passwords, such as ann:secret,ben:other")
        return value

    @field_validator("mail_from")
    @classmethod
    def _one_address(cls, value: str | None) -> str | None:
        from space.mail.message import checked_address

        return value and checked_address(value)

    @model_validator(mode="after")
    def _safe_way(self) -> "Settings":
        if self.smtp_security == "none" and self.smtp_host not in (None, "localhost", "127.0.0.1", "::1"):
            raise ValueError("smtp_security is none, and the mail server is not on this machine; use starttls or tls")
        return self

    @property
    def on(self) -> bool:
        """Whether the app keeps anything."""
        return self.data_dir is not None or self.gallery

    @property
    def accounts(self) -> list[tuple[str, str]] | None:
        """The names and passwords of ``auth``."""
        if self.auth is None:
            return None
        pairs = [pair.partition(":") for pair in self.auth.split(",")]
        return [(name, password) for name, _, password in pairs]

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.data_dir or user_data() / "space"

    @property
    def mails(self) -> bool:
        """Whether results can go by e-mail."""
        return self.smtp_host is not None and self.mail_from is not None

    def environment(self) -> dict[str, str]:
        """These settings as variables, for a process that is started."""
        values = self.model_copy(update={"data_dir": self.folder.absolute()}).model_dump(exclude_none=True)
        return {PREFIX + name.upper(): str(value) for name, value in values.items()}


def gather(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings from ``flags``, for the rest from variables, for the rest the defaults. Raises ``ParameterError``."""
    return validate(Settings, dict(flags or {}))
