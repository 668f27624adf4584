"""octoDNS against the sandbox: plan, apply, nothing left to do."""

import logging
import os

import octodns_swap
import sandbox_control
from sandbox_control import control

BASE = os.environ["SANDBOX_API"]
TOKEN = os.environ["CLOUDFLARE_API_TOKEN"]
ZONES = ["one.test", "two.test"]
PAIRS = [("a.one.test", "a.two.test"), ("c.one.test", "d.one.test")]


def contents():
    records = control("/records")
    return {one["name"]: one["content"] for zone in ZONES for one in records[zone] if one["type"] == "A"}


def records_are_swapped_and_the_rest_is_untouched():
    before, all_before = contents(), control("/records")
    octodns_swap.swap(BASE, TOKEN, ZONES, PAIRS)
    expected = dict(before)
    for left, right in PAIRS:
        expected[left], expected[right] = before[right], before[left]
    assert contents() == expected, contents()
    others = lambda records: [one for zone in ZONES for one in records[zone] if one["type"] != "A"]
    assert others(control("/records")) == others(all_before)


def swapping_twice_is_as_before():
    before = contents()
    octodns_swap.swap(BASE, TOKEN, ZONES, PAIRS)
    octodns_swap.swap(BASE, TOKEN, ZONES, PAIRS)
    assert contents() == before


def an_unchanged_source_plans_nothing():
    control("/requests", method="DELETE")
    octodns_swap.swap(BASE, TOKEN, ZONES, [])
    assert not any(one["applied"] for one in control("/requests"))


def a_token_that_may_only_read_is_told_so():
    before = contents()
    try:
        octodns_swap.swap(BASE, "vendors-reader-token-0000000000000000000", ZONES, PAIRS)
    except Exception as error:
        assert "Authentication error" in str(error), error
    else:
        raise AssertionError("nothing was raised")
    assert contents() == before


logging.basicConfig(level=logging.CRITICAL)
sandbox_control.run([
    records_are_swapped_and_the_rest_is_untouched,
    swapping_twice_is_as_before,
    an_unchanged_source_plans_nothing,
    a_token_that_may_only_read_is_told_so,
])
