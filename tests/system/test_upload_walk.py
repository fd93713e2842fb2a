"""The page about curl works as printed: its commands are run, in bash, against the whole product."""

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from factories.node.client import EMAIL, PASSWORD
from factories.node.running import RunningNode
from factories.pictures import mp4_like

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "upload-with-curl.md"
SIZE = 6_000_000


@pytest.mark.req("ING-1", "ING-3", "ING-9", "P-4")
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="curl and bash are not here")
def test_the_walk_works_as_printed(node: RunningNode, tmp_path: Path) -> None:
    client = node.client()
    content = mp4_like(1) + random.Random(1).randbytes(SIZE)  # noqa: S311 - noise, not a secret
    (tmp_path / "film.mp4").write_bytes(content)
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    given = {"SERVER": node.url, "EMAIL": EMAIL, "PASSWORD": PASSWORD}
    done = subprocess.run(
        ["bash", "-eu", "-c", commands],
        cwd=tmp_path,
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "interrupted" in done.stdout
    first, *more = [int(number) for number in re.findall(r"go on at (\d+) of", done.stdout)]
    # A third was there before, some of the next when it broke off.
    assert len(content) / 3 <= first < 2 * len(content) / 3 + 1
    assert more[-1] == len(content)
    assert done.stdout.count('"state":"stored"') == 2
    photo_id = re.findall(r'"photoId":"([^"]+)"', done.stdout)[-1]
    with client:
        original = client.http.get(f"/api/photos/{photo_id}/original")
    assert original.status_code == httpx.codes.OK
    assert original.content == content
