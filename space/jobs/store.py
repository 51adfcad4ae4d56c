"""Every job and its state. One change is one transaction, so a kill at any moment leaves each job in one state."""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hub.errors import StylehubError
from space.site.database import Database

State = Literal["queued", "running", "done", "failed", "cancelled"]

# Of those who have least at work comes first who has waited longest: nobody waits behind all jobs of another visitor.
_LINE = """
    select id, row_number() over (order by turn, number) as place from (
        select id, number, row_number() over (partition by visitor order by number)
            + (select count(*) from jobs r where r.state = 'running' and r.visitor = q.visitor) as turn
        from jobs q where state = 'queued'
    )
"""


class LimitReached(StylehubError):
    """Too many jobs wait, of all or of this visitor."""


@dataclass(frozen=True)
class Job:
    """A job as the store knows it; ``place`` is 1 for the next one of those that wait."""

    id: str
    model: str
    kind: str
    name: str
    state: State
    error: str | None
    created: float
    finished: float | None
    place: int | None = None


@dataclass(frozen=True)
class Limits:
    """How many jobs may wait in all, and wait or run for one visitor."""

    waiting: int
    each: int


class Jobs:
    """The table of jobs."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(
        self,
        id: str,
        owner: str,
        visitor: str,
        model: str,
        kind: str,
        name: str,
        limits: Limits,
        mail: str | None = None,
    ) -> None:
        """A new job at the end of the line. Raises ``LimitReached``."""
        with self.database.changing() as db:
            waiting, own = db.execute(
                "select sum(state = 'queued'), sum(visitor = ?) from jobs where state in ('queued', 'running')",
                [visitor],
            ).fetchone()
            if (own or 0) >= limits.each:
                raise LimitReached(f"You have {own} jobs that wait or run; wait until one is done, or cancel one.")
            if (waiting or 0) >= limits.waiting:
                raise LimitReached(f"The queue is full, {waiting} jobs wait; try again later.")
            db.execute(
                "insert into jobs (id, owner, visitor, model, kind, name, created) values (?, ?, ?, ?, ?, ?, ?)",
                [id, owner, visitor, model, kind, name, time.time()],
            )
            if mail:
                db.execute("insert into mails (job, address) values (?, ?)", [id, mail])

    def get(self, id: str) -> Job | None:
        """The job, with its place if it waits."""
        with self.database.reading() as db:
            row = db.execute("select * from jobs where id = ?", [id]).fetchone()
            place = None
            if row is not None and row["state"] == "queued":
                found = db.execute(f"select place from ({_LINE}) where id = ?", [id]).fetchone()
                place = found and found[0]
        return None if row is None else _job(row, place)

    def owned(self, owner: str, most: int = 50) -> list[Job]:
        """The jobs of ``owner``, the newest first."""
        with self.database.reading() as db:
            rows = db.execute(
                "select * from jobs where owner = ? order by number desc limit ?", [owner, most]
            ).fetchall()
        return [_job(row) for row in rows]

    def waiting(self) -> list[str]:
        """The jobs that wait, the next one first."""
        with self.database.reading() as db:
            return [row["id"] for row in db.execute(f"{_LINE} order by place")]

    def running(self) -> list[str]:
        """The jobs that run, or ran when their worker was killed."""
        with self.database.reading() as db:
            return [row[0] for row in db.execute("select id from jobs where state = 'running'")]

    def has(self, id: str) -> bool:
        """Whether there is such a job."""
        with self.database.reading() as db:
            return db.execute("select 1 from jobs where id = ?", [id]).fetchone() is not None

    # --- From one state to the next; each tells whether it happened.

    def start(self, id: str) -> bool:
        """A worker begins."""
        return self._change("state = 'running'", "id = ? and state = 'queued'", [id])

    def further(self, id: str, step: int) -> bool:
        """The job has come to ``step``. False: it is no longer to be done."""
        with self.database.changing() as db:
            db.execute("update jobs set furthest = ?, deaths = 0 where id = ? and furthest < ?", [step, id, step])
            row = db.execute("select state from jobs where id = ?", [id]).fetchone()
        return row is not None and row[0] == "running"

    def finish(self, id: str, error: str | None = None) -> bool:
        """The job is done; with an ``error`` it has failed. Then no mail is sent."""
        with self.database.changing() as db:
            changed = db.execute(
                "update jobs set state = ?, error = ?, finished = ? where id = ? and state = 'running'",
                ["failed" if error else "done", error, time.time(), id],
            ).rowcount
            if error:
                db.execute("delete from mails where job = ?", [id])
        return changed == 1

    def release(self, id: str) -> bool:
        """The worker stops; another one goes on."""
        return self._change("state = 'queued'", "id = ? and state = 'running'", [id])

    def died(self, id: str, tries: int) -> bool:
        """The worker was killed. The job waits again; after ``tries`` deaths without getting further it has failed."""
        with self.database.changing() as db:
            db.execute("update jobs set deaths = deaths + 1 where id = ? and state = 'running'", [id])
            row = db.execute("select deaths, state from jobs where id = ?", [id]).fetchone()
            if row is None or row["state"] != "running":
                return False
            if row["deaths"] < tries:
                db.execute("update jobs set state = 'queued' where id = ?", [id])
                return True
            db.execute(
                "update jobs set state = 'failed', finished = ?, error = ? where id = ?",
                [time.time(), f"The worker ended {tries} times at this job; try it with a smaller photo.", id],
            )
            db.execute("delete from mails where job = ?", [id])
        return False

    def cancel(self, id: str, owner: str) -> bool:
        """The owner cancels the job."""
        with self.database.changing() as db:
            changed = db.execute(
                "update jobs set state = 'cancelled', finished = ? "
                "where id = ? and owner = ? and state in ('queued', 'running')",
                [time.time(), id, owner],
            ).rowcount
            if changed:
                db.execute("delete from mails where job = ?", [id])
        return changed == 1

    def forget(self, id: str, owner: str | None = None) -> bool:
        """Delete the job with its mail address, unless it waits or runs; only that of ``owner`` if one is given."""
        with self.database.changing() as db:
            return (
                db.execute(
                    "delete from jobs where id = ? and state not in ('queued', 'running') and owner = coalesce(?, owner)",
                    [id, owner],
                ).rowcount
            ) == 1

    def ended(self) -> Iterator[tuple[str, float]]:
        """The jobs that are over, and when they ended, the oldest first; without those whose mail is still to be sent."""
        with self.database.reading() as db:
            rows = db.execute(
                "select id, finished from jobs where state in ('done', 'failed', 'cancelled') "
                "and id not in (select job from mails where state = 'wanted') order by number"
            ).fetchall()
        for row in rows:
            yield row["id"], row["finished"]

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        with self.database.reading() as db:
            return _by_state(db, "jobs")

    def waiting_since(self) -> float | None:
        """When the job came that has waited longest."""
        with self.database.reading() as db:
            found: float | None = db.execute("select min(created) from jobs where state = 'queued'").fetchone()[0]
        return found

    # --- Mails

    def mail_counts(self) -> dict[str, int]:
        """How many mails there are in each state."""
        with self.database.reading() as db:
            return _by_state(db, "mails")

    def mail(self, id: str) -> str:
        """What became of the mail of ``id``: none, wanted, sent, or why it was not sent."""
        with self.database.reading() as db:
            row = db.execute("select state, error from mails where job = ?", [id]).fetchone()
        return "none" if row is None else row["error"] or row["state"]

    def mails_due(self, now: float, longest: float) -> list[tuple[str, str, str, str, int]]:
        """Job, its name, its kind, the address and the tries so far of the mails to send ``now``.

        One that is due later than the ``longest`` wait is due now: the clock was moved.
        """
        with self.database.reading() as db:
            rows = db.execute(
                "select job, name, kind, address, tries from mails join jobs on jobs.id = mails.job "
                "where jobs.state = 'done' and mails.state = 'wanted' and (due <= ? or due > ?)",
                [now, now + longest],
            ).fetchall()
        return [tuple(row) for row in rows]

    def mail_sent(self, id: str) -> None:
        """The mail server has it, so the address is no longer needed."""
        self._mail("state = 'sent', address = '', error = null", id)

    def mail_later(self, id: str, tries: int, due: float, error: str | None) -> bool:
        """It is tried again at ``due``, unless it is sent before."""
        return self._mail("tries = ?, due = ?, error = coalesce(?, error)", id, tries, due, error)

    def mail_failed(self, id: str, error: str) -> None:
        """The mail cannot be sent."""
        self._mail("state = 'failed', address = '', error = ?", id, error)

    def _mail(self, change: str, id: str, *values: Any) -> bool:
        with self.database.changing() as db:
            return db.execute(f"update mails set {change} where job = ?", [*values, id]).rowcount == 1

    def _change(self, change: str, where: str, values: list[Any]) -> bool:
        with self.database.changing() as db:
            return db.execute(f"update jobs set {change} where {where}", values).rowcount == 1


def _by_state(db: sqlite3.Connection, table: str) -> dict[str, int]:
    return dict(db.execute(f"select state, count(*) from {table} group by state").fetchall())


def _job(row: Any, place: int | None = None) -> Job:
    return Job(
        row["id"],
        row["model"],
        row["kind"],
        row["name"],
        row["state"],
        row["error"],
        row["created"],
        row["finished"],
        place,
    )
