"""Sends the mails that are due. A mail that fails is tried again, each time later; one that is refused for good is reported.

The order is: note the try, send, note what became of it. A kill after the mail server has taken the mail, and before
that is noted, sends it a second time, with the same Message-ID, at the time of the next try. The other choice would be to
send none that may have been sent; but who has closed the page would miss the result then, while a second mail does little
harm. As each try is noted before, a mail that ends its worker, or a disk that is full, cannot let it be sent without end.
"""

import logging
import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from functools import partial
from pathlib import Path

from hub.errors import StylehubError
from space.events import event
from space.jobs.request import RESULTS
from space.mail.message import result_mail
from space.site.place import Place
from space.site.settings import Settings

WAITS = (30.0, 120.0, 600.0, 3600.0, 14_400.0)  # seconds before each further try
_TIMEOUT = 30.0  # seconds for one answer of the mail server


class Post:
    """The mails of one site."""

    def __init__(self, place: Place, clock: Callable[[], float] = time.time) -> None:
        self.place, self.clock = place, clock

    def send_due(self) -> None:
        """Send every mail whose job is done and whose time has come."""
        now = self.clock()
        for job, name, kind, address, tries in self.place.jobs.mails_due(now, longest=WAITS[-1]):
            if tries > len(WAITS):  # the worker ended at each try
                self.place.jobs.mail_failed(job, "The mail was perhaps not sent. Fetch the picture here.")
                continue
            if not self.place.jobs.mail_later(job, tries + 1, now + (*WAITS, WAITS[-1])[tries], None):
                continue  # the job was deleted meanwhile
            file = self.place.folders.path(job) / RESULTS[kind]
            try:
                send(self.place.settings, self._mail(job, name, file, address), partial(self._sent, job))
            except StylehubError:  # the database does not answer
                raise
            except Exception as error:
                self._not_sent(job, tries + 1, error)

    def _sent(self, job: str) -> None:
        self.place.jobs.mail_sent(job)
        event("mail-sent", job=job[:6])

    def _mail(self, job: str, name: str, file: Path, address: str) -> EmailMessage:
        settings = self.place.settings
        link = f"{settings.address.rstrip('/')}/?job={job}" if settings.address else None
        return result_mail(job, name, file, settings.mail_from or "", address, settings.mail_mb, link)

    def _not_sent(self, job: str, tries: int, error: Exception) -> None:
        reason = reason_of(error)
        event("mail-not-sent", level=logging.WARNING, job=job[:6], reason=reason)
        if for_good(error) or tries > len(WAITS):
            self.place.jobs.mail_failed(job, f"The mail was not sent: {reason}. Fetch the picture here.")
        else:
            self.place.jobs.mail_later(
                job, tries, self.clock() + WAITS[tries - 1], f"The mail was not sent yet: {reason}. It is tried again."
            )


def send(settings: Settings, mail: EmailMessage, taken: Callable[[], None] = lambda: None) -> None:
    """Hand ``mail`` to the mail server; ``taken`` is called at once when it has it.

    Raises ``OSError`` or ``smtplib.SMTPException`` if it does not, or what ``taken`` raises.
    """
    host, port, context = settings.smtp_host or "", settings.smtp_port, ssl.create_default_context()
    server: smtplib.SMTP
    if settings.smtp_security == "tls":
        server = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=_TIMEOUT)
    try:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)  # raises where the server cannot
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password or "")
        server.send_message(mail)
        taken()
        with suppress(OSError, smtplib.SMTPException):  # it has the mail, however it takes the farewell
            server.quit()
    finally:
        server.close()


def for_good(error: Exception) -> bool:
    """Whether the mail server will not take this mail later either."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError):
        return error.smtp_code >= 500
    return False


def reason_of(error: Exception) -> str:
    """Why a mail did not go, for its owner: nothing that the mail server says is shown."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the mail server refused the address"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "the mail server refused the login of this site"
    if isinstance(error, smtplib.SMTPResponseException):
        return "the mail server refused the mail"
    if isinstance(error, ssl.SSLError):
        return "the way to the mail server is not safe"
    return "the mail server does not answer"
