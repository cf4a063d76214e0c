"""What build.sh has built of deploy/Dockerfile, without a Docker engine, is what docs/how-to/image.md says: a
small image that runs without rights, on a root that nobody can write to, and says what is in it."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest
from container import Container, installed_packages, unpacked
from harness.waiting import free_ports
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

FOLDER = pathlib.Path(__file__).resolve().parent
PROJECT = FOLDER.parents[1]
PROGRAM = "usr/bin/backscribe"
SBOM = "usr/share/doc/backscribe/sbom.spdx.json"
MOST_COMPRESSED_BYTES = 100_000_000


@pytest.fixture(scope="session")
def image():
    with unpacked("BACKSCRIBE_IMAGE") as image:
        yield image


def project_version():
    text = (PROJECT / "CMakeLists.txt").read_text()
    return re.search(r"project\(backscribe VERSION (\S+)", text)[1]


def files_of(root):
    """(path below the root, what stat says of it) of each regular file."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = pathlib.Path(folder, name)
            what = path.lstat()
            if stat.S_ISREG(what.st_mode):
                yield path.relative_to(root), what


# ---- what the image is


def test_it_has_less_than_100_mb_to_download(image):
    print(f"compressed: {image.compressed_bytes / 1e6:.1f} MB")
    assert image.compressed_bytes < MOST_COMPRESSED_BYTES


def test_it_says_how_it_is_run(image):
    config = image.config
    assert config["Entrypoint"] == ["/usr/bin/backscribe"] and config["Cmd"] == ["run"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == ["9464/tcp"]
    assert {line.split("=")[0] for line in config["Env"]} == {"PATH", "BACKSCRIBE_CONFIG"}
    assert "BACKSCRIBE_CONFIG=/etc/backscribe/config.json" in config["Env"]
    assert "Healthcheck" not in config and not config.get("Volumes")


def test_its_user_is_nobody_else_and_cannot_log_in(image):
    assert image.config["User"] == "10001:10001"
    users = (image.root / "etc" / "passwd").read_text()
    assert re.search(r"^backscribe:x:10001:10001:.*:/usr/sbin/nologin$", users, re.M)
    owned = [str(path) for path, what in files_of(image.root) if 10001 in (what.st_uid, what.st_gid)]
    assert owned == []


def test_its_labels_tell_version_licence_and_revision(image):
    labels = image.config["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == "backscribe"
    assert labels[f"{prefix}licenses"] == "Apache-2.0 AND GPL-3.0-only"
    assert labels[f"{prefix}version"] == project_version()
    is_clone = (PROJECT / ".git").exists() and shutil.which("git")
    assert re.fullmatch("[0-9a-f]{40}" if is_clone else "unknown", labels[f"{prefix}revision"])
    assert labels[f"{prefix}description"]


def test_nothing_that_builds_is_left_in_it(image):
    names = {name for name, _, _ in image.packages()}
    assert not {name for name in names if name.endswith("-dev")}
    assert not names & {"gcc", "cmake", "ninja-build", "make", "binutils", "pkg-config", "python3"}
    for gone in ("source", "usr/include", "install"):
        assert not (image.root / gone).exists() or not os.listdir(image.root / gone), gone
    assert not list((image.root / "var/lib/apt/lists").glob("*"))
    assert not list((image.root / "var/cache/apt").glob("*.bin"))
    assert not list((image.root / "var/cache/apt/archives").glob("*.deb"))


def test_no_program_in_it_gives_rights_to_whoever_runs_it(image):
    gives = [str(path) for path, what in files_of(image.root) if what.st_mode & 0o6000]
    assert gives == []


def test_it_knows_nothing_of_the_machine_that_built_it(image):
    """Neither a key, nor where this machine's apt goes, nor by which way."""
    apt = image.root / "etc" / "apt"
    assert [path for path in apt.rglob("*") if path.is_file() and "this-machine" in path.name] == []
    assert (apt / "sources.list").read_text() == "" and not list((apt / "auth.conf.d").iterdir())
    assert not (apt / "authorities.crt").exists()
    for folder in ("etc", "home", "root", "run", "srv", "tmp", "usr/local", "var"):
        for path, _ in files_of(image.root / folder):
            text = (image.root / folder / path).read_bytes()
            assert b"PRIVATE KEY-----" not in text, path
    built = json.dumps(image.history)
    assert str(PROJECT) not in built and not re.search("proxy|password|secret|token", built, re.I)


# ---- what is in it


@pytest.fixture(scope="session")
def bill(image):
    return json.loads((image.root / SBOM).read_text())


def packages_in(bill, prefix):
    """{(name, version, architecture): entry} of those whose identifier begins so."""
    found = {}
    for entry in bill["packages"]:
        if entry["SPDXID"].startswith(f"SPDXRef-{prefix}-"):
            (link,) = entry["externalRefs"]
            architecture = re.fullmatch(
                r"pkg:deb/debian/[a-z0-9.%B+-]+@[A-Za-z0-9.~%-]+\?arch=(\w+)&distro=debian-[\w.]+",
                link["referenceLocator"],
            )
            assert architecture, link
            key = (entry["name"], entry["versionInfo"], architecture[1])
            assert key not in found, f"{key} is there twice"
            found[key] = entry
    return found


def test_its_bill_of_materials_is_valid_spdx(image):
    document = parse_file(str(image.root / SBOM))
    assert [each.validation_message for each in validate_full_spdx_document(document)] == []
    assert document.creation_info.spdx_version == "SPDX-2.3"


def test_the_bill_names_every_package_and_no_other(image, bill):
    assert set(packages_in(bill, "deb")) == image.packages()


def test_the_bill_names_the_program_by_its_hash_and_what_is_linked_into_it(image, bill):
    (program,) = [each for each in bill["packages"] if each["SPDXID"] == "SPDXRef-backscribe"]
    digest = hashlib.sha256((image.root / PROGRAM).read_bytes()).hexdigest()
    assert program["checksums"] == [{"algorithm": "SHA256", "checksumValue": digest}]
    assert program["versionInfo"] == project_version()
    assert program["licenseDeclared"] == "Apache-2.0"
    assert program["licenseConcluded"] == "Apache-2.0 AND GPL-3.0-only"
    (((name, version, _), linked),) = packages_in(bill, "linked").items()
    assert name == "libs3-dev" and version.startswith("2.0-")
    assert linked["licenseDeclared"] == "GPL-3.0-only" and linked["checksums"]
    relations = {(each["spdxElementId"], each["relationshipType"], each["relatedSpdxElement"])
                 for each in bill["relationships"]}  # fmt: skip
    assert ("SPDXRef-backscribe", "STATIC_LINK", linked["SPDXID"]) in relations


def test_the_bill_tells_licences_and_the_hash_of_what_apt_has_fetched(bill):
    by_name = {name: entry for (name, _, _), entry in packages_in(bill, "deb").items()}
    for name in ("librdkafka1", "libcurl4t64", "libxml2", "libcjson1", "libmicrohttpd12t64"):
        (checksum,) = by_name[name]["checksums"]
        assert re.fullmatch("[0-9a-f]{64}", checksum["checksumValue"]), name
    assert by_name["zlib1g"]["licenseDeclared"] == "Zlib"
    assert by_name["ca-certificates"]["licenseDeclared"] == "MPL-2.0"
    assert by_name["libxxhash0"]["licenseDeclared"].endswith(" AND (BSD-2-Clause OR GPL-2.0-or-later)")
    known = [each for each in by_name.values() if each["licenseDeclared"] != "NOASSERTION"]
    print(f"licences known: {len(known)} of {len(by_name)} packages")
    assert len(known) > len(by_name) / 2


def sbom(*options):
    command = ["sh", FOLDER / "sbom.sh", *options]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout


def test_a_host_has_a_bill_too_and_the_same_contents_the_same_bill(tmp_path):
    program = os.environ["BACKSCRIBE_WORKER"]
    facts = tmp_path / "facts"
    facts.write_bytes(sbom("--print-facts"))
    text = sbom("--program", program, "--facts", facts)
    bill = json.loads(text)
    assert set(packages_in(bill, "deb")) == installed_packages()
    assert bill["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert text == sbom("--program", program)


# ---- how it runs


def test_it_tells_its_version_and_its_libraries(image):
    lines = image.run(["--version"]).splitlines()
    assert lines[0] == f"backscribe {project_version()}"
    assert any(line.startswith("librdkafka ") for line in lines)


def test_it_finds_no_file_to_write_to_and_no_rights(image):
    """What a program in it sees of itself: the user of the image, no capability, a root that is
    read-only."""
    told = image.run(["-c", "id; grep -E '^(Cap|NoNew)' /proc/self/status; ! touch /tmp/x /var/tmp/x"],
                     entrypoint=["/bin/sh"])  # fmt: skip
    assert told.splitlines()[0] == "uid=10001(backscribe) gid=10001(backscribe) groups=10001(backscribe)"
    assert re.findall(r"^Cap\w+:\s+([0-9a-f]+)$", told, re.M) == ["0" * 16] * 5
    assert re.search(r"^NoNewPrivs:\s+1$", told, re.M)


def test_a_recording_is_done_in_it_and_sigterm_ends_it_well(image, scene, tmp_path):
    """With the command that the image has by default, configuration and secret mounted."""
    standin = scene.start_standin(duration_ms=0)
    scene.create_topics(partitions=1)
    port = free_ports(1)[0]
    configuration = scene.configuration({
        "speechkit": {"auth": {"api_key_file": "/run/secrets/speechkit"}},
        "admin": {"listen": f"127.0.0.1:{port}"},
    })  # fmt: skip
    config = tmp_path / "config.json"
    config.write_text(json.dumps(configuration))
    os.chown(scene.key_file, 10001, 10001)
    scene.key_file.chmod(0o400)
    mounts = [(config, "/etc/backscribe/config.json", "ro"),
              (scene.key_file, "/run/secrets/speechkit", "ro")]  # fmt: skip
    worker = Container(image, "container", tmp_path, mounts=mounts)
    try:
        worker.start()
        worker.wait_for_log("msg=", 60)
        scene.enqueue(1)
        scene.wait_for_answers(1, 60)
        expect_no_rights(worker.pid)
        worker.send(15)
        assert worker.wait_for_end(40) == 0, worker.situation()
    finally:
        worker.kill()
    assert len(standin.accepted_submissions()) == 1
    (body,) = [body for _, body in scene.account.results().values()]
    assert body["text"]


def expect_no_rights(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^Name:\s+backscribe$", status, re.M), status
    assert re.search(r"^Uid:(\s+10001){4}$", status, re.M), status
    assert re.search(r"^CapEff:\s+0+$", status, re.M), status
    mounts = pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    (root,) = [line.split() for line in mounts if line.split()[4] == "/"]
    assert "ro" in root[5].split(",")
