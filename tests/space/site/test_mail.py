"""Results by e-mail, sent to a real mail server on this machine."""

import email
import shutil
import smtplib
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")
controller = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")

from aiosmtpd.smtp import AuthResult, LoginPassword

from hub.errors import ParameterError, StylehubError
from hub.images import read_image
from hub.parameters import validate
from hub.provenance import read_recipe
from space.jobs.request import RESULTS
from space.jobs.service import Service
from space.jobs.store import Jobs
from space.jobs.worker import Worker
from space.mail.message import attachment, checked_address
from space.mail.post import WAITS, Post
from space.site.database import Database
from space.site.place import Place
from space.site.settings import Settings
from tests.support.site import Slow, request, settings

TO = "visitor@example.org"


class Mailbox:
    """What the mail server received; ``answer`` is what it says to a receiver or to a mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.receivers: list[list[str]] = []
        self.answer: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if "RCPT" not in self.answer:
            envelope.rcpt_tos.append(address)
        return self.answer.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if "DATA" not in self.answer:
            self.receivers.append(envelope.rcpt_tos)
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        return self.answer.get("DATA", "250 OK")

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return self.answer.get("QUIT", "221 Bye")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def listening(mailbox: Mailbox) -> Iterator[Callable[..., int]]:
    """Start the mail server; returns its port."""
    servers: list[Any] = []

    def start(**options: Any) -> int:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        server = controller.Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=60, **options)
        server.start()
        servers.append(server)
        return port

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost that this process trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, "-keyout", key, "-out", cert, "-days", "2", *subject], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


class Site:
    """One finished job whose result is to be mailed, and a clock that the test moves."""

    def __init__(self, folder: Path, port: int, **values: Any) -> None:
        common = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "mail_from": "site@example.net"}
        self.settings = settings(folder / "data", **{**common, **values})
        self.service = Service(Place(self.settings))
        self.now = 1000.0
        self.post = Post(self.service.place, lambda: self.now)

    def done(self, photo: Image.Image | None = None, name: str = "photo.jpg", to: str = TO) -> str:
        id = self.service.submit(request(photo, name=name), "token", mail=to)
        Worker(self.settings, Slow).work()  # type: ignore[arg-type]
        return id


def addresses(site: Site) -> bytes:
    """All that the data folder holds."""
    return b"".join(path.read_bytes() for path in site.settings.folder.rglob("*.sqlite3*"))


def test_the_result_arrives(
    tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox, photo: Image.Image
) -> None:
    site = Site(tmp_path, listening(), address="https://style.example.org/")
    id = site.done(photo, name='Bücher "1"\r\nBcc: x@y.z, .jpg')
    site.post.send_due()
    site.post.send_due()
    assert site.service.status(id).mail == "sent"
    (mail,) = mailbox.mails
    assert mailbox.receivers == [[TO]]
    assert (mail["To"], mail["From"]) == (TO, "site@example.net")
    assert mail["Bcc"] is None
    assert mail["Message-ID"] == f"<{id}@example.net>"
    assert "Bücher" in mail["Subject"]
    assert f"https://style.example.org/?job={id}" in mail.get_body().get_content()  # type: ignore[union-attr]
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "image/png"
    assert "Bücher" in (attached.get_filename() or "")
    data = attached.get_content()
    assert data == site.service.result(id).read_bytes()
    assert read_image(data).rgb.size == photo.size


def test_nothing_is_sent_before_it_is_done(tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox) -> None:
    site = Site(tmp_path, listening())
    failed = site.service.submit(request(model="absent"), "token", mail=TO)
    cancelled = site.service.submit(request(), "token", mail=TO)
    site.post.send_due()
    assert site.service.status(failed).mail == "wanted"
    site.service.cancel(cancelled, "token")
    Worker(site.settings, Slow).work()  # type: ignore[arg-type]
    site.post.send_due()
    assert not mailbox.mails
    assert [site.service.status(id).mail for id in (failed, cancelled)] == ["none", "none"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_with_a_login(
    tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox, certificate: ssl.SSLContext, security: str
) -> None:
    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"site", b"secret"), handled=False)

    options: dict[str, Any] = {"authenticator": login, "auth_required": True}
    if security == "starttls":
        options |= {"tls_context": certificate, "require_starttls": True}
        port = listening(**options)
    else:
        port = listening(**options, ssl_context=certificate, auth_require_tls=False)
    common = {"smtp_host": "localhost", "smtp_security": security, "smtp_user": "site"}
    wrong = Site(tmp_path / "wrong", port, **common, smtp_password="guess")
    id = wrong.done()
    wrong.post.send_due()
    assert "refused the login of this site" in wrong.service.status(id).mail
    assert not mailbox.mails
    right = Site(tmp_path / "right", port, **common, smtp_password="secret")
    id = right.done()
    right.post.send_due()
    assert right.service.status(id).mail == "sent"
    assert len(mailbox.mails) == 1
    stranger = Site(tmp_path / "stranger", port, **{**common, "smtp_host": "127.0.0.1"}, smtp_password="secret")
    id = stranger.done()  # the certificate is for another name
    stranger.post.send_due()
    assert "is not safe" in stranger.service.status(id).mail
    assert len(mailbox.mails) == 1


def test_a_server_without_encryption_gets_nothing(
    tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox
) -> None:
    site = Site(tmp_path, listening(), smtp_security="starttls", smtp_user="site", smtp_password="secret")
    id = site.done()
    site.post.send_due()
    assert not mailbox.mails
    assert "The mail was not sent yet" in site.service.status(id).mail
    with pytest.raises(ParameterError, match="not on this machine; use starttls or tls"):
        validate(Settings, {"smtp_security": "none", "smtp_host": "mail.example.org"})


def test_it_is_tried_again_later_each_time(tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox) -> None:
    site = Site(tmp_path, listening())
    id = site.done()
    mailbox.answer = {"DATA": "451 busy"}
    site.post.send_due()
    assert "It is tried again" in site.service.status(id).mail
    site.now += WAITS[0] - 1
    mailbox.answer = {}
    site.post.send_due()
    assert not mailbox.mails  # not yet
    site.now += 1
    site.post.send_due()
    assert len(mailbox.mails) == 1
    assert site.service.status(id).mail == "sent"


def test_it_gives_up_in_the_end(tmp_path: Path) -> None:
    site = Site(tmp_path, 1)  # nobody listens there
    id = site.done()
    for wait in [*WAITS, 0.0]:
        assert site.service.status(id).mail == "wanted" or "tried again" in site.service.status(id).mail
        site.post.send_due()
        site.now += wait
    assert site.service.status(id).mail == (
        "The mail was not sent: the mail server does not answer. Fetch the picture here."
    )
    assert site.service.result(id).exists()
    assert TO.encode() not in addresses(site)


def test_a_refused_address(tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox) -> None:
    site = Site(tmp_path, listening())
    id = site.done()
    mailbox.answer = {"RCPT": "550 no such user"}
    site.post.send_due()
    assert site.service.status(id).mail == (
        "The mail was not sent: the mail server refused the address. Fetch the picture here."
    )
    assert site.service.result(id).exists()


def test_a_clock_that_is_set_back(tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox) -> None:
    site = Site(tmp_path, listening())
    site.now = 1e9
    site.done()
    mailbox.answer = {"DATA": "451 busy"}
    site.post.send_due()
    site.now, mailbox.answer = 1000.0, {}
    site.post.send_due()
    assert len(mailbox.mails) == 1


def test_the_address_goes_with_the_job(tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox) -> None:
    site = Site(tmp_path, listening())
    sent = site.done()
    with site.service.place.database.reading() as db:
        assert db.execute("select address from mails").fetchone()[0] == TO
    site.post.send_due()
    with site.service.place.database.reading() as db:
        assert db.execute("select address from mails").fetchone()[0] == ""  # no longer needed
    site.service.delete(sent, "token")
    with site.service.place.database.reading() as db:
        assert db.execute("select count(*) from mails").fetchone()[0] == 0


class Killed(BaseException):
    """The worker is killed here."""


@pytest.mark.parametrize("at", ["mail_later", "mail_sent", "send_message", "quit"])
def test_a_kill_while_it_is_sent(
    tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Twice only between the mail server's yes and the note of it, and then with one Message-ID, and not at once."""

    def killed(*_: Any) -> None:
        raise Killed

    site = Site(tmp_path, listening())
    id = site.done()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(smtplib.SMTP if at in ("send_message", "quit") else Jobs, at, killed)
        site.post.send_due()
    taken = at in ("mail_sent", "quit")
    assert len(mailbox.mails) == taken
    site.post.send_due()
    assert len(mailbox.mails) == taken + (at == "mail_later")  # that try was not noted, so it is made again at once
    site.now += WAITS[0]
    site.post.send_due()
    site.post.send_due()
    assert len(mailbox.mails) == (2 if at == "mail_sent" else 1)
    assert {mail["Message-ID"] for mail in mailbox.mails} == {f"<{id}@example.net>"}
    assert site.service.status(id).mail == "sent"


def test_a_mail_that_always_ends_its_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    site = Site(tmp_path, 1)
    id = site.done()
    monkeypatch.setattr("space.mail.post.result_mail", killed)
    ends = 0
    for _ in range(20):
        try:
            site.post.send_due()
        except Killed:
            ends += 1
        site.now += 1e5
    assert ends == len(WAITS) + 1
    assert site.service.status(id).mail == "The mail was perhaps not sent. Fetch the picture here."


def test_what_cannot_be_noted_is_not_sent(
    tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(self: Database) -> Iterator[sqlite3.Connection]:
        """It can be read, and nothing can be written."""
        with before(self) as db:
            db.execute("pragma query_only = on")
            yield db

    before = Database._open
    site = Site(tmp_path, listening())
    id = site.done()
    with monkeypatch.context() as patch:
        patch.setattr(Database, "_open", full)
        for _ in range(3):
            with pytest.raises(StylehubError, match="cannot do this now"):
                site.post.send_due()
    assert not mailbox.mails  # it could not have been noted
    site.post.send_due()
    assert len(mailbox.mails) == 1
    assert site.service.status(id).mail == "sent"


def test_a_farewell_that_goes_wrong(tmp_path: Path, listening: Callable[..., int], mailbox: Mailbox) -> None:
    """The mail server has the mail, and then says something odd, or nothing."""
    site = Site(tmp_path, listening())
    id = site.done()
    mailbox.answer = {"QUIT": "421 too busy to part"}
    site.post.send_due()
    assert site.service.status(id).mail == "sent"
    site.now += WAITS[0]
    site.post.send_due()
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    "address",
    ["x", "a@b@c", "a b@c.d", "a@c.d\nBcc: e@f.g", "a@c.d\r\nBcc: e@f.g", "a@c.d,e@f.g", "<a@c.d>", "a@c..d", "ä@c.d",
     "a@" + "b" * 300, "Name <a@c.d>", "a@c.d;e", "@c.d", "a@", "a@-c.d", '"a b"@c.d'],
)  # fmt: skip
def test_what_is_no_address(address: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"write one, such as name@example.org"):
        checked_address(address)
    site = Site(tmp_path, 1)
    with pytest.raises(StylehubError):
        site.service.submit(request(), "token", mail=address)
    assert site.service.own("token") == []


def test_a_site_without_mail(tmp_path: Path) -> None:
    service = Service(Place(settings(tmp_path)))
    with pytest.raises(StylehubError, match="sends no e-mail; leave the address empty"):
        service.submit(request(), "token", mail=TO)
    assert service.submit(request(), "token", mail="  ")


def test_a_large_result(tmp_path: Path) -> None:
    noise = Image.effect_noise((600, 400), 90).convert("RGB")
    path = tmp_path / "result.png"
    noise.save(path)
    size = path.stat().st_size / 1e6
    whole = attachment(path, "photo", size + 0.1)
    assert whole is not None
    assert whole[1:] == ("image/png", "photo-painted.png")
    smaller = attachment(path, "photo", size - 0.01)
    assert smaller is not None
    assert smaller[1:] == ("image/jpeg", "photo-painted.jpg")
    assert read_recipe(smaller[0]) is None
    assert attachment(path, "photo", 0.001) is None
    (tmp_path / RESULTS["zip"]).write_bytes(bytes(5000))
    assert attachment(tmp_path / RESULTS["zip"], "photos", 0.001) is None
    assert attachment(tmp_path / RESULTS["zip"], "photos", 1) is not None
