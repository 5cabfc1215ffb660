"""Servers to be compared: each started on a free port of loopback, pinned to a core, and ended by its process."""

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """A pipelining client: as many commands as it is given go out before a reply is read."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 1 << 20)

    @staticmethod
    def encode(words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        return b"".join(parts)

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        raise RuntimeError(f"no reply: {line!r}")

    def many(self, commands):
        self.socket.sendall(b"".join(map(self.encode, commands)))
        return [self.reply() for _ in commands]

    def __call__(self, *words):
        return self.many([words])[0]

    def close(self):
        self.socket.close()


class Server:
    """A server process on `core`; `kind` is redis or host."""

    def __init__(self, kind, command, core=None):
        self.kind, self.port = kind, free_port()
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            pinned + command(self.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder.name
        )
        for _ in range(600):
            try:
                self.client = Client(self.port)
                break
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"{kind} ended with {self.process.returncode}") from None
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{kind} does not listen")

    def cpu(self):
        """CPU time of all its threads so far, seconds."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def rss(self, kind="VmRSS"):
        """Resident memory, bytes; `RssAnon` leaves out the pages of files, the program's own among them."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{kind}:")[1].split()[0]) * 1024

    def close(self):
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def redis(*extra):
    return lambda port: ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", *extra]


def host(binary, *extra):
    binary = os.path.abspath(binary)
    return lambda port: [binary, "serve", "--resp", f"127.0.0.1:{port}", "--set", "serve.threads=1", *extra]
