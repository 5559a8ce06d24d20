"""Jupyter Server's connection to a page, without Nagle's algorithm. Knows no figure and no tape.

A press is answered by several small messages. With the algorithm on, as tornado leaves it, the second waits
until the browser has acknowledged the first, which it may put off by 40 ms (tcp(7): TCP_NODELAY). It is an
extension of the server: pyproject.toml puts prompt.json where each server beside labkit looks for such.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

SETTING = "kernel_websocket_connection_class"


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's WebSocket with TCP_NODELAY set, else the server's own."""

    def connect(self) -> Any:
        """Begin as the server does, each message leaving at once; what it returns is awaited there."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def _load_jupyter_server_extension(server: Any) -> None:
    """Called by Jupyter Server when it starts. A class that somebody else has chosen stays."""
    settings = server.web_app.settings
    if settings.get(SETTING) is ZMQChannelsWebsocketConnection:
        settings[SETTING] = PromptConnection
