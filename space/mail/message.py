"""The mail with a result."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path

from hub.errors import ParameterError
from hub.images import encode_image, read_image
from hub.provenance import read_recipe

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_MB = 1_000_000


def checked_address(text: str) -> str:
    """The one e-mail address in ``text``. Raises ``ParameterError`` for anything else, such as a second line."""
    address = text.strip()
    if len(address) > 254 or not _ADDRESS.fullmatch(address) or ".." in address:
        raise ParameterError("This is not an e-mail address; write one, such as name@example.org, or leave it empty.")
    return address


def result_mail(
    job: str, name: str, result: Path, sender: str, receiver: str, limit_mb: float, link: str | None
) -> EmailMessage:
    """The result of ``job`` as an attachment, or its ``link`` alone if it is larger than ``limit_mb``.

    The Message-ID is that of the job: should a mail be sent twice, many mailboxes show it once.
    """
    mail = EmailMessage(policy=SMTP)
    sender_at, receiver_at = Address(addr_spec=sender), Address(addr_spec=receiver)
    mail["From"], mail["To"] = sender_at, receiver_at
    mail["Subject"] = f"Your picture is ready: {name}"
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{job}@{sender_at.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    found = attachment(result, Path(name).stem, limit_mb)
    lines = [f"Your picture {name} is ready."]
    lines += ["It is attached to this mail." if found else "It is too large for a mail."]
    lines += [f"You can also fetch it here: {link}"] if link else []
    mail.set_content("\n\n".join([*lines, "Somebody gave this address with a picture. Nothing else will come."]) + "\n")
    if found:
        data, kind, filename = found
        maintype, subtype = kind.split("/")
        mail.add_attachment(data, maintype=maintype, subtype=subtype, filename=filename)
    return mail


def attachment(result: Path, stem: str, limit_mb: float) -> tuple[bytes, str, str] | None:
    """The file's bytes, type and name; a picture that is too large becomes a JPEG. None if it stays too large."""
    if result.stat().st_size <= limit_mb * _MB:
        kind = "application/zip" if result.suffix == ".zip" else "image/png"
        return result.read_bytes(), kind, f"{stem}-painted{result.suffix}"
    if result.suffix == ".zip":
        return None
    data = encode_image(read_image(result).image, "jpeg", quality=92, recipe=read_recipe(result))
    return (data, "image/jpeg", f"{stem}-painted.jpg") if len(data) <= limit_mb * _MB else None
