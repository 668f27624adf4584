"""Runs cases side by side, says what failed, and ends with one plain line."""

import concurrent.futures
import os
import sys
import threading
import time
import traceback

_printing = threading.Lock()


def say(text):
    """One line at a time, whatever the threads do."""
    with _printing:
        print(text, flush=True)


def check(condition, *shown):
    """An assertion that `python -O` does not remove, with what was found instead."""
    if not condition:
        raise AssertionError("\n".join(str(one) for one in shown) or "it does not hold")


def run(cases, at_once=None):
    """Runs (name, function) cases, at most `at_once` at a time, and ends the program.

    Words on the command line choose the cases whose name holds one of them.
    """
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    chosen = [case for case in cases if not words or any(word in case[0] for word in words)]
    if not chosen:
        sys.exit(f"no case is called like {' or '.join(words)}")
    # Most of a case is waiting: for TTLs, for deadlines, for calls that may still be on their way.
    at_once = int(at_once if at_once == 1 else os.environ.get("E2E_AT_ONCE", at_once or 8))
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(_outcome, chosen))
    passed = sum(results)
    print(f"{passed} passed, {len(results) - passed} failed", flush=True)
    sys.exit(0 if passed == len(results) else 1)


def _outcome(case):
    name, function = case
    began = time.monotonic()
    try:
        function()
    except Exception:
        say(f"FAILED {name}\n{traceback.format_exc(limit=6)}")
        return False
    say(f"ok     {name} ({time.monotonic() - began:.1f} s)")
    return True
