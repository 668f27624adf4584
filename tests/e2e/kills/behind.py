"""Pairs whose programs reach one of their providers through a TCP proxy of ours."""

import base64
import configparser
import http.server
import json
import re
import sys
import threading
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from moto import Moto
from pair import Watched
from suite import check
from tcpproxy import Proxy

class Behind(Watched):
    """The pair with proxies. `said`: one of these is in the words of a program that failed on the provider behind them."""

    said = ()
    codes = {0, 1, 3, 4, 6, 8}

    def __init__(self, **options):
        super().__init__(**options)
        self.proxies, self.more = [], {}

    def environment(self, **more):
        return super().environment(**(self.more | more))

    def change(self, old, new, count=None):
        """Replaces a text of the configuration, which must be there."""
        text = self.config.read_text()
        check(old in text, f"the configuration does not hold {old}")
        self.config.write_text(text.replace(old, new) if count is None else text.replace(old, new, count))

    def add(self, text):
        self.config.write_text(self.config.read_text() + text)

    def proxy(self, target, listen=("127.0.0.1", 0)):
        made = Proxy(target, listen)
        self.proxies.append(made)
        return made

    def set(self, fault, seconds=0.0):
        for proxy in self.proxies:
            proxy.set(fault, seconds)

    def carried(self):
        """How many requests there were."""
        return sum(proxy.requests for proxy in self.proxies)

    def __exit__(self, *told):
        for proxy in self.proxies:
            proxy.close()
        super().__exit__(*told)


class Cloudflare(Behind):
    said = ("Cloudflare", "gigadb.org", "gigadb.host")

    def __init__(self):
        super().__init__()
        address = f"{self.network}.53.1"
        self.change(f"http://{address}:18787/", f"{self.proxy((address, 18787)).url}/")


class Checks(Behind):
    said = ("check", "gigadb.org", "alt-live.gigadb.host")

    def __init__(self):
        super().__init__()
        for side in (1, 2):
            self.proxy((f"{self.network}.{side}.1", 18080), (f"{self.network}.{side}.1", 18081))
        self.change("port = 18080", 'timeout = "1s"\nport = 18081')


class Webhook(Behind):
    """What cannot be told stops nothing."""

    codes = {0}

    def __init__(self):
        super().__init__()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.more = {"WEBHOOK_KEY": "whsec_" + base64.b64encode(b"k" * 32).decode()}
        url = self.proxy(self.server.server_address).url
        self.add(f'\n[announce.robot]\nprovider = "webhook"\nurl = "{url}/hook"\nsecret = {{ env = "WEBHOOK_KEY" }}\ntimeout = "1s"\n')
        self.change("[pair.gigadb.dns]", '[pair.gigadb]\nannounce = ["robot"]\n\n[pair.gigadb.dns]')

    def __exit__(self, *told):
        super().__exit__(*told)
        self.server.shutdown()
        self.server.server_close()


class GitLab(Behind):
    said = ("GitLab", "gitlab", "gigadb-website")

    def __init__(self):
        super().__init__(releases=True)
        text = self.config.read_text()
        head = text.index("[pair.gigadb.environments.live.approvals]")
        self.config.write_text(text[:head] + re.sub(r"\A\[.*?(?=\n\[|\Z)", "", text[head:], flags=re.S))
        text = re.sub(r"\n\[pair\.gigadb\.environments\.staging\.settings\].*?(?=\n\[)", "", self.config.read_text(), flags=re.S)
        self.config.write_text(re.sub(r"environments\.staging\.deploy_job = .*\n", "", text))
        address = f"{self.network}.53.1"
        self.change(f'"http://{address}:18790"', f'"{self.proxy((address, 18790)).url}"')


class Aws(Behind):
    """With a moto of its own."""

    def __init__(self):
        super().__init__()
        self.moto = Moto(self.network).__enter__()
        self.more = self.moto.environment
        host, port = self.moto.pair["endpoint"].removeprefix("http://").split(":")
        self.url = self.proxy((host, int(port))).url

    def __exit__(self, *told):
        super().__exit__(*told)
        self.moto.__exit__()


class Ec2(Aws):
    said = ("EC2", "Elastic IP", "address", "eip-")

    def __init__(self):
        super().__init__()
        text = self.config.read_text()
        for side, profile, region in (("hongkong", "Upstream", "ap-east-1"), ("sydney", "UpstreamAlt", "ap-southeast-2")):
            head = f"[pair.gigadb.sides.{side}.addresses"
            text = re.sub(rf"\n{re.escape(head)}\.addresses\]\n.*?(?=\n\[)", "", text, flags=re.S)
            table = f'provider = "ec2"\nregion = "{region}"\nprofile = "{profile}"\nendpoint_url = "{self.url}"\n'
            text = text.replace(
                f'{head}]\nprovider = "fixed"\n', f'{head}]\n{table}connect_timeout = "500ms"\noperation_timeout = "6s"\n')
        self.config.write_text(text)
        config = Path(self.more["AWS_CONFIG_FILE"])
        config.write_text(re.sub(r"endpoint_url = .*", f"endpoint_url = {self.url}", config.read_text()))


class Bucket(Aws):
    """The journal in S3."""

    # A freeze is renewed by nobody who cannot ask the journal whether the pair is still its own.
    said = ("journal", "bucket", "S3", "the freeze ran out")
    codes = {0, 1, 3, 4, 6, 7, 8}

    def __init__(self):
        super().__init__()
        self.ask("/gigadb-journal", "PUT")
        place = f'bucket = "gigadb-journal"\nregion = "us-east-1"\nprofile = "Upstream"\nendpoint = "{self.url}"\n'
        self.add(f'\n[state]\nprovider = "s3"\n{place}timeout = "3s"\npatience = "9s"\n')

    def ask(self, path, method="GET"):
        """Asks moto itself, which takes requests without a signature."""
        keys = configparser.ConfigParser()
        keys.read(self.moto.pair["credentials_file"])
        scope = f"{keys['Upstream']['aws_access_key_id']}/20261121/us-east-1/s3/aws4_request"
        request = urllib.request.Request(f"{self.moto.pair['endpoint']}{path}", method=method,
                                         headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()

    def entries(self):
        listed = self.ask("/gigadb-journal?list-type=2&prefix=switchover/gigadb/entries/")
        return [json.loads(self.ask(f"/gigadb-journal/{key}")) for key in sorted(re.findall(r"<Key>(.*?)</Key>", listed))]
