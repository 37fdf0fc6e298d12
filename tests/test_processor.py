"""A member has the same numbers in any company, whoever made the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lossbench import _processor
from lossbench._processor import settle_products


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("processor\t: 0\nvendor_id\t: AuthenticAMD\n", "AUTO"),
        ("processor\t: 0\nvendor_id\t: GenuineIntel\n", None),
        ("processor\t: 0\nCPU implementer\t: 0x41\n", None),  # ARM, where torch multiplies by another library
    ],
)
def test_products_are_settled_where_they_would_depend_on_memory(
    told: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(_processor, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.delenv("MKL_CBWR", raising=False)
    settle_products()
    assert os.environ.pop("MKL_CBWR", None) == expected


def test_a_setting_of_the_users_own_stays() -> None:
    code = "import os, lossbench; print(os.environ['MKL_CBWR'])"
    environment = os.environ | {"MKL_CBWR": "COMPATIBLE"}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) == "COMPATIBLE\n"


def test_a_product_is_the_same_alone_and_among_others() -> None:
    code = """
import lossbench, torch
torch.set_num_threads(1)
for batch in (2, 3, 4, 17):
    for features in (3, 6, 10, 48):
        x, weights = torch.randn(13, batch, features), torch.randn(13, 24, features)
        expected = torch.bmm(x, weights.mT)
        for chosen in ([0, 1], [3, 4, 5, 6, 7], [12, 12]):
            assert torch.equal(torch.bmm(x[chosen], weights[chosen].mT), expected[chosen]), (batch, features)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
