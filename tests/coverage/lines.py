"""Which programs cargo built, and which lines of core/src were run, by what `llvm-cov export` says."""

import argparse
import json
import sys
from pathlib import Path

CORE = Path(__file__).resolve().parents[2] / "core" / "src"


def programs():
    """The test programs among the messages of `cargo test --no-run --message-format json`, a line each."""
    for line in sys.stdin:
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
            print(message["executable"])


def is_test(path):
    """Whether a file holds nothing but tests."""
    within = path.relative_to(CORE).parts
    return "tests" in within[:-1] or within[-1].endswith("tests.rs")


def end_of_code(path):
    """The number of the line at which a file's own tests begin."""
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        following = lines[number] if number < len(lines) else ""
        if line == "#[cfg(test)]" and following.startswith("mod ") and following.endswith("{"):
            return number
    return len(lines) + 1


def counted(lines):
    """For each file of core that is not a test, how often each line was run."""
    files, path, end = {}, None, 0
    for line in lines.read_text().splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            path = Path(rest)
            if CORE not in path.parents or is_test(path):
                path = None
                continue
            end = end_of_code(path)
        elif kind == "DA" and path:
            number, count = (int(part) for part in rest.split(",")[:2])
            if number < end:
                file = files.setdefault(path, {})
                file[number] = max(file.get(number, 0), count)
    return files


def spans(numbers):
    """Numbers in order, runs of them as FIRST-LAST."""
    told = []
    for number in numbers:
        if told and told[-1][1] == number - 1:
            told[-1][1] = number
        else:
            told.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in told)


def count(arguments):
    """Tells each file's share and the share of all; whether that is enough."""
    every, run = 0, 0
    for path, file in sorted(counted(arguments.lines).items()):
        missed = [number for number, times in sorted(file.items()) if times == 0]
        every, run = every + len(file), run + len(file) - len(missed)
        if missed:
            share = 100 * (len(file) - len(missed)) / len(file)
            print(f"{share:6.1f} %  {len(missed):4} of {len(file):4} lines not run  {path.relative_to(CORE)}")
            if arguments.missed:
                print(f"          {spans(missed)}")
    if not every:
        sys.exit("no line of core was counted")
    share = 100 * run / every
    print(f"{share:6.2f} %  {run} of {every} lines of core were run; {arguments.must} % must be")
    return share >= arguments.must


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("programs")
    counting = commands.add_parser("count")
    counting.add_argument("--must", type=float, default=0)
    counting.add_argument("--missed", action="store_true")
    counting.add_argument("lines", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "programs":
        programs()
    elif not count(arguments):
        sys.exit(1)


main()
