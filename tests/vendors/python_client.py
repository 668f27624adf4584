"""The official Python client against the sandbox."""

import os
import time

import cloudflare
from cloudflare import Cloudflare

import sandbox_control
from sandbox_control import control

BASE = os.environ["SANDBOX_API"]
TOKEN = os.environ["CLOUDFLARE_API_TOKEN"]
READER = "vendors-reader-token-0000000000000000000"


def client(token=TOKEN, **options):
    return Cloudflare(api_token=token, base_url=BASE, **{"max_retries": 0, "timeout": 10, **options})


def zone_id(name="one.test"):
    return client().zones.list(name=name).result[0].id


def record(name):
    return client().dns.records.list(zone_id=zone_id(), name={"exact": name}).result[0]


def expect(kind, code, action):
    try:
        action()
    except cloudflare.APIStatusError as error:
        assert isinstance(error, kind), f"{type(error)} is no {kind}"
        codes = [one.code for one in error.errors]
        assert codes == [code], f"{codes} is not {code}"
        return error
    raise AssertionError("nothing was raised")


def zones_are_listed_over_several_pages():
    assert sorted(zone.name for zone in client().zones.list(per_page=5)) == ["one.test", "two.test"]
    zone = client().zones.get(zone_id=zone_id())
    assert (zone.name, zone.status, zone.plan.legacy_id) == ("one.test", "active", "pro")


def records_are_listed_over_several_pages():
    listed = list(client().dns.records.list(zone_id=zone_id(), per_page=3))
    assert len(listed) == len({one.id for one in listed}) == 8
    kinds = {one.type: one for one in listed}
    assert kinds["MX"].priority == 10 and kinds["SRV"].data.target == "sip.one.test"
    assert kinds["CAA"].data.tag == "issue" and kinds["A"].created_on.tzinfo


def filters_are_understood():
    listed = client().dns.records.list
    zone = zone_id()
    assert len(listed(zone_id=zone, type="A").result) == 4
    assert [one.name for one in listed(zone_id=zone, comment={"contains": "irs"})] == ["a.one.test"]
    assert [one.name for one in listed(zone_id=zone, tag={"exact": "env:live"})] == ["a.one.test"]
    assert [one.name for one in listed(zone_id=zone, content={"exact": "127.0.2.1"})] == ["b.one.test"]
    names = [one.name for one in listed(zone_id=zone, type="A", order="name", direction="desc")]
    assert names == sorted(names, reverse=True)


def a_batch_does_all_four_kinds():
    ids = {name: record(f"{name}.one.test").id for name in "abcd"}
    done = client().dns.records.batch(
        zone_id=zone_id(),
        deletes=[{"id": ids["d"]}],
        patches=[{"id": ids["a"], "content": "127.0.2.9"}],
        puts=[{"id": ids["b"], "name": "b.one.test", "type": "A", "content": "127.0.1.9", "ttl": 120}],
        posts=[{"name": "e.one.test", "type": "AAAA", "content": "2001:db8::1", "ttl": 1}],
    )
    assert done.deletes[0].id == ids["d"] and done.patches[0].content == "127.0.2.9"
    assert done.patches[0].comment == "first" and done.puts[0].ttl == 120 and done.posts[0].type == "AAAA"
    names = {one.name for one in client().dns.records.list(zone_id=zone_id())}
    assert "e.one.test" in names and "d.one.test" not in names


def a_failed_batch_changes_nothing():
    before = control("/records?zone=one.test")
    a, b = record("a.one.test").id, record("b.one.test")
    patches = [{"id": a, "content": "127.0.2.9"}, {"id": b.id, "content": "not an address"}]
    expect(cloudflare.BadRequestError, 9005, lambda: client().dns.records.batch(zone_id=zone_id(), patches=patches))
    assert control("/records?zone=one.test") == before


def patch_keeps_and_put_resets():
    records, zone = client().dns.records, zone_id()
    a = record("a.one.test")
    patched = records.edit(a.id, zone_id=zone, name=a.name, type="A", content="127.0.2.9", ttl=a.ttl)
    assert (patched.content, patched.comment, patched.tags, patched.ttl) == ("127.0.2.9", "first", ["env:live"], 300)
    put = records.update(a.id, zone_id=zone, name=a.name, type="A", content="127.0.2.8", ttl=1)
    assert (put.id, put.comment, put.tags, put.ttl) == (a.id, None, [], 1)


def records_are_made_read_and_deleted():
    records, zone = client().dns.records, zone_id()
    data = {"flags": 0, "tag": "issuewild", "value": "ca.test"}
    made = records.create(zone_id=zone, name="x.one.test", type="CAA", ttl=300, data=data)
    assert records.get(made.id, zone_id=zone).content == '0 issuewild "ca.test"'
    assert records.delete(made.id, zone_id=zone).id == made.id
    expect(cloudflare.NotFoundError, 81044, lambda: records.get(made.id, zone_id=zone))


def errors_have_their_classes_and_codes():
    records, zone = client().dns.records, zone_id()
    make = lambda **fields: records.create(zone_id=zone, ttl=300, **fields)
    bad = cloudflare.BadRequestError
    expect(bad, 81058, lambda: make(name="a.one.test", type="A", content="127.0.1.1"))
    expect(bad, 81053, lambda: make(name="a.one.test", type="CNAME", content="b.one.test"))
    expect(bad, 1004, lambda: records.create(zone_id=zone, ttl=5, name="x.one.test", type="A", content="127.0.0.1"))
    forbidden = client(READER).dns.records
    denied = lambda: forbidden.create(zone_id=zone, ttl=300, name="x.one.test", type="A", content="127.0.0.1")
    expect(cloudflare.PermissionDeniedError, 10000, denied)
    unknown = client("x" * 40)
    expect(cloudflare.AuthenticationError, 1000, unknown.user.tokens.verify)
    expect(cloudflare.PermissionDeniedError, 9109, lambda: unknown.zones.list())
    expect(bad, 6003, lambda: client("short").zones.list())


def tokens_are_verified():
    assert client().user.tokens.verify().status == "active"


def the_limit_is_an_error_of_its_own_and_waited_out():
    control("/limit", {"requests": 1, "window_ms": 60000, "block_ms": 600})
    client().zones.list()
    error = expect(cloudflare.RateLimitError, 10100, lambda: client().zones.list())
    assert error.response.headers["retry-after"] == "1"
    started = time.monotonic()
    client(max_retries=2).zones.list()
    assert time.monotonic() - started >= 0.9, "retry-after was not waited for"


def what_the_transport_loses_is_seen():
    control("/faults", {"kind": "drop-after", "method": "DELETE", "times": 1})
    records, zone, d = client().dns.records, zone_id(), record("d.one.test").id
    try:
        records.delete(d, zone_id=zone)
        raise AssertionError("nothing was raised")
    except cloudflare.APIConnectionError:
        pass
    expect(cloudflare.NotFoundError, 81044, lambda: records.get(d, zone_id=zone))
    control("/faults", {"kind": "hang", "times": 1})
    try:
        client(timeout=0.3).zones.list()
        raise AssertionError("nothing was raised")
    except cloudflare.APITimeoutError:
        pass
    control("/faults", {"kind": "status", "status": 503, "times": 1})
    assert client(max_retries=1).zones.list().result, "a 503 is retried"


sandbox_control.run([
    zones_are_listed_over_several_pages,
    records_are_listed_over_several_pages,
    filters_are_understood,
    a_batch_does_all_four_kinds,
    a_failed_batch_changes_nothing,
    patch_keeps_and_put_resets,
    records_are_made_read_and_deleted,
    errors_have_their_classes_and_codes,
    tokens_are_verified,
    the_limit_is_an_error_of_its_own_and_waited_out,
    what_the_transport_loses_is_seen,
])
