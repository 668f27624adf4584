"""The measurements behind docs/performance.md."""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "e2e/lib"))

import large
from world import TOKEN, World, programs

VENDORS = HERE.parent / "vendors"
RUNS = int(os.environ.get("RUNS", 5))
LATENCY_MS = 100
TTL = 300  # octoDNS and the Python client check TTLs as Cloudflare does


def median(values):
    return statistics.median(values)


class Swap:
    """The figures of one swap: seconds to accepted, requests to accepted, seconds and requests in all, peak memory."""

    def __init__(self, accepted, to_accepted, wall=None, requests=None, memory=None):
        self.accepted, self.to_accepted, self.wall, self.requests, self.memory = accepted, to_accepted, wall, requests, memory


def switchover(world):
    """One swap by the program. Its old side is held for as long as the TTL, so that the test lowers it to 2 s first."""
    world.control("/requests", method="DELETE")
    began = time.monotonic()
    command = world.command("swap-roles", "--yes", "-o", "json")
    with open(world.folder / "out", "w+") as out, open(world.folder / "err", "w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=world.folder, env=world.environment(),
                                   stdin=subprocess.DEVNULL)
        # Not `wait`, which would lose what the process used.
        _, status, usage = os.wait4(process.pid, 0)
    out, err = ((world.folder / name).read_text() for name in ("out", "err"))
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"swap-roles ended with {process.returncode}:\n{out}{err}")
    report = json.loads(out)
    log = world.requests()
    # Counted from the API's side: everything after the last proof of permission, up to the last batch that changed records.
    proofs = [place for place, one in enumerate(log) if one["method"] == "POST" and not one["applied"]]
    applied = [place for place, one in enumerate(log) if one["applied"]]
    counted = applied[-1] - proofs[-1]
    confirmed = datetime.datetime.fromisoformat(report["started"])
    answered = lambda one: datetime.datetime.fromisoformat(one["at"]) + datetime.timedelta(milliseconds=one["took_ms"])
    accepted = max(answered(log[place]) for place in applied) - confirmed
    return Swap(accepted.total_seconds(), counted, wall, len(log), usage.ru_maxrss / 1024)


def vendor(script, world, pairs):
    """One swap by a script of tests/vendors: the time is its own, from the first request to the last."""
    world.control("/requests", method="DELETE")
    arguments = [f"{production}={standby}" for production, standby in pairs]
    base = f"{world.api}/client/v4"
    command = [sys.executable, VENDORS / script, base, TOKEN, *arguments]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=VENDORS)
    wall = time.monotonic() - began
    seconds, requests = done.stdout.split(": ")[1].split(" s, ")
    return Swap(float(seconds), int(requests.split()[0]), wall)


def contents(records):
    """Names and addresses alone: octoDNS drops comments and tags."""
    return sorted((one["name"], one["content"]) for every in records.values() for one in every if one["type"] == "A")


def in_world(make, measure, runs=None):
    """The medians of several runs, each in a fresh world."""
    swaps = []
    for _ in range(runs or RUNS):
        with make() as world:
            before = world.records()
            world.control("/latency", {"ms": LATENCY_MS})
            swaps.append(measure(world))
            if contents(world.records()) != contents(world.swapped(before)):
                raise SystemExit("the records are not swapped")
    of = lambda field: (lambda values: None if None in values else median(values))([getattr(swap, field) for swap in swaps])
    return Swap(*(of(field) for field in ("accepted", "to_accepted", "wall", "requests", "memory")))


def gigadb(ttl):
    return lambda: World(ttl=ttl, cloudflare='timeout = "20s"\n')


def thousand(ttl):
    return lambda: World(
        cloudflare='timeout = "20s"\n',
        config=large.config,
        edit_seed=lambda _, network: large.seed(network).replace("ttl = 300", f"ttl = {ttl}"),
    )


def start_up(command, runs=200):
    """Median milliseconds from starting a program to its end."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return median(times) * 1000


def nothing():
    """What starting any program costs here."""
    return start_up(["/bin/true"])


def machine():
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ")[1] for line in info.splitlines() if line.startswith("model name")), platform.machine())
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024 // 1024
    return f"{os.cpu_count()} cores of {model}, {memory} GB, {platform.system()} {platform.release()}"


def row(name, swap, base=None):
    times = "" if base is None else f"{swap.accepted / base.accepted:.1f} ×"
    shown = lambda value, unit, digits=2: "" if value is None else f"{value:.{digits}f}{unit}"
    return (f"| {name} | {shown(swap.accepted, ' s')} | {shown(swap.to_accepted, '', 0)} | {times} "
            f"| {shown(swap.wall, ' s', 1)} | {shown(swap.memory, ' MB', 0)} |")


def main():
    both = {}
    for title, make, pairs in (("16 records in 2 zones", gigadb, None), ("1,000 records in 10 zones", thousand, large.pairs())):
        with make(TTL)() as world:
            names = pairs or [(production, standby) for _, production, standby, _ in world.endpoints()]
        both[title] = {
            "switchover": in_world(make(2), switchover),
            "octodns": in_world(make(TTL), lambda world: vendor("octodns_swap.py", world, names),
                                runs=1 if pairs else RUNS),
            "python": in_world(make(TTL), lambda world: vendor("python_swap.py", world, names)),
        }
        print(f"{title}: " + ", ".join(f"{n} {s.accepted:.2f} s {s.to_accepted} requests" for n, s in both[title].items()),
              file=sys.stderr)
    version, help_text = (start_up([programs() / p, a]) for p, a in (("switchover", "--version"), ("swap-roles", "--help")))
    bare = nothing()
    text = page(both, version, help_text, bare)
    if "--print" in sys.argv:
        print(text)
    else:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs/performance.md").write_text(text)
    passed = targets(both, version, help_text)
    for name, held, found in passed:
        print(f"{'ok    ' if held else 'FAILED'} {name}: {found}", file=sys.stderr)
    good = sum(held for _, held, _ in passed)
    print(f"{good} passed, {len(passed) - good} failed")
    sys.exit(0 if good == len(passed) else 1)


def targets(both, version, help_text):
    small, big = both.values()
    ours = small["switchover"]
    faster = small["octodns"].accepted / ours.accepted
    return [
        ("at most 5 requests from confirmation to accepted", ours.to_accepted <= 5, f"{ours.to_accepted:.0f}"),
        ("at least 4 times as fast as octoDNS", faster >= 4, f"{faster:.1f}"),
        ("start-up in 10 ms", max(version, help_text) <= 10, f"{version:.1f} ms, {help_text:.1f} ms"),
        ("a swap in 30 MB", ours.memory <= 30, f"{ours.memory:.1f} MB; with 1,000 records {big['switchover'].memory:.1f} MB"),
    ]


def page(both, version, help_text, bare):
    lines = [
        "# Performance",
        "",
        f"Measured on {datetime.date.today().isoformat()} with `tests/bench/run`, which writes this page: release builds on",
        f"{machine()}. Every figure is a median of {RUNS} runs, each on a fresh",
        "pair; octoDNS, which changes one record a request, swaps the 1,000 records once.",
        "",
        "## A swap",
        "",
        f"The DNS API is the sandbox's, with {LATENCY_MS} ms added to every request; all tools run one after the other on the same machine",
        "and the same records. octoDNS and Cloudflare's Python client are what `tests/vendors` installs.",
        "",
    ]
    for title, swaps in both.items():
        ours = swaps["switchover"]
        lines += [
            f"**{title}**",
            "",
            "| tool | to accepted | requests | time against ours | whole program | peak memory |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            row("`swap-roles`", ours),
            row("octoDNS, plan and apply", swaps["octodns"], ours),
            row("Cloudflare's Python client, batch", swaps["python"], ours),
            "",
        ]
    lines += [
        "*To accepted*: for `swap-roles` from the confirmation (the `started` of its JSON report) until the API had done the last",
        "zone's batch, by the API's own log, where the requests are counted too. The check of the stand-by and the fresh reading of both",
        "zones are in it. For the others it is what they say themselves: the time from their first request to their last, without",
        "the start of Python. *Whole program* is everything from the shell's point of view: for `swap-roles` that includes the preflight",
        "(which proves that the token can write), reading every authoritative server back, holding the old side for a TTL of 2 s, and",
        "asking a public resolver. The others do none of that.",
        "",
        "## The programs",
        "",
        "| what | measured | target |",
        "| --- | ---: | ---: |",
        f"| `switchover --version`, start to end | {version:.1f} ms | 10 ms |",
        f"| `swap-roles --help`, start to end | {help_text:.1f} ms | 10 ms |",
        f"| (`/bin/true`, for comparison) | {bare:.1f} ms | |",
    ]
    for title, swaps in both.items():
        lines.append(f"| peak memory of a swap, {title} | {swaps['switchover'].memory:.0f} MB | 30 MB |")
    return "\n".join(lines) + "\n"


main()
