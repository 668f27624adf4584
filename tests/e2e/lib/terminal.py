"""A program on a terminal of its own, to answer its questions."""

import os
import pty
import select
import subprocess
import time


class Terminal:
    """Runs a command of a world with a pseudo-terminal for its standard input, output and error."""

    def __init__(self, world, program, *arguments, **environment):
        self.world, self.shown = world, ""
        self.command = world.command(program, *arguments)
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            self.command, stdin=slave, stdout=slave, stderr=slave, cwd=world.folder,
            env=world.environment(TERM="dumb", NO_COLOR="1", **environment), start_new_session=True,
        )
        os.close(slave)

    def _read(self, wait):
        ready, _, _ = select.select([self.master], [], [], wait)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the program has closed its end
            return False
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def until(self, text, timeout=30):
        """Reads until the program has shown a text."""
        deadline = time.monotonic() + timeout
        while text not in self.shown:
            if time.monotonic() > deadline or not self._read(0.1):
                self.close()
                raise AssertionError(f"`{text}` was not shown:\n{self.shown}")

    def type(self, text):
        """Types a line, or control characters."""
        os.write(self.master, text.encode())

    def end(self, timeout=120):
        """Reads to the end of the program."""
        deadline = time.monotonic() + timeout
        while self._read(0.1) and self.process.poll() is None:
            if time.monotonic() > deadline:
                self.close()
                raise AssertionError(f"the program does not end:\n{self.shown}")
        while select.select([self.master], [], [], 0)[0] and self._read(0):
            pass
        code = self.process.wait(10)
        os.close(self.master)
        return self.world.ended(self.command, code, "", self.shown)

    def close(self):
        """Ends the program by force."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)
