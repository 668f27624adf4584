"""Holds a signed webhook against PyPI standardwebhooks: what is sent verifies, and what was tampered with or replayed does not."""

import json
import os
import subprocess
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

KEY = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OLD_KEY = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY="
STRANGERS_KEY = "whsec_enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmEwMTIzNDU="

taken = []
passed = 0


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        taken.append((body, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def expect(what, holds):
    global passed
    if not holds:
        sys.exit(f"FAILED: {what}")
    passed += 1


def refused(key, body, headers):
    try:
        Webhook(key).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


def deliver(url, **keys):
    subprocess.run([sys.argv[1], url], check=True, env={**os.environ, **keys})
    return taken[-1]


server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/hook"

body, headers = deliver(url, WEBHOOK_KEY=KEY)
event = Webhook(KEY).verify(body, headers)
expect("a good delivery verifies", event["type"] == "switchover.begins")
expect("its words arrive whole", event["data"]["reason"] == "release 4.4 – with ümlauts")
expect("it is the schema that is documented", event["schema"] == "switchover/announcement/1")
expect("its time can be read", datetime.fromisoformat(event["timestamp"]).tzinfo is not None)
expect("the library signs it in the same way", headers["webhook-signature"] == Webhook(KEY).sign(
    headers["webhook-id"],
    datetime.fromtimestamp(int(headers["webhook-timestamp"]), timezone.utc),
    body.decode(),
))

forged = json.dumps({**event, "type": "switchover.finished"}).encode()
expect("another body is refused", refused(KEY, forged, headers))
expect("another id is refused", refused(KEY, body, {**headers, "webhook-id": "sw_other"}))
later = str(int(headers["webhook-timestamp"]) + 1)
expect("another time is refused", refused(KEY, body, {**headers, "webhook-timestamp": later}))
expect("a stranger's key is refused", refused(STRANGERS_KEY, body, headers))
old = datetime.fromtimestamp(int(headers["webhook-timestamp"]) - 3600, timezone.utc)
replayed = {
    **headers,
    "webhook-timestamp": str(int(old.timestamp())),
    "webhook-signature": Webhook(KEY).sign(headers["webhook-id"], old, body.decode()),
}
expect("a replay an hour later is refused", refused(KEY, body, replayed))

body, headers = deliver(url, WEBHOOK_KEY=KEY, WEBHOOK_OLD_KEY=OLD_KEY)
for key in (KEY, OLD_KEY):
    expect("while keys change, both verify", Webhook(key).verify(body, headers)["data"]["pair"] == "gigadb")

print(f"{passed} passed, 0 failed")
