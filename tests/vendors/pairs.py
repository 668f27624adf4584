"""Which records exchange their addresses, for the scripts that swap."""

import sys

GIGADB = [
    ("gigadb.org", "alt-live.gigadb.host"),
    ("bastion.gigadb.org", "bastion.alt-live.gigadb.host"),
    ("files.gigadb.org", "files.alt-live.gigadb.host"),
    ("portainer.gigadb.org", "portainer.alt-live.gigadb.host"),
    ("staging.gigadb.org", "alt-staging.gigadb.host"),
    ("bastion.staging.gigadb.org", "bastion.alt-staging.gigadb.host"),
    ("files.staging.gigadb.org", "files.alt-staging.gigadb.host"),
    ("portainer.staging.gigadb.org", "portainer.alt-staging.gigadb.host"),
]


def zone_of(name, zones):
    """The zone that a name is in."""
    return next(zone for zone in zones if name == zone or name.endswith("." + zone))


def arguments(argv):
    """Base URL, token, zones and pairs from a command line."""
    if len(argv) < 3:
        sys.exit(f"usage: {argv[0]} BASE_URL TOKEN [PRODUCTION=STANDBY…]")
    pairs = [tuple(pair.split("=", 1)) for pair in argv[3:]] or GIGADB
    # A zone here is the last two labels of a name, which holds for every seed of ours.
    zones = sorted({".".join(name.split(".")[-2:]) for pair in pairs for name in pair})
    return argv[1], argv[2], zones, pairs
