"""The application in front of moto's: what it knows better it does itself, everything else goes on to moto."""

import io
import json
import re
import socket
import threading
import time
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.iam.models import get_account_id_from

from . import control, efs, rds
from .faults import Faults
from .later import Later

SCOPE = re.compile(r"Credential=([A-Z0-9]+)/\d+/([a-z0-9-]+)/([a-z]+)/aws4_request")
NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"


class Call:
    """One request of an AWS client."""

    def __init__(self, environ, body):
        self.environ, self.body = environ, body
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        self.access_key, self.region, self.service = scope.groups() if scope else (None, None, None)
        self.account = get_account_id_from(self.access_key) if scope else None
        self.form = dict(parse_qsl(body.decode(errors="replace"))) if self.service == "rds" else {}
        self.query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        self.json = {}
        if self.service == "elasticfilesystem" and body:
            self.json = json.loads(body)

    def tags(self):
        number = 1
        # An empty value is left out of the form by `parse_qsl`.
        while f"Tags.Tag.{number}.Key" in self.form:
            yield self.form[f"Tags.Tag.{number}.Key"], self.form.get(f"Tags.Tag.{number}.Value", "")
            number += 1


class Emulator:
    def __init__(self, moto):
        self.moto, self.lock = moto, threading.RLock()
        self.later, self.faults, self.log = Later(), Faults(), []
        self.steps, self.lost = {}, set()
        self.rds, self.efs = rds.Rds(self.later, self.step), efs.Efs(self.later, self.step)

    def step(self, call, kind="state"):
        """How long a state lasts in an account, in seconds."""
        return self.steps.get(call.account, {}).get(kind, {"state": 0.02, "round": 0.05, "policy": 0.02}[kind])

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ["PATH_INFO"].startswith("/emulator/"):
            with self.lock:
                self.later.tick()
                status, document = control.answer(self, environ["PATH_INFO"], json.loads(body or b"{}"))
            return reply(start_response, status, json.dumps(document), "application/json")
        call = Call(environ, body)
        pause = 0
        with self.lock:
            self.later.tick()
            if (call.account, call.region) in self.lost:
                return hang_up(environ, start_response)
            action, answer, fault = self.act(call, start_response)
            self.log.append((call.account, call.region, action))
            if fault and fault["kind"] == "lost":
                return hang_up(environ, start_response)
            if fault and fault["kind"] == "hang":
                pause = fault.get("seconds", 5)
        time.sleep(pause)
        return answer()

    def act(self, call, start_response):
        """What was asked for, how it is answered, and what fault it met. Nothing is sent before the answer is called."""
        if call.service == "rds":
            action = call.form.get("Action")
            fault = self.faults.take(call.account, call.region, action)
            return action, self.answered_by_rds(call, action, fault, start_response), fault
        if call.service == "elasticfilesystem":
            action, name = efs.action_of(call.environ["REQUEST_METHOD"], call.environ["PATH_INFO"])
            fault = self.faults.take(call.account, call.region, action)
            return action, self.answered_by_efs(call, action, name, fault, start_response), fault
        return call.service, self.passed_on(call, start_response), None

    def answered_by_rds(self, call, action, fault, start_response):
        try:
            if fault and fault["kind"] == "error":
                raise rds.Refusal(fault["code"], "as told", fault.get("status", 400))
            handler = rds.ACTIONS.get(action)
            result = handler(self.rds, call, fault) if handler else None
        except rds.Refusal as refusal:
            text = (
                f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{refusal.code}</Code>'
                f"<Message>{escape(refusal.message)}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
            )
            status = refusal.status
            return lambda: reply(start_response, status, text, "text/xml")
        if isinstance(result, str):
            text = (
                f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{result}</{action}Result>'
                f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
            )
            return lambda: reply(start_response, 200, text, "text/xml")
        status, headers, text = self.of_moto(call)
        if result and status.startswith("200"):
            result()
        return lambda: send(start_response, status, headers, text)

    def answered_by_efs(self, call, action, name, fault, start_response):
        try:
            if fault and fault["kind"] == "error":
                raise efs.EfsRefusal(fault["code"], fault.get("status", 400), "as told")
            handler = efs.ACTIONS.get(action)
            if handler:
                status, document = handler(self.efs, call, name, fault)
                text = "" if document is None else json.dumps(document)
                return lambda: reply(start_response, status, text, "application/json")
        except efs.EfsRefusal as refusal:
            text = json.dumps({"ErrorCode": refusal.code, "Message": refusal.message})
            status, kind = refusal.status, [("x-amzn-ErrorType", refusal.code)]
            return lambda: reply(start_response, status, text, "application/json", kind)
        status, headers, text = self.of_moto(call)
        if action == "DescribeFileSystems" and status.startswith("200"):
            document = json.loads(text)
            for one in document["FileSystems"]:
                protection = self.efs.protection(self.efs.system(call, one["FileSystemId"]))
                one["FileSystemProtection"] = {"ReplicationOverwriteProtection": protection}
            text = json.dumps(document).encode()
        return lambda: send(start_response, status, headers, text)

    def passed_on(self, call, start_response):
        status, headers, text = self.of_moto(call)
        return lambda: send(start_response, status, headers, text)

    def of_moto(self, call):
        environ = call.environ | {"wsgi.input": io.BytesIO(call.body), "CONTENT_LENGTH": str(len(call.body))}
        kept = {}

        def start(status, headers, exc_info=None):
            kept.update(status=status, headers=headers)

        text = b"".join(self.moto(environ, start))
        return kept["status"], kept["headers"], text


def send(start_response, status, headers, text):
    headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    start_response(status, [*headers, ("Content-Length", str(len(text)))])
    return [text]


def reply(start_response, status, text, kind, more=()):
    return send(start_response, f"{status} Emulated", [("Content-Type", kind), *more], text.encode())


def hang_up(environ, start_response):
    """Closes the connection without an answer."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("500 Gone", [])
    return [b""]
