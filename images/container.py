"""Makes a container of the box: `python -m images.container amd64|arm64`, as root; docs/container.md says how it is run.

An OCI image made from nothing: Debian's base, and the package that the SD-card image has too; no kernel, no systemd.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from images.build import KERNEL, SUITE, BuildError, built_package, emulate, needed_by, run, said, sources
from tools import sbom
from tools.deb_package import made_at, version_here

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "/opt/releve/venv/bin/python"
# Instead of the whole of systemd: what makes the user and the folders of the package.
INSTEAD = {"systemd": ("systemd-standalone-sysusers", "systemd-standalone-tmpfiles")}
KEPT = ("/var/lib/releve", "/etc/releve")
# /tmp is memory in a container whose root cannot be written; the gateway makes the folder its own.
RUNTIME = "/tmp/releve"  # noqa: S108 - ours alone
FIELDS = "${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Architecture}\n"


def main() -> int:
    arguments = argparse.ArgumentParser(description="Makes a container of the box, in build/.")
    arguments.add_argument("arch", choices=sorted(KERNEL))
    arguments.add_argument("--out", type=Path, default=ROOT / "build", help="folder that it is put into")
    arguments.add_argument("--deb", type=Path, help="the package to put in; else `tools/deb` makes it")
    given = arguments.parse_args()
    try:
        made = build(given.arch, given.out.resolve(), given.deb)
    except (BuildError, OSError) as error:
        sys.stderr.write(f"images/container.py: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"images/container.py: {error.cmd[0]} ended with {error.returncode}\n")
        return 1
    sys.stdout.write(f"{made}\n")
    return 0


def name() -> str:
    """As podman and docker call it once it is loaded."""
    return f"localhost/releve:{version_here()}"


def build(arch: str, out: Path, deb: Path | None) -> Path:
    """The archive, which `podman load` and `docker load` take; its list of what is inside lies beside it."""
    version = version_here()
    out.mkdir(parents=True, exist_ok=True)
    package = deb or built_package(arch, version)
    at = made_at()
    file = f"releve-{version}-{arch}"
    with tempfile.TemporaryDirectory(prefix="releve-container-", dir=out) as folder:
        tree = Path(folder) / "tree"
        _make_tree(tree, arch, package, at)
        packages = said("dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W", "-f", FIELDS)
        ours = json.loads((tree / "usr/share/releve/sbom.cdx.json").read_text())
        listed = sbom.text(sbom.of_image(ours, packages, version, at))
        (out / f"{file}.container.sbom.cdx.json").write_text(listed)
        return _pack(tree, Path(folder) / "oci", out / f"{file}.oci.tar", arch, version, at)


def _make_tree(tree: Path, arch: str, package: Path, at: int) -> None:
    emulate(arch)
    names = {each for name in needed_by(package) for each in INSTEAD.get(name, (name,))}
    inside = f'cp "{package}" "$1/releve.deb" && chroot "$1" dpkg --install /releve.deb && rm "$1/releve.deb"'
    # Nothing of it is run in a container, and what was made by installing is not what was installed.
    emptied = "var/cache var/log var/tmp tmp run var/lib/apt/lists"
    clean = f'cd "$1" && for each in {emptied}; do find "$each" -mindepth 1 -delete; done'
    clean += " && rm -rf etc/machine-id var/lib/dpkg/*-old etc/*- etc/.pwd.lock etc/releve/* var/lib/systemd"
    left_out = [
        f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("man", "locale", "info", "lintian", "bug", "doc")
    ]
    run(
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--architectures={arch}"),
        *(f"--include={','.join(sorted(names))}", '--aptopt=APT::Install-Recommends "false"', *left_out),
        *("--dpkgopt=path-include=/usr/share/doc/*/copyright", f"--customize-hook={inside}"),
        *(f"--customize-hook={clean}", SUITE, str(tree), *sources()),
    )  # fmt: skip
    # Configuration and readings are volumes: each begins as the folder here is, owner and mode.
    (tree / "var/lib/releve").mkdir()
    shutil.copyfile(tree / "usr/share/releve/releve.toml", tree / "etc/releve/releve.toml")
    run("chroot", str(tree), "chown", "-R", "releve:releve", *KEPT)
    run("chroot", str(tree), "chmod", "700", *KEPT)
    run("find", str(tree), "-newermt", f"@{at}", "-exec", "touch", "-h", "-d", f"@{at}", "{}", "+")


def _pack(tree: Path, layout: Path, archive: Path, arch: str, version: str, at: int) -> Path:
    """The layout of OCI's image specification 1.0 (image-layout), in one file."""
    image, when = f"{layout}:{version}", f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    run("umoci", "init", "--layout", str(layout))
    run("umoci", "new", "--image", image)
    run("umoci", "insert", "--image", image, "--history.created", when, str(tree), "/")
    labels = {
        "org.opencontainers.image.title": "Relevé",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    run(
        *("umoci", "config", "--image", image, "--created", when, "--history.created", when, "--os", "linux"),
        *("--architecture", arch, "--config.user", "releve", "--config.workingdir", "/var/lib/releve"),
        *("--config.entrypoint", PYTHON, *(f"--config.entrypoint={each}" for each in ("-I", "-X", "faulthandler", "-m", "gateway"))),
        *("--config.cmd=run", "--config.cmd=--wait-for-devices", "--config.exposedports", "8080/tcp"),
        *("--config.env", f"RUNTIME_DIRECTORY={RUNTIME}", "--config.stopsignal", "SIGTERM", *(f"--config.volume={each}" for each in KEPT)),
        *(f"--config.label={name}={value}" for name, value in labels.items()),
    )  # fmt: skip
    run("umoci", "gc", "--layout", str(layout))
    index = layout / "index.json"
    found = json.loads(index.read_text())
    found["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": name()}  # umoci takes a tag only
    index.write_text(json.dumps(found))
    stable = ("--sort=name", "--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{at}")
    run("tar", *stable, "-C", str(layout), "-cf", str(archive), ".")
    return archive


if __name__ == "__main__":
    sys.exit(main())
