"""Days of watching in seconds; `python tests/health/soak.py` does a month of 500 devices."""

import json
import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).with_name("soak.py")


def test_nothing_is_lost_over_days_of_trouble() -> None:
    """Every look is told as it was, evidence holds against the truth, and nothing grows."""
    ran = subprocess.run(
        [sys.executable, SOAK, "--days", "5", "--devices", "30", "--keep-days", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    seen = json.loads(ran.stdout or "{}")
    assert ran.returncode == 0, ran.stderr or seen
    assert (seen["lost"], seen["wrong"], seen["chain"]) == ([], [], "sound")
    assert seen["looks"] > 3_000
    assert seen["restarts"] > 12
    assert len(seen["happened"]) >= 5
    assert seen["answers"] > 0.8 * seen["questions"]
    begin_mib, end_mib = seen["size_mib"]
    assert end_mib < 1.5 * begin_mib + 0.1
    begin_mib, end_mib = seen["rss_mib"]
    assert end_mib < begin_mib + 20
