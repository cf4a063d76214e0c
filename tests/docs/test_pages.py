"""The commands of the documents do what the documents say: each page is gone through as a reader
would, on a real broker and a real object store, with a stand-in of the service that really
recognises."""

import json
import os
import pathlib
import signal
import subprocess

import pytest
from harness.s3 import S3
from harness.waiting import free_ports
from pages import PAGES, is_shown, script

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path("/usr/share/pocketsphinx/test/data")
STANDIN = pathlib.Path(os.environ["BACKSCRIBE_STANDIN"])
WORKER = pathlib.Path(os.environ["BACKSCRIBE_WORKER"])
PAGE_SECONDS = 240
CONFIGURATION = {
    "kafka": {"bootstrap.servers": "kafka:9092"},
    "speechkit": {
        "auth": {"authorized_key_file": "/etc/backscribe/authorized-key.json"},
        "defaults": {"languageCode": "en-US"},
    },
    "objects": {
        "buckets": ["calls"],
        "staging": "s3://calls/.backscribe/staging",
        "transcripts": "s3://calls/.backscribe/transcripts",
    },
}


def sox(*arguments):
    subprocess.run(["sox", "-V1", "-D", *(str(part) for part in arguments)], check=True)


def fill(store, folder):
    """What the pages' reader has: recordings in the bucket `calls`, and some on a disk."""
    cards = DATA / "cards"
    folder.mkdir()
    for number, card in (("0101", "001"), ("0102", "003"), ("0103", "005")):
        path = folder / f"{number}.opus"
        subprocess.run(["opusenc", "--quiet", cards / f"{card}.wav", path], check=True)
        store.put("calls", f"2026/01/{number}.opus", path.read_bytes())
    sox("-M", cards / "001.wav", cards / "003.wav", folder / "0201.wav")
    store.put("calls", "2026/02/0201.wav", (folder / "0201.wav").read_bytes())
    store.put("old-calls", "2019/goforward.opus", (folder / "0103.opus").read_bytes())


@pytest.fixture
def reader(scene, name, tmp_path):
    """A reader's folder and environment: nothing is there yet but what the page takes for granted."""
    if PAGES[name].topics_exist:
        scene.create_topics(partitions=2)
    with S3(tmp_path, buckets=("calls", "old-calls")) as store:
        home = tmp_path / "home"
        home.mkdir()
        fill(store, home / "recordings")
        standin = scene.start_standin(
            recognise=True, decoders=STANDIN.parent / "models.json", recognisers=2, duration_ms=0,
            objects=store.url, objects_key_file=store.key_file,
        )  # fmt: skip
        (home / "backscribe.json").write_text(json.dumps(CONFIGURATION))
        urls = ("transcribe_url", "operation_url", "iam_url")
        replaced = {
            "kafka": {"bootstrap.servers": scene.broker.bootstrap},
            "group": scene.group,
            "admin": {"listen": f"127.0.0.1:{free_ports(1)[0]}"},
            "topics": scene.topics,
            "speechkit/auth": {"api_key_file": str(scene.key_file)},
            "objects/endpoint": store.url,
            "objects/auth": {"static_key_file": str(store.key_file)},
            **{f"speechkit/{url}": standin.url for url in urls},
        }
        environment = {
            "PATH": f"{HERE}:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "BACKSCRIBE_CONFIG": "backscribe.json",
            "DOCS_BACKSCRIBE": str(WORKER),
            "DOCS_REPLACED": json.dumps(replaced),
        }
        yield home, environment


def run(page, home, environment):
    """{block: what was printed}; the page's files are written when a reader comes to them."""
    parts = ["set -euo pipefail\n"]
    commands = page.commands()
    for number, block in enumerate(commands):
        if block.mark == "file":
            copy = home.parent / f"file-{number}"
            copy.write_text(block.text)
            parts.append(f"cp {copy} {block.value}\n")
        else:
            parts.append(f"echo; echo '@@@ {number}'\n{script(block)[0]}")
    shell = subprocess.Popen(
        ["bash", "-c", "".join(parts)],
        cwd=home, env=environment, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = shell.communicate(timeout=PAGE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        output, _ = shell.communicate()
        pytest.fail(f"{page.name} takes longer than {PAGE_SECONDS} s:\n{output[-5000:]}")
    printed = {}
    for piece in output.split("\n@@@ ")[1:]:
        number, _, text = piece.partition("\n")
        printed[commands[int(number)]] = text
    if shell.returncode != 0:
        last = list(printed)[-1] if printed else None
        place = last.place if last else page.name
        pytest.fail(f"{place}: exit status {shell.returncode}:\n{output[-5000:]}")
    return printed


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_commands_of_the_page_do_what_it_says(name, reader):
    for block, output in run(PAGES[name], *reader).items():
        missing = is_shown(script(block)[1], output)
        assert missing is None, f"{block.place}: not printed: {missing}\n{output}"
