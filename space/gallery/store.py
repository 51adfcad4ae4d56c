"""Shared pictures: a row in the database and a folder with two files, both or neither, whenever the site is killed."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.errors import StylehubError
from hub.files import write_whole
from space.gallery.clean import pictures_of, style_of
from space.site.database import Database
from space.site.folders import Folders

PAGE = 24
_PICTURE, _THUMBNAIL = "picture.jpg", "thumbnail.jpg"
_GONE = "This picture is not in the gallery, or no longer."


@dataclass(frozen=True)
class Shared:
    """A picture of the gallery. ``recipe`` holds the model and its settings, no photo; ``reports`` is for the administrator."""

    id: str
    model: str
    style: str
    recipe: Mapping[str, Any]
    size: tuple[int, int]
    created: float
    hidden: bool
    reports: int


@dataclass(frozen=True)
class Page:
    """Some pictures, the newest first, and how many there are in all."""

    pictures: list[Shared]
    total: int


class Gallery:
    """The gallery in ``folder`` and in ``database``, up to ``most_gb`` gigabytes."""

    def __init__(self, database: Database, folder: Path, most_gb: float) -> None:
        self.database, self.most = database, most_gb * 1e9
        self.folders = Folders(folder)

    def share(self, result: Path, owner: str) -> str:
        """Share the picture in the file ``result``; returns its id. Raises ``StylehubError`` if it cannot be."""
        picture, thumbnail, pixels, recipe = pictures_of(result)
        with self.folders.new() as (id, folder):
            try:
                write_whole(folder / _PICTURE, picture)
                write_whole(folder / _THUMBNAIL, thumbnail)
            except OSError as error:
                raise StylehubError("The gallery cannot keep this now, since its disk is full.") from error
            size = len(picture) + len(thumbnail)
            with self.database.changing() as db:
                used = db.execute("select coalesce(sum(bytes), 0) from shared").fetchone()[0]
                if used + size > self.most:
                    raise StylehubError("The gallery is full; its administrator has to make room.")
                db.execute(
                    "insert into shared (id, owner, model, style, recipe, width, height, bytes, created) "
                    "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [id, owner, recipe["model"], style_of(recipe), json.dumps(recipe), *pixels.size, size, time.time()],
                )
        return id

    def browse(
        self, page: int = 1, model: str | None = None, style: str | None = None, owner: str | None = None
    ) -> Page:
        """The pictures of ``page``, of one model and style or of all; with ``owner`` one's own, hidden ones too."""
        where, values = ["hidden = 0" if owner is None else "owner = ?"], [] if owner is None else [owner]
        for name, value in (("model", model), ("style", style)):
            if value is not None:
                where.append(f"{name} = ?")
                values.append(value)
        return self._page(" and ".join(where), values, page, "number desc")

    def reported(self, page: int = 1) -> Page:
        """For the administrator: what was reported or is hidden, the most often reported first."""
        where = "hidden = 1 or exists (select 1 from reports where shared = id)"
        return self._page(where, [], page, "reports desc, number desc")

    def choices(self) -> dict[str, list[str]]:
        """The models of the pictures that are shown, each with its styles."""
        with self.database.reading() as db:
            rows = db.execute(
                "select distinct model, style from shared where hidden = 0 order by model, style"
            ).fetchall()
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row["model"], []).append(row["style"])
        return found

    def get(self, id: str, *, hidden: bool = False) -> Shared:
        """The picture. Raises ``StylehubError`` if there is none; ``hidden``: find hidden ones too."""
        found = self._page("id = ? and hidden <= ?", [id, int(hidden)], 1, "number").pictures
        if not found:
            raise StylehubError(_GONE)
        return found[0]

    def picture(self, id: str) -> Path:
        """The file of a picture that is shown. Raises ``StylehubError``."""
        return self._file(self.get(id).id, _PICTURE)

    def thumbnail(self, id: str, *, hidden: bool = False) -> Path:
        """A small file of the picture. Raises ``StylehubError``."""
        return self._file(self.get(id, hidden=hidden).id, _THUMBNAIL)

    def delete(self, id: str, owner: str | None = None) -> bool:
        """Delete a picture, with ``owner`` only one's own; whether there was one."""
        with self.database.changing() as db:
            deleted = (
                db.execute("delete from shared where id = ? and owner = coalesce(?, owner)", [id, owner]).rowcount == 1
            )
        if deleted:
            self.folders.delete(id)
        return deleted

    def report(self, id: str, visitor: str) -> None:
        """Tell the administrator about a picture; a visitor counts once. Raises ``StylehubError`` if there is none."""
        self.get(id)
        with self.database.changing() as db:
            db.execute(
                "insert or ignore into reports (shared, visitor) select id, ? from shared where id = ?", [visitor, id]
            )

    def hide(self, id: str, hidden: bool = True) -> bool:
        """For the administrator: show a picture to nobody, or to all again and forget the reports."""
        with self.database.changing() as db:
            changed = db.execute("update shared set hidden = ? where id = ?", [int(hidden), id]).rowcount == 1
            if not hidden:
                db.execute("delete from reports where shared = ?", [id])
        return changed

    def sweep(self) -> None:
        """Delete the files that a kill has left without a row."""
        self.folders.sweep(self._has)

    def _has(self, id: str) -> bool:
        with self.database.reading() as db:
            return db.execute("select 1 from shared where id = ?", [id]).fetchone() is not None

    def _page(self, where: str, values: list[Any], page: int, order: str) -> Page:
        with self.database.reading() as db:
            total = db.execute(f"select count(*) from shared where {where}", values).fetchone()[0]
            rows = db.execute(
                "select *, (select count(*) from reports where shared = id) as reports from shared "
                f"where {where} order by {order} limit ? offset ?",
                [*values, PAGE, PAGE * (max(1, page) - 1)],
            ).fetchall()
        return Page([_shared(row) for row in rows], total)

    def _file(self, id: str, name: str) -> Path:
        path = self.folders.path(id) / name
        if not path.exists():
            raise StylehubError(_GONE)
        return path


def _shared(row: Any) -> Shared:
    size = row["width"], row["height"]
    recipe = json.loads(row["recipe"])
    return Shared(
        row["id"], row["model"], row["style"], recipe, size, row["created"], bool(row["hidden"]), row["reports"]
    )
