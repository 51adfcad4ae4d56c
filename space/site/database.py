"""The SQLite file of a site: opened for each piece of work, so that threads and processes need not share anything."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.errors import StylehubError

VERSION = 1
_PATIENCE = 20.0  # seconds to wait for another writer

_TABLES = """
create table if not exists jobs (
    number integer primary key autoincrement,  -- the order of arrival, whatever the clock says
    id text not null unique,
    owner text not null,                       -- sha256 of the owner's token
    visitor text not null,                     -- who counts as one visitor, see space/site/visitors.py
    model text not null,
    kind text not null,                        -- photo or zip
    name text not null,                        -- of the photo, for the list
    state text not null default 'queued',      -- queued, running, done, failed, cancelled
    error text,
    created real not null,
    finished real,
    furthest integer not null default 0,       -- the last step that was reported
    deaths integer not null default 0          -- of workers, since the job last got further
);
create index if not exists jobs_state on jobs (state, number);
create index if not exists jobs_owner on jobs (owner, number);
create table if not exists mails (
    job text primary key references jobs (id) on delete cascade,
    address text not null,
    state text not null default 'wanted',      -- wanted, sent, failed
    tries integer not null default 0,
    due real not null default 0,
    error text
);
create table if not exists shared (
    number integer primary key autoincrement,
    id text not null unique,
    owner text not null,
    model text not null,
    style text not null,                       -- its name, empty for a picture of one's own
    recipe text not null,                      -- JSON: model and settings, no name of a file
    width integer not null,
    height integer not null,
    bytes integer not null,
    created real not null,
    hidden integer not null default 0
);
create index if not exists shared_model on shared (hidden, model, style, number);
create table if not exists reports (
    shared text not null references shared (id) on delete cascade,
    visitor text not null,
    primary key (shared, visitor)
);
"""


class Database:
    """The file ``path``. ``network``: it lies on a network folder, where SQLite's faster journal is not safe."""

    def __init__(self, path: Path, *, network: bool = False) -> None:
        self.path = path
        try:
            with self.changing() as db:
                version = db.execute("pragma user_version").fetchone()[0]
                if version > VERSION:
                    raise StylehubError(
                        f"{path.parent} was written by a newer stylehub; update this one, or give another --data-dir."
                    )
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                db.execute(f"pragma user_version = {VERSION}")
            with self._open() as db:
                db.execute(f"pragma journal_mode = {'delete' if network else 'wal'}")
        except sqlite3.DatabaseError as error:
            raise StylehubError(
                f"{path} cannot be used ({error}); move it away, or give another --data-dir."
            ) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for questions. Raises ``StylehubError`` where the disk does not answer."""
        with _sentence(), self._open() as db:
            yield db

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction: all of the block happens, or nothing. Raises ``StylehubError``."""
        with _sentence(), self._open() as db:
            db.execute("begin immediate")
            try:
                yield db
            except BaseException:
                db.execute("rollback")
                raise
            db.execute("commit")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("pragma foreign_keys = on")
            yield db
        finally:
            db.close()


@contextmanager
def _sentence() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        what = "its disk is full" if "full" in str(error) else "its database does not answer"
        raise StylehubError(f"The site cannot do this now, since {what}; try again later.") from error
