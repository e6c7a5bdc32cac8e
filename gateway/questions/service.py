"""Questions wait durably for a person; whoever asked can wait for the answer."""

import sqlite3
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.store.db import Database
from gateway.kernel.waiters import Waiters
from gateway.questions import store
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.events.questions import QuestionRequested, QuestionResolved
from protocol.ids import checked_id, checked_session_key, new_id
from protocol.methods.questions import QuestionOutcome, QuestionRequest, QuestionResolve
from protocol.nouns.question import QuestionRecord

DEFAULT_TIMEOUT_MS: Final = 30 * 60_000
"""As long as an approval waits."""

KEEP_SETTLED_MS: Final = 7 * 24 * 3_600_000


class Questions:
    """Asks, waits, settles once."""

    def __init__(self, db: Database, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._hub = hub
        self._clock = clock
        self._waiting = Waiters()

    async def ask(self, call: QuestionRequest) -> QuestionRecord:
        """Store the questions and tell everyone who may answer.

        Raises:
            Conflict: when the id is taken.
            InvalidRequest: when an id or the session key cannot be one.
        """
        now_ms = self._clock.now_ms()
        record = QuestionRecord(
            id=checked_id(call.id, "id") if call.id is not None else new_id(),
            questions=call.questions,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + (call.timeout_ms or DEFAULT_TIMEOUT_MS),
            status="pending",
            agent_id=checked_id(call.agent_id, "agentId") if call.agent_id is not None else None,
            session_key=checked_session_key(call.session_key) if call.session_key is not None else None,
            run_id=call.run_id,
        )
        try:
            await self._db.write(lambda tx: store.insert(tx, record))
        except sqlite3.IntegrityError as error:
            raise Conflict(f"id: question {record.id} exists already", {"field": "id"}) from error
        self._hub.publish(
            QuestionRequested(
                id=record.id,
                questions=record.questions,
                created_at_ms=record.created_at_ms,
                expires_at_ms=record.expires_at_ms,
                status="pending",
                agent_id=record.agent_id,
                session_key=record.session_key,
                run_id=record.run_id,
            )
        )
        return record

    async def wait(self, question_id: str, timeout_ms: int | None) -> QuestionOutcome:
        """The outcome once there is one, or as it is after `timeout_ms`.

        Raises:
            NotFound: when there is no such question.
        """

        def left_ms(record: QuestionRecord) -> int | None:
            if record.status != "pending":
                return None
            until_expiry_ms = record.expires_at_ms - self._clock.now_ms()
            return until_expiry_ms if timeout_ms is None else min(until_expiry_ms, timeout_ms)

        return outcome_of(await self._waiting.settled(question_id, lambda: self.get(question_id), left_ms))

    async def resolve(self, call: QuestionResolve, resolver: str) -> QuestionOutcome:
        """Answer or cancel.

        Raises:
            NotFound: when there is no such question.
            InvalidRequest: when there is neither answer nor cancellation, or an answer nobody asked for.
            Conflict: when it is settled already.
        """
        record = await self.get(call.id)
        if call.cancel:
            settled = msgspec.structs.replace(record, status="cancelled", resolved_by=resolver)
        else:
            if call.answers is None:
                raise InvalidRequest("answers: give answers, or cancel: true", {"field": "answers"})
            asked = {question.question_id for question in record.questions}
            stray = next((name for name in call.answers.answers if name not in asked), None)
            if stray is not None:
                raise InvalidRequest(f"answers: nobody asked {stray}", {"field": f"answers/{stray}"})
            settled = msgspec.structs.replace(
                record, status="answered", answers=call.answers, resolved_by=resolver
            )
        if not await self._settle(settled):
            raise Conflict(f"id: question {call.id} is settled already", {"field": "id"})
        return outcome_of(settled)

    async def get(self, question_id: str) -> QuestionRecord:
        """One record; what waited too long is expired by now.

        Raises:
            NotFound: when there is none.
        """
        record = await self._db.read(lambda tx: store.find(tx, question_id))
        if record is None:
            raise NotFound(f"id: no question {question_id}", {"field": "id"})
        return await self._expire(record) if self._overdue(record) else record

    async def pending(self) -> list[QuestionRecord]:
        """Questions that wait, oldest first."""
        records = await self._db.read(store.pending)
        for overdue in filter(self._overdue, records):
            await self._expire(overdue)
        return [record for record in records if not self._overdue(record)]

    async def expire(self) -> None:
        """Settle what waited too long."""
        await self.pending()

    async def reap(self) -> None:
        """Forget what was settled long ago."""
        asked_before_ms = self._clock.now_ms() - KEEP_SETTLED_MS
        await self._db.write(lambda tx: store.reap(tx, asked_before_ms))

    def _overdue(self, record: QuestionRecord) -> bool:
        return record.status == "pending" and record.expires_at_ms <= self._clock.now_ms()

    async def _expire(self, record: QuestionRecord) -> QuestionRecord:
        """The record as expired, or as somebody settled it in the last moment."""
        expired = msgspec.structs.replace(record, status="expired")
        if await self._settle(expired):
            return expired
        return await self._db.read(lambda tx: store.find(tx, record.id)) or expired

    async def _settle(self, record: QuestionRecord) -> bool:
        settled = await self._db.write(lambda tx: store.settle(tx, record))
        self._waiting.wake(record.id)
        if settled:
            self._hub.publish(QuestionResolved(id=record.id, status=record.status, answers=record.answers))
        return settled


def outcome_of(record: QuestionRecord) -> QuestionOutcome:
    """Where a record stands."""
    return QuestionOutcome(status=record.status, answers=record.answers)
