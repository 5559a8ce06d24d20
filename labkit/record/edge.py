"""An epoll that is edge-triggered: the same selector, with the flag EPOLLET on every fd (epoll(7)).

An ordinary BaseSelector: any loop can be given one. It is none of those that `available()` names,
since a loop that does not read until EAGAIN sleeps on it while bytes wait.
"""

from __future__ import annotations

import os
import select
import selectors
from typing import Any


class EdgeSelector(selectors.EpollSelector):
    """Reports an fd when something new happens to it, and not again. Linux only.

    EpollSelector has no word for EPOLLET, so each entry is changed through a second fd of the same epoll.
    """

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._on_edges(super().register(fileobj, events, data))

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._on_edges(super().modify(fileobj, events, data))

    def _on_edges(self, key: selectors.SelectorKey) -> selectors.SelectorKey:
        flags = select.EPOLLET
        flags |= select.EPOLLIN if key.events & selectors.EVENT_READ else 0
        flags |= select.EPOLLOUT if key.events & selectors.EVENT_WRITE else 0
        with select.epoll.fromfd(os.dup(self.fileno())) as same:
            same.modify(key.fd, flags)
        return key
