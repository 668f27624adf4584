"""Ways to lose a side: a database behind a proxy that says nothing, an address book that hangs, fails or lies, and clients that remember."""

import http.server
import os
import signal
import socket
import threading
import time
import urllib.parse
from datetime import datetime, timezone
from pathlib import Path

from writers import Files, Rows


class Proxy:
    """A way to a TCP port of this machine. While it is mute it takes connections and bytes, and says nothing."""

    def __init__(self, port):
        self.target = ("127.0.0.1", int(port))
        self.mute = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        while self.mute.is_set():
            time.sleep(0.05)
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one, other):
        try:
            while data := one.recv(65536):
                while self.mute.is_set():
                    time.sleep(0.05)
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.mute.clear()
        self.listener.close()


class Book:
    """The two calls of AWS that an address book of Elastic IPs makes. `mood` is well, hang, 500, or stale: the addresses of long ago."""

    def __init__(self, account, addresses):
        self.account, self.addresses, self.mood, self.done = account, addresses, "well", threading.Event()
        book = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                while book.mood == "hang" and not book.done.is_set():
                    time.sleep(0.05)
                status, text = book.answer(asked["Action"][0])
                try:
                    self.send_response(status)
                    self.send_header("content-length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text.encode())
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, action):
        if self.mood == "500":
            return 500, "<Response><Errors><Error><Code>InternalError</Code><Message>no</Message></Error></Errors></Response>"
        if action == "GetCallerIdentity":
            return 200, (
                '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
                f"<Arn>arn:aws:iam::{self.account}:user/ops</Arn><UserId>AIDA</UserId><Account>{self.account}</Account>"
                "</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
            )
        items = "".join(
            f"<item><publicIp>{'192.0.2.77' if self.mood == 'stale' else address}</publicIp><allocationId>eipalloc-{number}</allocationId>"
            f"<domain>vpc</domain><instanceId>i-{number}</instanceId><associationId>eipassoc-{number}</associationId>"
            f"<tagSet><item><key>Name</key><value>{name}</value></item></tagSet></item>"
            for number, (name, address) in enumerate(self.addresses.items())
        )
        return 200, (
            '<DescribeAddressesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
            f"<addressesSet>{items}</addressesSet></DescribeAddressesResponse>"
        )

    def close(self):
        self.done.set()
        self.server.shutdown()
        self.server.server_close()


def processes_of(cluster):
    """The server of a cluster of tests/postgres/run, and everything that it started."""
    first = int(Path(os.environ["SWITCHOVER_PG_LOGS"], cluster, "postmaster.pid").read_text().split()[0])
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == first:
                children.append(int(entry.name))
    return [first, *children]


def pause(cluster):
    """Stops a cluster in the middle of whatever it does."""
    stopped = processes_of(cluster)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    return stopped


def go_on(stopped):
    """Lets it go on."""
    for process in stopped:
        os.kill(process, signal.SIGCONT)


class Remembers:
    """Remembers for each write when it was begun and on which side it was acknowledged."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.acks = {}

    def write(self, side, number):
        began = datetime.now(timezone.utc)
        took = super().write(side, number)
        if took:
            self.acks[number] = (side, began, datetime.now(timezone.utc))
        return took


class RecordingRows(Remembers, Rows):
    """Rows."""


class RecordingFiles(Remembers, Files):
    """Files."""
