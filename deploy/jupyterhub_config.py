"""A JupyterHub for a class on one machine, or for a test: every student a server, every server bounded.

    LAB_HUB_DIR=/srv/lab jupyterhub -f deploy/jupyterhub_config.py

It reads its settings from the environment, so that one file serves a classroom and the test of it:

    LAB_HUB_DIR        where the hub keeps its database, and students their work (this folder)
    LAB_HUB_PORT       the port that students open (8000), on loopback unless LAB_HUB_HOST says otherwise; the
                       two ports after it are the proxy's and the hub's own, on loopback always
    LAB_HUB_PASSWORD   what students type beside a name of their choice: for a room, not the internet
    LAB_HUB_TOKEN      the token of a service that makes users and starts servers; none: no such service
    LAB_NOTEBOOKS      the folder of lessons that each student gets a copy of at the first start
    LAB_PROXY          the command of configurable-http-proxy, if it is not on the PATH
    LAB_EXCHANGE       the folder through which nbgrader hands out and collects; none: no exchange
    LAB_COURSE         nbgrader's name of the course (event-loop-lab)

Real accounts, and up to a hundred students on a machine of their own: deploy/tljh. Beyond: deploy/kubernetes.
"""

import os
import shutil
import sys
from pathlib import Path

from jupyterhub.objects import Server
from jupyterhub.proxy import ConfigurableHTTPProxy
from tornado.ioloop import PeriodicCallback

c = get_config()  # noqa: F821 - JupyterHub gives it to this file

base = Path(os.environ.get("LAB_HUB_DIR", ".")).resolve()
host = os.environ.get("LAB_HUB_HOST", "127.0.0.1")
port = int(os.environ.get("LAB_HUB_PORT", "8000"))
lessons = Path(os.environ.get("LAB_NOTEBOOKS", Path(__file__).resolve().parents[1] / "notebooks"))
base.mkdir(parents=True, exist_ok=True)

c.JupyterHub.bind_url = f"http://{host}:{port}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port + 2}"
c.JupyterHub.db_url = f"sqlite:///{base / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(base / "cookie_secret")
c.JupyterHub.cleanup_servers = True


class Proxy(ConfigurableHTTPProxy):
    """JupyterHub gives its proxy ten seconds to begin, which is no setting; a busy machine needs longer."""

    starts_within = 110  # seconds more

    async def start(self):
        try:
            await super().start()
        except TimeoutError:
            if self.proxy_process.poll() is not None:
                raise
            for url in (self.app.bind_url, self.api_url):
                await Server.from_url(url).wait_up(self.starts_within)
            self._check_running_callback = PeriodicCallback(
                self.check_running, 1e3 * self.check_running_interval
            )
            self._check_running_callback.start()


c.JupyterHub.proxy_class = Proxy
c.ConfigurableHTTPProxy.command = [*os.environ.get("LAB_PROXY", "configurable-http-proxy").split()]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 1}"
c.ConfigurableHTTPProxy.pid_file = str(base / "proxy.pid")

# A name and one password for all: for a room whose network is its own.
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = os.environ.get("LAB_HUB_PASSWORD", "")
c.Authenticator.allow_all = True
if not os.environ.get("LAB_HUB_PASSWORD") and host not in ("127.0.0.1", "::1", "localhost"):
    sys.exit("LAB_HUB_PASSWORD is not set, and the hub would be open to everybody who reaches it")

# Each student's server is a process of this account. It may run notebooks, and sockets on loopback.
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(base / "home" / "{username}")
c.Spawner.default_url = "/lab/tree/00-start-here.ipynb"
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
c.Spawner.args = [
    "--ServerApp.terminals_enabled=False",
    "--MappingKernelManager.cull_idle_timeout=1800",  # half an hour after the last look
    "--MappingKernelManager.cull_interval=120",
    "--ServerApp.shutdown_no_activity_timeout=7200",
    *(["--allow-root"] if os.getuid() == 0 else []),
]
c.Spawner.environment = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    "OMP_NUM_THREADS": "1",  # numpy would start a thread for each core, in each kernel
}
if "PYTHONPATH" in os.environ:
    c.Spawner.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]


# Here all servers are processes of one account, by which nbgrader would know who hands in: so it is told.
EXCHANGE = """\
c = get_config()  # noqa: F821 - nbgrader gives it to this file

c.CourseDirectory.course_id = {course!r}
c.CourseDirectory.student_id = {name!r}
c.Exchange.root = {exchange!r}
"""


def hand_out(spawner):
    """Copy the lessons that a student does not have yet. What is there is theirs, and stays."""
    home = base / "home" / spawner.user.name
    home.mkdir(parents=True, exist_ok=True)
    for lesson in sorted(lessons.glob("*.ipynb")):
        if not (home / lesson.name).exists():
            shutil.copy(lesson, home / lesson.name)
    if os.environ.get("LAB_EXCHANGE"):
        (home / ".jupyter").mkdir(exist_ok=True)
        settings = EXCHANGE.format(
            course=os.environ.get("LAB_COURSE", "event-loop-lab"),
            exchange=os.environ["LAB_EXCHANGE"],
            name=spawner.user.name,
        )
        (home / ".jupyter" / "nbgrader_config.py").write_text(settings)


c.Spawner.pre_spawn_hook = hand_out

if os.environ.get("LAB_HUB_TOKEN"):
    c.JupyterHub.services = [{"name": "teacher", "api_token": os.environ["LAB_HUB_TOKEN"]}]
    scopes = ["admin:users", "admin:servers", "access:servers", "list:users"]
    c.JupyterHub.load_roles = [{"name": "teacher", "scopes": scopes, "services": ["teacher"]}]
