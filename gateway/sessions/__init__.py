"""The session index: which conversations exist, how they are listed, changed and announced."""

from gateway.kernel.feature import Feature, House
from gateway.kernel.net.facts import ConnectionClosed
from gateway.kernel.ports import PendingApprovals
from gateway.operations.facts import Facts
from gateway.sessions.announce import Announcer
from gateway.sessions.api import SessionsApi
from gateway.sessions.api_changes import SessionChangesApi
from gateway.sessions.api_elsewhere import ElsewhereApi
from gateway.sessions.api_groups import SessionGroupsApi
from gateway.sessions.groups import SessionGroups
from gateway.sessions.lifecycle import Sessions
from gateway.sessions.overview import SessionOverview
from gateway.sessions.reading import SessionReader
from gateway.sessions.service import SessionIndex
from gateway.sessions.viewers import Viewers
from gateway.transcripts.service import Transcripts


async def setup(house: House) -> None:
    """Offer the index, its changes and its announcer, and answer the `sessions` methods."""
    db, clock, hub = house.database("state"), house.clock, house.hub
    transcripts = house.need(Transcripts)
    path = str(house.home.state_dir / "state.db")
    index = house.offer(SessionIndex(db, clock, path))
    announcer = house.offer(Announcer(hub, index, clock))
    sessions = house.offer(Sessions(db, clock, index, transcripts, announcer))
    viewers = house.offer(Viewers())
    house.need(Facts).sessions = SessionOverview(db, index, clock).facts
    house.bus.subscribe(ConnectionClosed, viewers.forget)
    house.rpc.add(
        SessionsApi(
            index=index,
            reader=SessionReader(db, clock, index, transcripts),
            transcripts=transcripts,
            viewers=viewers,
            approvals=house.need(PendingApprovals),
            hub=hub,
            db=db,
            clock=clock,
        )
    )
    house.rpc.add(
        SessionChangesApi(index=index, sessions=sessions, transcripts=transcripts, clock=clock, path=path)
    )
    house.rpc.add(ElsewhereApi(index))
    house.rpc.add(SessionGroupsApi(SessionGroups(db), announcer))
    house.after_start(sessions.finish_erasures)


FEATURE = Feature("sessions", setup=setup, package="gateway.sessions", database="state")
