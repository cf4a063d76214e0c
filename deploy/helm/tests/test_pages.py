"""What the pages say is what happens: their values are rendered, their commands run."""

import os
import subprocess
import sys

import pytest
import yaml
from chart import FETCHED, KUBERNETES, ROOT, judge, resources

sys.path.insert(0, str(ROOT / "tests/docs"))
from markdown import blocks  # noqa: E402

PAGE = ROOT / "docs/how-to/kubernetes.md"
OWN = [block for block in blocks(PAGE) if (block.mark, block.value) == ("test", "deploy_helm")]


@pytest.fixture
def reader(tmp_path):
    """At the project's root, with the page's files, and a helm in the path."""
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/helm").symlink_to(FETCHED / "helm-4")
    for block in blocks(PAGE):
        if block.mark == "file":
            (tmp_path / block.value).write_text(block.text)
    return tmp_path


@pytest.mark.parametrize("block", OWN, ids=lambda block: block.place)
def test_the_pages_commands_make_what_kubernetes_takes(reader, block):
    variables = {**os.environ, "PATH": f"{reader}/bin:{os.environ['PATH']}"}
    command = ["sh", "-e", "-c", block.text]
    outcome = subprocess.run(command, cwd=reader, env=variables, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    _, _, rendered = outcome.stdout.partition("---\n")
    documents = resources(rendered)
    assert documents
    for document in documents:
        judge(document, KUBERNETES[-1])


def test_the_page_has_commands_and_every_file_is_used():
    files = {block.value for block in blocks(PAGE) if block.mark == "file"}
    commands = "".join(block.text for block in OWN)
    assert files and all(f"--values {name}" in commands for name in files)
    for block in blocks(PAGE):
        assert block.language != "yaml" or block.mark == "file"
        if block.mark == "file":
            assert isinstance(yaml.safe_load(block.text), dict)
