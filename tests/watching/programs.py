"""Programs that are not the lab's own, to be watched: servers that stall, and how they are run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..helpers import ROOT

SERVER = """
import asyncio, sys, time

{handlers}

HANDLERS = [{names}]

async def serve(reader, writer):
    while line := await reader.readline():
        HANDLERS[int(line)]()
        writer.write(line)
        await writer.drain()
    writer.close()

async def client(port, orders):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for order in orders:
        writer.write(b"%d\\n" % order)
        await reader.readline()
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(client(port, {orders}), client(port, {orders}[::-1]))
    server.close()

asyncio.run(main())
"""


def server(slow: int | None, blocks: str = "time.sleep(0.3)", count: int = 6) -> str:
    """A program with `count` handlers, of which one, or none, keeps the loop waiting once."""
    handlers = "\n\n".join(f"def handler_{n}():\n    {blocks if n == slow else 'pass'}" for n in range(count))
    orders = [n for n in range(count) for _ in range(1 if n == slow else 5)]
    names = ", ".join(f"handler_{n}" for n in range(count))
    return SERVER.format(handlers=handlers, names=names, orders=orders)


WAITED = """
import asyncio, socket, time

async def serve(reader, writer):
    if await reader.readline() == b"slow\\n":
        early.sendall(b"hello")
        time.sleep(0.3)
        asyncio.get_running_loop().call_soon(next_turn)

def next_turn():
    late.sendall(b"too late to have waited")
    time.sleep(0.06)
    over.set()

async def main():
    global early, late, over
    over = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    asker, early, late = (socket.create_connection(server.sockets[0].getsockname()) for _ in range(3))
    asker.sendall(b"slow\\n")
    await over.wait()
    print(early.getsockname()[1])
    server.close()
    for each in (asker, early, late):
        each.close()

asyncio.run(main())
"""


def watch(
    folder: Path,
    text: str,
    *arguments: str,
    options: tuple[str, ...] = (),
    stdin: str = "",
    told: bool = True,
) -> Any:
    """Run the program watched; the ended process, with `told`, what --json wrote instead of the screen."""
    (folder / "app.py").write_text(text)
    path = folder / "told.json"
    asked = ["--json", str(path)] if told else []
    command = [sys.executable, "-m", "labkit.cli", "watch", *asked, *options, "app.py", *arguments]
    ended: Any = subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, text=True, timeout=60, env=environment()
    )
    ended.told = json.loads(path.read_text()) if path.exists() else None
    return ended


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}


BLOCKS = {
    "sleeps": "time.sleep(0.3)",
    "computes": "sum(n * n for n in range(6_000_000))",
    "reads a pipe": "import subprocess; subprocess.run(['sleep', '0.3'])",
}

CLIENT = """
import asyncio, sys, time
def slow_lookup():
    time.sleep(0.3)
async def get(port, path=b"/"):
    for _ in range(100):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            await asyncio.sleep(0.05)
    writer.write(b"GET " + path + b" HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n")
    await reader.read()
    writer.close()
import socket
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    slow_lookup()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""
FRAMEWORKS = {
    "aiohttp": CLIENT + """
from aiohttp import web
async def handle(request):
    slow_lookup()
    return web.Response(text="ok")
async def main():
    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    await get(PORT)
    await runner.cleanup()
asyncio.run(main())
""",
    "uvicorn": CLIENT + ASGI + """
import uvicorn
server = uvicorn.Server(uvicorn.Config(app, port=PORT, log_level="error", loop="asyncio"))
async def main():
    serving = asyncio.create_task(server.serve())
    await get(PORT)
    server.should_exit = True
    await serving
asyncio.run(main())
""",
    "hypercorn": CLIENT + ASGI + """
from hypercorn.asyncio import serve
from hypercorn.config import Config
async def main():
    config, over = Config(), asyncio.Event()
    config.bind = [f"127.0.0.1:{PORT}"]
    config.errorlog = None
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=over.wait))
    await get(PORT)
    over.set()
    await serving
asyncio.run(main())
""",
    "websockets": CLIENT + """
import websockets
async def handle(socket):
    async for message in socket:
        slow_lookup()
        await socket.send(message)
async def main():
    async with websockets.serve(handle, "127.0.0.1", PORT):
        async with websockets.connect(f"ws://127.0.0.1:{PORT}") as socket:
            await socket.send("hello")
            await socket.recv()
asyncio.run(main())
""",
    "redis": CLIENT + """
import os, redis.asyncio, subprocess, tempfile
async def main():
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(PORT), "--dir", folder, "--save", "", "--bind", "127.0.0.1"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.asyncio.Redis(port=PORT)
        try:
            for _ in range(200):
                try:
                    await client.ping()
                    break
                except redis.exceptions.ConnectionError:
                    await asyncio.sleep(0.05)
            await client.set("name", "lab")
            for _ in range(50):
                assert await client.get("name") == b"lab"
            slow_lookup()
            await client.aclose()
        finally:
            server.terminate()
            server.wait(10)
asyncio.run(main())
""",
}  # fmt: skip
