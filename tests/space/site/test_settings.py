"""The settings of a site: flags, variables, defaults, and what is refused."""

from pathlib import Path

import pytest

from hub.cli.site import settings_and_folders
from hub.errors import StylehubError
from space.site.settings import PREFIX, Settings, gather


def test_flags_before_variables_before_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STYLEHUB_WORKERS", "3")
    monkeypatch.setenv("STYLEHUB_KEEP_DAYS", "2")
    found, folders = settings_and_folders(["--data-dir", str(tmp_path), "--workers=5", "--gallery"], trust=False)
    assert (found.workers, found.keep_days, found.gallery, found.jobs_each) == (5, 2, True, 4)
    assert found.folder == tmp_path
    assert folders == []


def test_another_process_gets_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = Settings(
        data_dir=tmp_path, smtp_host="localhost", smtp_security="none", mail_from="a@b.c", gallery=True, keep_gb=1.5
    )
    for name, value in whole.environment().items():
        assert name.startswith(PREFIX)
        monkeypatch.setenv(name, value)
    assert gather() == whole


def test_it_keeps_nothing_unless_asked_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not gather().on
    assert not gather().mails
    assert gather({"gallery": True}).on
    monkeypatch.setenv("STYLEHUB_DATA_DIR", str(tmp_path))
    assert gather().on


def test_accounts_and_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert gather({"auth": "ann:a:b,ben:c"}).accounts == [("ann", "a:b"), ("ben", "c")]
    assert gather().accounts is None
    assert gather({"root_path": "/style/"}).root_path == "/style"
    (tmp_path / "stylehub_smtp_password").write_text("from a secret\n")
    monkeypatch.setitem(Settings.model_config, "secrets_dir", tmp_path)
    assert gather().smtp_password == "from a secret"
    monkeypatch.setenv("STYLEHUB_SMTP_PASSWORD", "from a variable")
    assert gather().smtp_password == "from a variable"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--worker", "2"], "did you mean workers"),
        (["--workers", "-1"], "greater than or equal to 0"),
        (["--workers", "many"], "cannot be 'many'"),
        (["--admin-token", "short"], "at least 16 characters"),
        (["--mail-from", "a@b.c\nBcc: d@e.f"], "not an e-mail address"),
        (["--smtp-host", "mail.example.org", "--smtp-security", "none"], "use starttls or tls"),
        (["--smtp-security", "ssl"], "starttls"),
        (["--root-path", "style"], "begin with /, such as /style"),
        (["--auth", "ann"], "names with passwords"),
        (["--auth", "ann:secret,ben:"], "names with passwords"),
        (["--port", "70000"], "65535"),
    ],
)
def test_what_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(StylehubError, match=sentence) as error:
        settings_and_folders(words, trust=False)
    assert "\n" not in str(error.value)
