"""A pair of 1,000 records in 10 zones: its seed and its configuration, made by rule."""

ZONES = [f"zone{number}.test" for number in range(10)]
NAMES_PER_ZONE = 50
"""Production names in each zone, and as many stand-by names."""


def pairs():
    """(production, stand-by) of every endpoint."""
    return [(f"p{n}.{zone}", f"s{n}.{zone}") for zone in ZONES for n in range(NAMES_PER_ZONE)]


def seed(network):
    """The sandbox's seed. One site a side is enough: all names of a side lead to one address."""
    head = f"""
[api]
listen = "{network}.53.1:18787"
[[dns]]
name = "ns1.sandbox.test"
listen = "{network}.53.1:18053"
[[dns]]
name = "ns2.sandbox.test"
listen = "{network}.53.2:18053"
[[resolvers]]
name = "public"
listen = "{network}.53.3:18053"
[[tokens]]
name = "operations"
value = "sandbox-operations-token-000000000000000"
user = "operations"
grants = [{{ zones = ["*"], allow = ["zone-read", "dns-write"] }}]
"""
    sites = "".join(
        f'[[sites]]\nside = "{side}"\nenvironment = "live"\nname = "eip"\nlisten = "{network}.{octet}.1:18080"\n'
        for side, octet in (("hongkong", 1), ("sydney", 2))
    )
    zones = []
    for zone in ZONES:
        zones.append(f'[[zones]]\nname = "{zone}"\nplan = "pro"\nmin_ttl = 2\n')
        for production, standby in pairs():
            if production.endswith("." + zone):
                for name, octet in ((production, 1), (standby, 2)):
                    zones.append(f'[[zones.records]]\nname = "{name}"\ntype = "A"\ncontent = "{network}.{octet}.1"\nttl = 300\n')
    return head + sites + "".join(zones)


def config(network):
    """The configuration."""
    zones = ", ".join(f'"{zone}"' for zone in ZONES)
    head = f"""
[dns.cloudflare]
provider = "cloudflare"
base_url = "http://{network}.53.1:18787/client/v4/"
zones = [{zones}]
minimum_ttl = "2s"
authorities = ["{network}.53.1:18053", "{network}.53.2:18053"]
[checks.site]
provider = "http"
scheme = "http"
port = 18080
path = "/health"
[pair.gigadb.dns]
margin = "0s"
resolvers = ["{network}.53.3:18053"]
[pair.gigadb.sides.hongkong.addresses]
provider = "fixed"
addresses = {{ eip = "{network}.1.1" }}
[pair.gigadb.sides.sydney.addresses]
provider = "fixed"
addresses = {{ eip = "{network}.2.1" }}
"""
    endpoints = [
        f'[[pair.gigadb.environments.live.endpoints]]\nproduction = "{production}"\nstandby = "{standby}"\n'
        f'address = "eip"\n'
        for production, standby in pairs()
    ]
    endpoints[0] += 'checks = ["site"]\nprobe = true\n'
    return head + "".join(endpoints)
