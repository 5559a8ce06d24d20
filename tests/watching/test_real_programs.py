"""Servers and clients that many people use do the same watched as not: what their clients see is compared.

Each program prints what its client saw as JSON, in a process of its own: once as it is, once with every loop
of asyncio watched while it runs, with calls. What is not installed is skipped by name.
"""

# ruff: noqa: E501  (the programs are texts)
from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest

from .programs import environment

AROUND = """
import asyncio, contextlib, json, logging, os, socket, subprocess, sys, tempfile, warnings
from labkit import watch
warnings.simplefilter("ignore")
logging.disable()
watched, tapes = sys.argv[1] == "watched", []
run_forever = asyncio.BaseEventLoop.run_forever

def run_watched(self):
    with watch(self, calls=True) as tape:
        tapes.append(tape)
        return run_forever(self)

if watched:
    asyncio.BaseEventLoop.run_forever = run_watched
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
seen, see = [], lambda *what: seen.append(what)

def headers(answer):
    return sorted((k.lower(), v) for k, v in answer.items() if k.lower() not in ("date", "last-modified", "etag"))

async def raw(*requests):
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        length = [int(line.split(b":")[1]) for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length")]
        see(sorted(l for l in head.decode().lower().split("\\r\\n") if not l.startswith("date")))
        see((await reader.readexactly(length[0] if length else 0)).decode())
    writer.close()
    await writer.wait_closed()

async def answers(port):
    for _ in range(400):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.02)
"""
END = """
asyncio.run(asyncio.wait_for(main(), 40))
calls = sum(call.name in ("recv", "send") for tape in tapes for turn in tape for call in turn.calls)
print(json.dumps([seen, calls], default=repr))
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["path"] == "/raises":
        raise ValueError("on purpose")
    said = f"{scope['method']} {scope['path']} {len(body)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % (2 * len(said)))]})
    for _ in range(2):
        await send({"type": "http.response.body", "body": said, "more_body": _ == 0})

def request(method, path, body=b""):
    return f"{method} {path} HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n".encode() + body

REQUESTS = [request("GET", "/"), request("POST", "/long", b"x" * 200_000), request("GET", "/raises")]
"""
PROGRAMS = {
    "aiohttp": """
import aiohttp
from aiohttp import web
FILE = tempfile.NamedTemporaryFile(suffix=".txt")
FILE.write(b"abc" * 100_000); FILE.flush()

async def echo(request):
    return web.Response(body=await request.read(), headers={"x-method": request.method})

async def chunks(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    for n in range(50):
        await answer.write(b"%d" % n * n)
    return answer

async def talk(request):
    sock = web.WebSocketResponse()
    await sock.prepare(request)
    async for message in sock:
        await sock.send_str(message.data[::-1])
    return sock

async def main():
    app = web.Application(client_max_size=2**23)
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/chunks", chunks)
    app.router.add_get("/talk", talk)
    app.router.add_get("/file", lambda request: web.FileResponse(FILE.name))
    app.router.add_get("/raises", lambda request: 1 / 0)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}") as client:
        for method, path, data in [("POST", "/echo", b"x" * 300_000), ("PUT", "/echo", b""), ("GET", "/chunks", None),
                                   ("GET", "/file", None), ("GET", "/raises", None), ("GET", "/nowhere", None)]:
            async with client.request(method, path, data=data) as answer:
                see(answer.status, headers(answer.headers), len(await answer.read()), hash(await answer.text()) != 0)
        async with client.ws_connect("/talk") as sock:
            for n in (1, 100, 70_000):
                await sock.send_str("ab" * n)
                see(await sock.receive_str() == "ba" * n)
    await runner.cleanup()
""",
    "uvicorn": ASGI + """
import uvicorn

async def main():
    server = uvicorn.Server(uvicorn.Config(app, port=PORT, log_level="critical", loop="asyncio"))
    serving = asyncio.create_task(server.serve())
    await answers(PORT)
    await raw(*REQUESTS)
    await raw(*REQUESTS[:2] * 3)
    server.should_exit = True
    await serving
""",
    "hypercorn": ASGI + """
from hypercorn.asyncio import serve
from hypercorn.config import Config

async def main():
    config, over = Config(), asyncio.Event()
    config.bind, config.errorlog = [f"127.0.0.1:{PORT}"], None
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=over.wait))
    await answers(PORT)
    await raw(*REQUESTS)
    over.set()
    await serving
""",
    "websockets": """
import websockets

async def echo(sock):
    async for message in sock:
        await sock.send(message)
    see("server", sock.close_code, sock.close_reason)

async def main():
    async with websockets.serve(echo, "127.0.0.1", PORT, max_size=2**22):
        async with websockets.connect(f"ws://127.0.0.1:{PORT}", max_size=2**22) as sock:
            for message in ("hello", b"bytes", "ä" * 100_000, b"x" * 1_000_000, ""):
                await sock.send(message)
                see(await sock.recv() == message)
            see((await (await sock.ping())) >= 0)
            await sock.close(4001, "enough")
        see(sock.close_code, sock.close_reason)
        await asyncio.sleep(0.02)
""",
    "tornado": """
import tornado.httpclient, tornado.httpserver, tornado.web

class Echo(tornado.web.RequestHandler):
    def get(self):
        self.write({"query": self.get_query_arguments("a")})

    def post(self):
        self.write(self.request.body)

class Raises(tornado.web.RequestHandler):
    async def get(self):
        for n in range(20):
            self.write("x" * 1000)
            await self.flush()
        raise tornado.web.HTTPError(500)

async def main():
    server = tornado.httpserver.HTTPServer(tornado.web.Application([("/echo", Echo), ("/raises", Raises)]))
    server.listen(PORT, "127.0.0.1")
    client = tornado.httpclient.AsyncHTTPClient()
    for path, options in [("/echo?a=1&a=2", {}), ("/echo", {"method": "POST", "body": b"x" * 500_000}),
                          ("/raises", {}), ("/nowhere", {})]:
        answer = await client.fetch(f"http://127.0.0.1:{PORT}{path}", raise_error=False, **options)
        see(answer.code, headers(answer.headers), len(answer.body), answer.body[:50].decode(), type(answer.error).__name__)
    server.stop()
    await server.close_all_connections()
""",
    "redis": """
import redis.asyncio

async def main():
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(PORT), "--dir", folder, "--save", "", "--bind", "127.0.0.1"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            await answers(PORT)
            client = redis.asyncio.Redis(port=PORT, decode_responses=True)
            see(await client.ping(), await client.set("name", "lab"), await client.get("name"), await client.get("none"))
            async with client.pipeline() as pipe:
                for n in range(500):
                    pipe.incrby("sum", n)
                see((await pipe.execute())[-1])
            see(await client.set("long", "x" * 2_000_000), len(await client.get("long")))
            try:
                await client.lpush("name", 1)
            except redis.exceptions.ResponseError as error:
                see(str(error))
            async with client.pubsub() as sub:
                await sub.subscribe("news")
                for text in ("one", "two"):
                    await client.publish("news", text)
                while len(seen) < 6:
                    message = await sub.get_message(ignore_subscribe_messages=True, timeout=5)
                    if message:
                        see(message["data"])
            see(await asyncio.gather(*(client.incr("count") for _ in range(50))) == list(range(1, 51)))
            await client.aclose()
        finally:
            server.terminate()
            server.wait(10)
""",
    "psycopg": """
import psycopg
WHERE = f"host=127.0.0.1 port={os.environ.get('POSTGRES', PORT)} user=postgres sslmode=disable gssencmode=disable"

async def talk():
    async with await psycopg.AsyncConnection.connect(WHERE, autocommit=True) as one:
        await one.execute("create temp table t (n int, s text)")
        async with one.cursor() as cursor:
            await cursor.executemany("insert into t values (%s, %s)", [(n, "x" * n) for n in range(300)])
            await cursor.execute("select sum(n), sum(length(s)) from t")
            see(await cursor.fetchall())
            await cursor.execute("select g, repeat('y', 100) from generate_series(1, 20000) g")
            see(len(await cursor.fetchall()), cursor.rowcount)
            async with cursor.copy("copy t from stdin") as copy:
                for n in range(1000):
                    await copy.write_row((n, "copied"))
            async with cursor.copy("copy t to stdout") as copy:
                see(len(b"".join([bytes(block) async for block in copy])))
        for wrong in ("select nothing", "select 1/0", "no sql"):
            try:
                await one.execute(wrong)
            except psycopg.Error as error:
                see(type(error).__name__, str(error))
        await one.execute("listen news")
        async with await psycopg.AsyncConnection.connect(WHERE, autocommit=True) as other:
            await other.execute("notify news, 'hello'")
            async for notice in one.notifies(timeout=10, stop_after=1):
                see(notice.channel, notice.payload)
            see([(await c.fetchone())[0] for c in await asyncio.gather(*(each.execute("select 1") for each in (one, other)))])

async def main():
    if "POSTGRES" in os.environ:
        await talk()
    for answer in (None, b"", b"no server of PostgreSQL", b"E" + (30).to_bytes(4, "big") + b"SFATAL\\0C28000\\0Mnot you\\0\\0\\0"):
        async def serve(reader, writer, answer=answer):
            await reader.read(8)
            writer.write(answer)
            writer.close()
        server = await asyncio.start_server(serve, "127.0.0.1", PORT) if answer is not None else None
        try:
            await psycopg.AsyncConnection.connect(f"host=127.0.0.1 port={PORT} user=x sslmode=disable gssencmode=disable")
        except psycopg.Error as error:
            see(type(error).__name__, str(error).replace(str(PORT), "PORT"))
        if server is not None:
            server.close()
            await server.wait_closed()
""",
}  # fmt: skip


@pytest.fixture
def postgres():
    """Lets PostgreSQL run, in a folder that is gone afterwards, where it is installed; says so if it is not."""
    if not shutil.which("initdb"):
        print("there is no PostgreSQL here: only what its driver sees of servers that are none is compared")
        yield {}
        return
    user = "nobody" if os.geteuid() == 0 else None  # as root it does not run
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        if user is not None:
            shutil.chown(folder, user)
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        data = f"{folder}/data"
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        for command in (
            ["initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"],
            ["pg_ctl", "-D", data, "-l", f"{folder}/log", "-w", "-o", options, "start"],
        ):
            subprocess.run(
                command,
                check=True,
                user=user,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            yield {"POSTGRES": port}
        finally:
            command = ["pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]
            subprocess.run(command, user=user, cwd=folder, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.slow
@pytest.mark.every_python
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_server_and_its_clients_do_the_same_watched_as_not(name, tmp_path, request):
    pytest.importorskip(name, exc_type=ImportError)
    if name == "redis" and not shutil.which("redis-server"):
        pytest.skip("there is no redis-server here")
    servers = request.getfixturevalue("postgres") if name == "psycopg" else {}
    (tmp_path / "program.py").write_text(AROUND + PROGRAMS[name] + END)
    (plain, _), (watched, calls) = (
        ran(tmp_path / "program.py", how, servers) for how in ("plain", "watched")
    )
    assert watched == plain and len(plain) > 2
    assert calls > 5 or name == "psycopg"  # whose driver, libpq, receives and sends in C


def ran(program, how, servers):
    """(what the client saw, how many calls were recorded) of one run."""
    command = [sys.executable, "-W", "ignore", program, how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment() | servers)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
