"""GigaDB's Elastic IPs in moto, for one world, by `tests/moto/run`."""

import json
import subprocess

from world import ROOT


class Moto:
    """Serves the Elastic IPs of a network: 127.N.1.n on one side, 127.N.2.n on the other. Use it in a `with`."""

    def __init__(self, network, *flaws):
        self.command = [ROOT / "tests/moto/run", "--network", network, *flaws]
        self.pair = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        text = ""
        for line in self.process.stdout:
            text += line
            if line == "}\n":
                self.pair = json.loads(text)
                return self
        self.__exit__()
        raise RuntimeError(f"moto did not start: {text}")

    def __exit__(self, *_):
        # The script ends its server by its own trap.
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()

    @property
    def environment(self):
        """What leads a program to this moto, and to no real account."""
        return {
            "AWS_CONFIG_FILE": self.pair["config_file"],
            "AWS_SHARED_CREDENTIALS_FILE": self.pair["credentials_file"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def addresses(self, profile):
        """Name -> addresses of a side."""
        return self.pair["sides"][profile]["addresses"]
