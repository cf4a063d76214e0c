"""What is installed, and the Debian package: whole, with the dependencies of the program, and with
nothing enabled or started by itself."""

import gzip
import os
import re
import stat
import subprocess

import pytest

from product import BUILD, COMMANDS, VERSION, run

PAGES = ["backscribe", *(f"backscribe-{command}" for command in COMMANDS)]


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_an_installation_stays_below_its_destination_and_runs_from_there(tmp_path):
    run("cmake", "--install", BUILD, "--prefix", "/opt/backscribe",
        env={**os.environ, "DESTDIR": str(tmp_path)})
    found = files_below(tmp_path)
    assert all(name.startswith("opt/backscribe/") for name in found)
    expected = {
        "bin/backscribe",
        "share/bash-completion/completions/backscribe",
        "share/zsh/site-functions/_backscribe",
        "share/backscribe/schemas/job.schema.json",
        "share/doc/backscribe/LICENSE",
        "share/doc/backscribe/examples/config.json",
        "lib/systemd/system/backscribe.service",
        "lib/systemd/system/backscribe@.service",
        *(f"share/man/man1/{page}.1" for page in PAGES),
    }
    assert {f"opt/backscribe/{name}" for name in expected} <= found
    unit = (tmp_path / "opt/backscribe/lib/systemd/system/backscribe.service").read_text()
    assert "ExecStart=/opt/backscribe/bin/backscribe run " in unit
    assert run(tmp_path / "opt/backscribe/bin/backscribe", "--version").startswith("backscribe ")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder, cwd=BUILD)
    (package,) = folder.glob("*.deb")
    return package


def field(package, name):
    return run("dpkg-deb", "-f", package, name).strip()


def test_the_package_has_a_name_a_version_and_the_libraries_that_the_program_needs(package):
    assert field(package, "Package") == "backscribe"
    assert re.fullmatch(re.escape(VERSION) + r"-1(~deb\d+)?", field(package, "Version"))
    assert package.name == f"backscribe_{field(package, 'Version')}_{field(package, 'Architecture')}.deb"
    depends = field(package, "Depends")
    for library in ("libc6", "librdkafka1", "libcurl", "libmicrohttpd", "libcjson1", "zlib1g"):
        assert re.search(rf"\b{library}[a-z0-9]* \(>=", depends), depends
    assert "ca-certificates" in depends
    summary, *more = field(package, "Description").splitlines()
    assert len(summary) < 80 and len(more) > 3


def test_the_package_has_everything_in_debians_places(package, tmp_path):
    run("dpkg-deb", "-x", package, tmp_path)
    expected = {
        "usr/bin/backscribe",
        "usr/lib/systemd/system/backscribe.service",
        "usr/lib/systemd/system/backscribe@.service",
        "usr/share/bash-completion/completions/backscribe",
        "usr/share/zsh/vendor-completions/_backscribe",
        "usr/share/doc/backscribe/copyright",
        "usr/share/doc/backscribe/changelog.gz",
        "usr/share/doc/backscribe/changelog.Debian.gz",
        "usr/share/doc/backscribe/examples/config.json",
        "usr/share/backscribe/schemas/config.schema.json",
        "etc/default/backscribe",
        *(f"usr/share/man/man1/{page}.1.gz" for page in PAGES),
    }
    found = files_below(tmp_path)
    assert expected <= found
    assert {name for name in found if not name.startswith("usr/")} == {"etc/default/backscribe"}
    for name in found:
        mode = (tmp_path / name).stat().st_mode
        assert stat.S_IMODE(mode) == (0o755 if name == "usr/bin/backscribe" else 0o644), name
    assert re.search(r"root/root .*\./etc/backscribe/$", run("dpkg-deb", "-c", package), re.M)
    unit = (tmp_path / "usr/lib/systemd/system/backscribe.service").read_text()
    assert "ExecStart=/usr/bin/backscribe run " in unit
    changes = gzip.open(tmp_path / "usr/share/doc/backscribe/changelog.Debian.gz", "rt").read()
    assert changes.startswith(f"backscribe ({field(package, 'Version')}) ")
    assert run(tmp_path / "usr/bin/backscribe", "--version").startswith(f"backscribe {VERSION}\n")


def test_nothing_is_enabled_or_started(package, tmp_path):
    run("dpkg-deb", "-e", package, tmp_path)
    for name in ("postinst", "prerm", "postrm"):
        script = tmp_path / name
        assert stat.S_IMODE(script.stat().st_mode) == 0o755
        run("sh", "-n", script)
        commands = re.sub(r"^#.*$", "", script.read_text(), flags=re.M)
        assert not re.search(r"\b(enable|start)\b", commands)


def dpkg(root, *arguments):
    """dpkg on a system of its own below `root`, whoever asks for it; scripts are told the root."""
    force = ("depends", "not-root", "script-chrootless", "confold")
    log = root.parent / "dpkg.log"
    return run(
        "dpkg", f"--root={root}", *(f"--force-{one}" for one in force), f"--log={log}", *arguments,
        errors=subprocess.STDOUT, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )  # fmt: skip


def newer(package, folder):
    """The same package with a higher version."""
    run("dpkg-deb", "-R", package, folder / "tree")
    control = folder / "tree/DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*", "Version: 9.0-1", control.read_text(), flags=re.M))
    run("dpkg-deb", "--root-owner-group", "-b", folder / "tree", folder / "newer.deb")
    return folder / "newer.deb"


def test_an_administrators_files_survive_upgrade_and_removal_and_nothing_else_does(
    package, tmp_path
):
    root = tmp_path / "root"
    for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc/credstore"):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    before = files_below(root)
    dpkg(root, "-i", package)
    assert run(root / "usr/bin/backscribe", "--version").startswith("backscribe ")
    options = root / "etc/default/backscribe"
    assert not [line for line in options.read_text().splitlines() if line[:1] not in ("#", "")]

    options.write_text("BACKSCRIBE_OPTIONS=--log-format=json\n")
    own = {"etc/backscribe/config.json", "etc/credstore/backscribe.api-key"}
    for name in own:
        (root / name).write_text("mine")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    for name in ("backscribe.service", "backscribe@9464.service", "another.service"):
        (wants / name).symlink_to(f"/usr/lib/systemd/system/{name}")

    dpkg(root, "-i", newer(package, tmp_path))
    assert options.read_text() == "BACKSCRIBE_OPTIONS=--log-format=json\n"
    dpkg(root, "-r", "backscribe")
    assert options.exists() and not (root / "usr/bin/backscribe").exists()
    dpkg(root, "-P", "backscribe")
    left = {name for name in files_below(root) - before if not name.startswith("var/lib/dpkg/")}
    assert left == own
    assert [path.name for path in wants.iterdir()] == ["another.service"]
