"""docker-compose.yml, run as written by a real Docker engine: the labs, the metrics, the locks.

Where no engine answers, tools/test.sh does not come here and says so. Images that cannot be pulled
may be stand-ins (tools/engine.sh builds them, with a label); what was one, and what was left out
because there is none, is printed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib import error, parse, request

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
DASHBOARD = ROOT / "deploy/grafana/dashboards/spillway.json"
GATEWAY_IMAGE = "spillway:0.1.0"
REGIONS = ("eastus", "swedencentral", "westus", "uksouth")
PATIENCE_S = 30
# Panels about what the labs do not play: errors, streams, and clients that leave.
NOT_PLAYED = {
    "Errors in the time shown",
    "Answers of the gateway itself",
    "How long they had waited",
    "First token by backend, 95 %",
    "First token by backend, half",
    "Time per output token, by backend",
    "Tokens a second of a stream, by backend",
}
SUMMARY = "demo: 51 requests, 51 answered, 0 throttled at the client"

# Whatever proxy this machine has, it is not for what runs on it.
request.install_opener(request.build_opener(request.ProxyHandler({})))


class Project:
    """A compose project with a name and ports of its own, so that none that runs is in the way."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._name = f"spillway-test-{os.getpid()}-{abs(hash(folder)) % 1000}"
        self._environment = {**os.environ, **environment}

    def run(self, *arguments: str, within: int = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "compose", "-p", self._name, *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
        )

    def must(self, *arguments: str, within: int = 120) -> str:
        done = self.run(*arguments, within=within)
        if done.returncode:
            logs = self.run("logs", "--tail", "40").stdout
            raise AssertionError(f"{arguments}: {done.stdout}\n{done.stderr}\n{logs}")
        return done.stdout

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each service's container."""
        ids = self.must("ps", "--all", "--quiet").split()
        label = "com.docker.compose.service"
        return {found["Config"]["Labels"][label]: found for found in inspect("container", *ids)}

    def down(self) -> None:
        self.must("--profile", "*", "down", "--volumes", "--remove-orphans")


def setUpModule() -> None:
    """Builds the images, from stand-ins where the real ones cannot be pulled."""
    Project(ROOT, {}).must("--profile", "*", "build", within=3600)
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    for image in sorted(set(re.findall(r"^FROM (\S+:\S+)", dockerfile, re.M))):
        if is_stand_in(image):
            say(f"a stand-in: {image}")


class TheStack(unittest.TestCase):
    """The stack of this repository, up, and the labs played on it once."""

    project: Project
    demo: subprocess.CompletedProcess[str]
    services: list[str]
    ports: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        names = ("SPILLWAY_PORT", "STATUS_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
        cls.ports = dict(zip(names, free_ports(len(names)), strict=True))
        ports = {name: str(port) for name, port in cls.ports.items()}
        cls.project = Project(ROOT, ports)
        cls.addClassCleanup(cls.project.down)
        config = json.loads(cls.project.must("--profile", "*", "config", "--format", "json"))
        images = {name: service["image"] for name, service in config["services"].items()}
        cls.services = [name for name in config["services"] if name != "demo"]
        if not is_there(images["grafana"]):
            cls.services.remove("grafana")
            say(f"left out: grafana, as {images['grafana']} cannot be pulled")
        cls.project.must("up", "--detach", "--wait", *cls.services, within=600)
        if is_stand_in(images["prometheus"]):
            say(f"a stand-in: {images['prometheus']}")
        cls.demo = cls.project.run("run", "--rm", "-T", "demo", within=300)

    def test_all_are_healthy(self) -> None:
        health = {
            name: found["State"]["Health"]["Status"]
            for name, found in self.project.containers().items()
        }
        self.assertEqual(health, dict.fromkeys(self.services, "healthy"))

    def test_the_labs_are_played(self) -> None:
        self.assertEqual(self.demo.returncode, 0, self.demo.stdout + self.demo.stderr)
        self.assertEqual(self.demo.stdout.splitlines()[-1], SUMMARY)

    def test_ports_are_on_loopback_alone(self) -> None:
        published = {
            (binding["HostIp"], int(binding["HostPort"]))
            for found in self.project.containers().values()
            for bindings in found["NetworkSettings"]["Ports"].values()
            for binding in bindings or []
        }
        ports = dict(self.ports)
        if "grafana" not in self.services:
            del ports["GRAFANA_PORT"]
        self.assertEqual(published, {("127.0.0.1", port) for port in ports.values()})

    def test_no_process_is_root_or_could_be(self) -> None:
        for name, found in self.project.containers().items():
            with self.subTest(name):
                user = self.project.must("exec", "-T", name, "id", "-u").strip()
                self.assertNotEqual(user, "0")
                host = found["HostConfig"]
                self.assertTrue(host["ReadonlyRootfs"])
                self.assertEqual(host["CapDrop"], ["ALL"])
                self.assertIn("no-new-privileges:true", host["SecurityOpt"])

    def test_other_containers_reach_metrics_and_nothing_else_of_the_admin_interface(self) -> None:
        script = (
            "import http.client as h, sys\n"
            "def ask(port, method, path):\n"
            "    try:\n"
            "        c = h.HTTPConnection('gateway', port, timeout=10); c.request(method, path)\n"
            "        return c.getresponse().status\n"
            "    except OSError as problem:\n"
            "        return type(problem).__name__\n"
            "print(ask(9902, 'GET', '/stats/prometheus'), ask(9902, 'POST', '/quitquitquit'),\n"
            "    ask(9902, 'GET', '/config_dump'), ask(9901, 'GET', '/ready'))\n"
        )
        said = self.project.must(
            *("run", "--rm", "-T", "--entrypoint", "python", "demo", "-c", script)
        )
        self.assertEqual(said.split(), ["200", "404", "404", "ConnectionRefusedError"])

    def test_prometheus_scrapes_the_gateway(self) -> None:
        def scraped() -> bool:
            answered = self.query("sum(envoy_cluster_upstream_rq_total)")
            return bool(answered) and float(answered[0]["value"][1]) >= 51

        eventually("the demo's requests", lambda: scraped() or None)
        self.assertEqual([up["value"][1] for up in self.query('up{job="spillway"}')], ["1"])

    def test_prometheus_has_the_rules(self) -> None:
        rules = ROOT / "deploy/prometheus/rules.yaml"
        groups = [group["file"] for group in self.ask("/api/v1/rules")["data"]["groups"]]
        self.assertEqual(set(groups), {"/etc/prometheus/rules.yaml"} if rules.exists() else set())

    def test_every_panel_of_the_dashboard_has_data(self) -> None:
        panels = json.loads(DASHBOARD.read_text())["panels"]
        queries = {
            f"{panel['title']}: {target['expr']}": as_grafana_asks(target["expr"])
            for panel in panels
            for target in panel.get("targets", [])
            if panel["title"] not in NOT_PLAYED
        }

        def has_data(query: str) -> bool:
            return any(found["value"][1] != "NaN" for found in self.query(query))

        deadline = time.monotonic() + PATIENCE_S
        while queries and time.monotonic() < deadline:
            queries = {panel: query for panel, query in queries.items() if not has_data(query)}
            time.sleep(0.5)
        self.assertEqual(list(queries), [], "without data")

    def test_grafana_has_the_dashboard(self) -> None:
        if "grafana" not in self.services:
            self.skipTest("there is no image of Grafana")
        base = f"http://127.0.0.1:{self.ports['GRAFANA_PORT']}"
        uid = json.loads(DASHBOARD.read_text())["uid"]
        with request.urlopen(f"{base}/api/dashboards/uid/{uid}", timeout=30) as answer:
            self.assertTrue(json.load(answer)["meta"]["provisioned"])

    def test_no_key_is_in_a_log(self) -> None:
        logs = self.project.must("logs")
        self.assertIn('"model":"gpt-4o-mini"', logs)
        self.assertNotIn("demo-key-of", logs)

    def test_the_gateway_ends_when_it_is_told(self) -> None:
        self.project.must("stop", "gateway")
        self.addCleanup(self.project.must, "up", "--detach", "--wait", "gateway", within=300)
        state = self.project.containers()["gateway"]["State"]
        self.assertEqual((state["ExitCode"], state["OOMKilled"]), (0, False))

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = self.ask(f"/api/v1/query?{parse.urlencode({'query': expression})}")
        return answer["data"]["result"]

    def ask(self, path: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.ports['PROMETHEUS_PORT']}{path}"
        with request.urlopen(url, timeout=30) as answer:
            return json.load(answer)


class AFileOfOnesOwn(unittest.TestCase):
    """What `spillway render compose` prints, run as it is."""

    CONFIG = """\
backends: { a: { url: "https://a.invalid", api_key: "${A_KEY}" } }
models: { m: { pool: [a] } }
clients: [{ name: app, key: "${APP_KEY}" }]
"""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="spillway-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "gateway").mkdir()
        (self.folder / "gateway/mine.yaml").write_text(self.CONFIG)
        # Docker's user is another than the one of a folder that nobody else may enter.
        self.folder.chmod(0o755)
        (self.port,) = free_ports(1)

    def render(self) -> None:
        done = subprocess.run(
            [
                *("docker", "run", "--rm", "-v", f"{self.folder}:/here:ro", "-w", "/here"),
                *(GATEWAY_IMAGE, "render", "compose", "gateway/mine.yaml"),
                *("--publish", f"127.0.0.1:{self.port}"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        (self.folder / "docker-compose.yml").write_text(done.stdout)

    def test_it_serves(self) -> None:
        self.render()
        (self.folder / ".env").write_text("A_KEY=one\nAPP_KEY=two\n")
        project = Project(self.folder, {})
        self.addCleanup(project.down)
        project.must("up", "--detach", "--wait", within=300)
        url = f"http://127.0.0.1:{self.port}/openai/deployments/none/chat/completions"
        asked = request.Request(url, b"{}", {"api-key": "two", "content-type": "application/json"})
        with self.assertRaises(error.HTTPError) as refused:
            request.urlopen(asked, timeout=30)
        with refused.exception as answer:
            self.assertEqual(answer.status, 400)
            self.assertEqual(json.load(answer)["error"]["code"], "model_not_found")
        found = project.containers()["gateway"]
        self.assertEqual(found["State"]["Health"]["Status"], "healthy")

    def test_without_its_keys_it_is_not_made(self) -> None:
        self.render()
        refused = Project(self.folder, {}).run("up", "--detach")
        self.assertNotEqual(refused.returncode, 0)
        self.assertRegex(refused.stderr, "A(PP)?_KEY.*set it in the shell or in .env")


def as_grafana_asks(expression: str) -> str:
    """The query with all of Grafana's variables in place; the demo was a few minutes ago."""
    for name, value in (
        ("$__rate_interval", "10m"),
        ("$__range", "10m"),
        ("$price_prompt", "2.5"),
        ("$price_completion", "10"),
    ):
        expression = expression.replace(name, value)
    return re.sub(r'"\$(instance|model|backend|client)"', '".*"', expression)


@cache
def is_there(image: str) -> bool:
    """Whether the engine has the image, or can get it."""
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0:
        return True
    try:
        pulled = subprocess.run(["docker", "pull", "-q", image], capture_output=True, timeout=600)
    except subprocess.TimeoutExpired:
        return False
    return pulled.returncode == 0


def is_stand_in(image: str) -> bool:
    (found,) = inspect("image", image)
    return "spillway.stand-in" in (found["Config"]["Labels"] or {})


def inspect(kind: str, *names: str) -> list[dict[str, Any]]:
    done = subprocess.run(["docker", kind, "inspect", *names], capture_output=True, check=True)
    return json.loads(done.stdout)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def eventually(what: str, find: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (found := find()) is not None:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {PATIENCE_S} s")


def say(text: str) -> None:
    print(f"compose: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    unittest.main()
