# SPDX-License-Identifier: Apache-2.0
"""What a benchmark stands on: processes that are started, asked for their CPU, and ended.

Everything runs below one temporary folder and on loopback addresses. A Stand ends what it started,
in reverse order, whatever happens; nothing else on the machine is touched. CPU is what the kernel
counted for all threads of a process in nanoseconds (/proc/PID/task/*/schedstat), so that a window
of a few seconds is exact enough on a busy machine; of a command that ends, it is what wait4 says.
"""

import glob
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

WAIT_S = 60


class Missing(Exception):
    """Something that a row needs is not on this machine."""


def need(program):
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not path:
        raise Missing(f"{program} is not installed")
    return path


def cpu_s(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as f:
                total += int(f.read().split()[0])
        except (OSError, IndexError):
            pass
    return total / 1e9


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise OSError(f"process {pid} has no memory")


def run_for_cpu(argv, **more):
    """CPU seconds of a command and of what it waited for; its output."""
    before = os.times()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=WAIT_S, **more)
    after = os.times()
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stderr[-400:]}")
    spent = (after.children_user - before.children_user
             + after.children_system - before.children_system)
    return spent, done.stdout


def wait_until(true, what):
    end = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {WAIT_S} s in vain until {what}")
        time.sleep(0.05)


class Stand:
    def __init__(self, build):
        self.build = build
        self.folder = tempfile.mkdtemp(prefix="catchment-bench-")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while self.processes:
            self.end(self.processes[-1])
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def start(self, argv, name, **more):
        with open(self.path(name + ".log"), "w") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True, **more)
        self.processes.append(process)
        return process

    def log(self, name):
        with open(self.path(name + ".log")) as f:
            return f.read()

    def end(self, process):
        self.processes.remove(process)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Agents:
    """A simulated fleet of agent nodes."""

    def __init__(self, stand, nodes, poll, share=1):
        self.port = free_port()
        self.fleet = stand.path("agents.yaml")
        per_pop = 4 if nodes % 4 == 0 else 1
        self.process = stand.start(
            [f"{stand.build}/tests/agents", "--pops", str(nodes // per_pop), "--nodes-per-pop",
             str(per_pop), "--poll", poll, "--day", "86400", "--control", "0", "--port",
             str(self.port), "--share", str(share), "--fleet", self.fleet], "agents")
        wait_until(lambda: "addresses" in stand.log("agents") or self.process.poll() is not None,
                   "the agents listen")
        if self.process.poll() is not None:
            raise RuntimeError("agents: " + stand.log("agents"))
        self.url = f"http://127.77.0.1:{self.port}/v1/node"


class Backend:
    """catchmentd on a fleet file, and what its socket says."""

    def __init__(self, stand, fleet, name="catchmentd"):
        self.stand = stand
        self.name = name
        self.socket = stand.path(name + ".sock")
        self.process = stand.start(
            [f"{stand.build}/catchmentd", "--config", fleet, "--state", stand.path(name),
             "--listen", "unix:" + self.socket], name)
        wait_until(lambda: "serving" in stand.log(name) or self.process.poll() is not None,
                   "catchmentd serves")
        if self.process.poll() is not None:
            raise RuntimeError(f"catchmentd: {stand.log(name)[-600:]}")

    def ask(self, path):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(WAIT_S)
            s.connect(self.socket)
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            parts = []
            while True:
                part = s.recv(1 << 16)
                if not part:
                    break
                parts.append(part)
        head, _, body = b"".join(parts).partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"GET {path}: {head[:80]!r}")
        return body.decode()

    def metrics(self):
        found = {}
        for line in self.ask("/metrics").splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                found[key] = float(value)
        return found

    def polls(self):
        return self.metrics()["catchment_polls_total"]

    def lateness_ms(self):
        """The newest 4096 polls: half of them were no later than the first, 99 % than the second."""
        m = self.metrics()
        return tuple(1e3 * m.get(f'catchment_poll_lateness_seconds{{percentile="{p}"}}', 0.0)
                     for p in (50, 99))

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def end(self):
        self.stand.end(self.process)


def windows(count, seconds, read):
    """The median over windows of what grew by `read()` (a pair): (first per second, first per
    second one)."""
    rates, costs = [], []
    for _ in range(count):
        a, at = read(), time.monotonic()
        time.sleep(seconds)
        b, took = read(), time.monotonic() - at
        rates.append((b[0] - a[0]) / took)
        costs.append((b[0] - a[0]) / max(b[1] - a[1], 1))
    return statistics.median(rates), statistics.median(costs)
