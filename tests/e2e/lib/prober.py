"""A client of the pair: resolves a name as a stub resolver with a cache does, and fetches it over and over."""

import http.client
import json
import random
import socket
import struct
import threading
import time


def ask(server, name, timeout=2):
    """The first A record that a DNS server gives for a name: (address, TTL in seconds)."""
    number = random.randrange(65536)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect(server)
        client.send(question)
        answer = client.recv(4096)
    answered, flags, _, answers = struct.unpack(">4H", answer[:8])
    if answered != number or flags & 0xF:
        raise OSError(f"{name}: answer {answered} with code {flags & 0xF}")
    at = len(question)
    for _ in range(answers):
        at = _past_name(answer, at)
        kind, _, ttl, length = struct.unpack(">2HIH", answer[at:at + 10])
        data = answer[at + 10:at + 10 + length]
        if kind == 1:
            return socket.inet_ntoa(data), ttl
        at += 10 + length
    raise OSError(f"{name} has no A record")


def _past_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


class Prober:
    """Fetches `http://NAME:PORT/` in a thread of its own. Use it in a `with`."""

    def __init__(self, name, server, port=18080, per_second=50):
        self.name, self.server, self.port, self.every = name, server, port, 1 / per_second
        self.requests, self.failures, self.sides, self.longest_gap = 0, [], [], 0.0
        self._cached, self._until = None, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        due, good = time.monotonic(), time.monotonic()
        while not self._stop.is_set():
            self.requests += 1
            try:
                self._note(self._fetch())
                now = time.monotonic()
                self.longest_gap, good = max(self.longest_gap, now - good), now
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.failures.append(f"{error!r} at {self._cached}")
            due += self.every
            self._stop.wait(max(due - time.monotonic(), 0))

    def _fetch(self):
        now = time.monotonic()
        if now >= self._until:
            self._cached, ttl = ask(self.server, self.name)
            self._until = now + ttl
        connection = http.client.HTTPConnection(self._cached, self.port, timeout=2)
        try:
            connection.request("GET", "/", headers={"host": self.name})
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        return json.loads(body)["side"]

    def _note(self, side):
        if not self.sides or self.sides[-1] != side:
            self.sides.append(side)

    def __str__(self):
        return (f"{self.name}: {self.requests} requests, {len(self.failures)} failed {self.failures[:3]}, "
                f"longest gap {self.longest_gap * 1000:.0f} ms")
