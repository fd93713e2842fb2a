"""The server's own keys."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from afterglow.infra.crypto.keys import SECRET_FILE, SIGNING_KEY_FILE, BadKeyFileError, ServerKeys


def test_are_made_once_and_read_again(tmp_path) -> None:
    first, again = (ServerKeys.load_or_create(tmp_path / "secrets") for _ in range(2))
    assert first.secret == again.secret
    assert first.public_key == again.public_key


def test_are_for_the_owner_only(tmp_path) -> None:
    ServerKeys.load_or_create(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    files = sorted((tmp_path / "secrets").iterdir())
    assert [path.name for path in files] == sorted([SIGNING_KEY_FILE, SECRET_FILE])
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_file_that_was_opened_to_others_is_closed_again(tmp_path) -> None:
    ServerKeys.load_or_create(tmp_path)
    (tmp_path / SECRET_FILE).chmod(0o644)
    ServerKeys.load_or_create(tmp_path)
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600


def test_two_servers_have_different_keys(tmp_path) -> None:
    one, two = (ServerKeys.load_or_create(tmp_path / name) for name in "ab")
    assert one.secret != two.secret
    assert one.public_key != two.public_key


def test_starters_at_the_same_time_agree(tmp_path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(ServerKeys.load_or_create, [tmp_path] * 16))
    assert len({keys.secret for keys in made}) == 1
    assert len({keys.public_key.public_bytes_raw() for keys in made}) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_processes_at_the_same_time_agree(tmp_path) -> None:
    code = (
        "import sys; from pathlib import Path; from afterglow.infra.crypto.keys import ServerKeys;"
        "print(ServerKeys.load_or_create(Path(sys.argv[1])).secret.hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({process.communicate()[0] for process in started}) == 1


def test_the_loser_of_the_race_reads_the_winners_key(tmp_path, monkeypatch) -> None:
    winner = ServerKeys.load_or_create(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _: False)  # looked before the winner was done
    loser = ServerKeys.load_or_create(tmp_path)
    monkeypatch.undo()
    assert loser.secret == winner.secret
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("file", [SIGNING_KEY_FILE, SECRET_FILE])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe", b"ab" * 31])
def test_a_damaged_file_is_named_and_never_replaced(tmp_path, file: str, content: bytes) -> None:
    ServerKeys.load_or_create(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(BadKeyFileError) as refused:
        ServerKeys.load_or_create(tmp_path)
    assert refused.value.fields == {"file": file}
    assert (tmp_path / file).read_bytes() == content


def test_purposes_have_unrelated_secrets(tmp_path) -> None:
    keys = ServerKeys.load_or_create(tmp_path)
    assert keys.secret_for("signed-urls") == keys.secret_for("signed-urls")
    assert len({keys.secret, keys.secret_for("signed-urls"), keys.secret_for("cursors")}) == 3


def test_keys_do_not_show_in_logs(tmp_path) -> None:
    keys = ServerKeys.load_or_create(tmp_path)
    assert keys.secret.hex() not in repr(keys)
    assert repr(keys) == "ServerKeys()"
