"""What peers did before a lab's first iteration, kept so that it can be done again.

It knows peers, and neither loops nor labs.
"""

from __future__ import annotations

from collections.abc import Callable

from labkit.lab.peer import Peer


class Beginning:
    """The deeds of peers, in order, until `over`."""

    def __init__(self) -> None:
        self.over = False
        self._deeds: list[tuple[Peer, str, bytes]] = []

    def note(self, peer: Peer, action: str) -> None:
        """`peer` has just done `action`."""
        if not self.over:
            data, count = peer.handed
            self._deeds.append((peer, action, bytes(memoryview(data))[:count]))

    def again(self, connect: Callable[[Peer], object]) -> None:
        """Do it all once more; `connect` connects a peer to the lab that has taken the other's place."""
        for peer, action, data in self._deeds:
            if action == "connect":
                connect(peer)
            elif action == "send":
                peer.send(data)
            elif action != "recv":  # nothing had come
                getattr(peer, action)()
