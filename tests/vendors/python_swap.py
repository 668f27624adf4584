"""Swaps records with the official Python client: one list and one batch per zone, one zone after the other.

Usage: python_swap.py BASE_URL TOKEN PRODUCTION=STANDBY…
Each argument names two A records that exchange their addresses; without any, GigaDB's sixteen.
Prints the seconds, from the first request to the last, and the number of requests.
"""

import sys
import time

from cloudflare import Cloudflare

from pairs import arguments


def swap(base, token, zones, pairs):
    """Swaps, and gives the seconds and requests."""
    requests = 0
    client = Cloudflare(api_token=token, base_url=base)

    def count(request):
        nonlocal requests
        requests += 1

    client._client.event_hooks["request"].append(count)
    started = time.monotonic()
    ids = {zone: client.zones.list(name=zone).result[0].id for zone in zones}
    records = {}
    for zone in zones:
        # `.result` is the first page alone; iterating costs one more request, for the empty page after the last.
        listed = client.dns.records.list(zone_id=ids[zone], type="A", per_page=5000).result
        records.update({one.name: (zone, one) for one in listed})
    patches = {zone: [] for zone in zones}
    for left, right in pairs:
        for name, other in ((left, right), (right, left)):
            zone, record = records[name]
            patches[zone].append({"id": record.id, "content": records[other][1].content})
    for zone in zones:
        client.dns.records.batch(zone_id=ids[zone], patches=patches[zone])
    return time.monotonic() - started, requests


if __name__ == "__main__":
    seconds, requests = swap(*arguments(sys.argv))
    print(f"python: {seconds:.3f} s, {requests} requests")
