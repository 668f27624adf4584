"""Swaps records with octoDNS: a YAML source is written as the pair should be, then planned and applied.

Usage: octodns_swap.py BASE_URL TOKEN PRODUCTION=STANDBY…
Each argument names two A records that exchange their addresses; without any, GigaDB's sixteen.
Prints the seconds, from the first request to the last, and the number of requests.
"""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import yaml
from octodns.manager import Manager
from octodns_cloudflare import CloudflareProvider

from pairs import arguments, zone_of

CONFIG = """
manager:
  max_workers: 4
providers:
  config:
    class: octodns.provider.yaml.YamlProvider
    directory: {directory}
    default_ttl: 3600
    enforce_order: false
  cloudflare:
    class: octodns_cloudflare.CloudflareProvider
    token: env/SWAP_TOKEN
    api_url: {base}
    pagerules: false
    min_ttl: 60
    retry_count: 1
zones:
"""
ZONE = """  {zone}.:
    sources: [config]
    targets: [cloudflare]
"""


class Counter:
    """Counts the requests that octoDNS makes, at the place where it makes them."""

    def __init__(self):
        self.requests = 0
        original = CloudflareProvider._request

        def counted(provider, *args, **kwargs):
            self.requests += 1
            return original(provider, *args, **kwargs)

        CloudflareProvider._request = counted


def current(base, directory, zones):
    """Writes each zone as it is, by octoDNS's own dump, and gives their paths."""
    config = Path(directory, "config.yaml")
    config.write_text(CONFIG.format(directory=directory, base=base) + "".join(ZONE.format(zone=z) for z in zones))
    manager = Manager(str(config))
    for zone in zones:
        manager.dump(f"{zone}.", directory, sources=["cloudflare"])
    return config


def exchange(directory, zones, pairs):
    """Exchanges the addresses in the written zones."""
    written = {zone: yaml.safe_load(Path(directory, f"{zone}.yaml").read_text()) for zone in zones}

    def find(name):
        zone = zone_of(name, zones)
        entry = written[zone][name[: -len(zone)].rstrip(".")]
        return next(one for one in (entry if isinstance(entry, list) else [entry]) if one["type"] == "A")

    for left, right in pairs:
        one, other = find(left), find(right)
        one["value"], other["value"] = other["value"], one["value"]
    for zone, entries in written.items():
        Path(directory, f"{zone}.yaml").write_text(yaml.safe_dump(entries))


def swap(base, token, zones, pairs):
    """Swaps, and gives the seconds and requests of plan and apply; the dump before is preparation."""
    os.environ["SWAP_TOKEN"] = token
    with tempfile.TemporaryDirectory() as directory:
        config = current(base, directory, zones)
        exchange(directory, zones, pairs)
        counter = Counter()
        started = time.monotonic()
        Manager(str(config)).sync(dry_run=False, force=True)
        return time.monotonic() - started, counter.requests


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    base, token, zones, pairs = arguments(sys.argv)
    seconds, requests = swap(base, token, zones, pairs)
    print(f"octodns: {seconds:.3f} s, {requests} requests")
