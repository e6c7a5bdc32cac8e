"""Who looks at which session."""

from gateway.kernel.net.facts import ConnectionClosed
from gateway.sessions.keys import canonical_key
from gateway.sessions.viewers import Viewers
from tests.gateway.sessions.test_announce import Listener

MAIN = canonical_key("main")


def test_a_session_is_watched_while_a_visible_page_shows_it() -> None:
    viewers = Viewers()
    viewers.show("a", frozenset({MAIN}))
    assert viewers.watched(MAIN)
    assert not viewers.watched(canonical_key("other"))
    viewers.set_visible("a", visible=False)
    assert not viewers.watched(MAIN)
    viewers.show("b", frozenset({MAIN}))
    assert viewers.watched(MAIN)
    viewers.show("b", frozenset())
    viewers.set_visible("a", visible=True)
    assert viewers.watched(MAIN)
    viewers.forget(ConnectionClosed(Listener("a").principal, 1000, "bye"))
    assert not viewers.watched(MAIN)
