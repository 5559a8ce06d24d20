"""Jupyter Server's connection to a page, without Nagle's algorithm. Knows no figure and no tape.

A press is answered by several small messages. With the algorithm on, as tornado leaves it, the second waits
until the browser has acknowledged the first, which it may put off by 40 ms (tcp(7): TCP_NODELAY). A server
takes this class by a flag:

    --ServerApp.kernel_websocket_connection_class=labkit.figure.prompt.PromptConnection
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's WebSocket with TCP_NODELAY set, else the server's own."""

    def connect(self) -> Any:
        """Begin as the server does, each message leaving at once; what it returns is awaited there."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
