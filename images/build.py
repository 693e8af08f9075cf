"""Makes the image of a box: `python -m images.build amd64|arm64`, as root; docs/image.md says what is in it.

No loop mount and no partition of this machine is needed: a Debian tree by mmdebstrap, each part as a file, and the parts put
behind each other. Two builds of one commit with the same packages give the same image: dates are the commit's, lists are
sorted, numbers are fixed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.box.start_here import Standing, page
from tools import sbom

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "images"
SUITE = "trixie"
# Partitions, in MiB. A root has room to grow by updates, and the house what the card has left.
FIRST_MIB, BOOT_MIB, ROOT_MIB, HOUSE_MIB = 1, 256, 384, 64
MIB = 1 << 20
DISK_ID = "52656c76"  # "Relv"; roots are named by it: PARTUUID=52656c76-02
FAT_SERIAL = "52454c56"
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "kmod", "systemd-zram-generator", "initramfs-tools", "busybox", "zstd"),
    *("e2fsprogs", "fdisk", "iproute2", "ca-certificates", "systemd-boot-efi"),
    *("network-manager", "wpasupplicant", "wireless-regdb", "iw", "rfkill", "dnsmasq-base", "nftables"),
)
KERNEL = {"amd64": ("linux-image-amd64",), "arm64": ("linux-image-arm64", "firmware-brcm80211")}
EFI = {
    "amd64": ("systemd-bootx64.efi", "BOOTX64.EFI"),
    "arm64": ("systemd-bootaa64.efi", "BOOTAA64.EFI"),
}
# What the Pi's own firmware looks for, of package raspi-firmware: Pi 3, 3+, Zero 2 W and CM3 (bootcode, start, fixup),
# Pi 4, 400 and CM4 (start4, fixup4).
PI_FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat")
PI_TREES = re.compile(r"bcm(2837-rpi-(3|cm3|zero-2)|2711-rpi-(4|cm4|400)).*\.dtb")
# lsm: without BPF programs for RestrictFileSystems=, which no unit uses and which the kernel looks through for seconds at each
# start; what a unit says of addresses, ports and devices are BPF programs of control groups, and stay.
OPTIONS = "root=PARTUUID={disk}-{part} rootfstype=squashfs ro rootwait panic=10 quiet console=tty0 lsm=landlock,lockdown,yama,integrity"


class BuildError(Exception):
    """The image cannot be made; the text says why in one line."""


def main() -> int:
    arguments = argparse.ArgumentParser(description="Makes the image of a box, in build/.")
    arguments.add_argument("arch", choices=sorted(KERNEL))
    arguments.add_argument("--out", type=Path, default=ROOT / "build", help="folder that it is put into")
    arguments.add_argument("--deb", type=Path, help="the package to put in; else `tools/deb` makes it")
    arguments.add_argument("--update-key", type=Path, help="public key that signs updates, 64 hex digits in a file")
    arguments.add_argument("--quick", action="store_true", help="for trials: packed less, and no .zst")
    given = arguments.parse_args()
    try:
        build(given.arch, given.out.resolve(), given.deb, given.update_key, pack=not given.quick)
    except (BuildError, OSError) as error:
        print(f"images/build.py: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"images/build.py: {error.cmd[0]} ended with {error.returncode}", file=sys.stderr)
        return 1
    return 0


def build(arch: str, out: Path, deb: Path | None, update_key: Path | None, *, pack: bool) -> None:
    if os.geteuid():
        raise BuildError("root is needed, for a Debian of its own")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    commit = said("git", "-C", str(ROOT), "rev-parse", "HEAD")
    epoch = said("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
    os.environ.update(SOURCE_DATE_EPOCH=epoch, TZ="UTC", LC_ALL="C.UTF-8")
    work = out / f"image-{arch}"
    work.mkdir(parents=True, exist_ok=True)
    name = f"releve-{version}-{arch}"
    with step("the package"):
        package = deb or built_package(arch, version)
    with step("the tree"):
        tree = make_tree(work, arch, package)
    with step("what it says of itself"):
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(epoch)))
        image = {"version": version, "arch": arch, "commit": commit, "made": made}
        write(tree / "usr/share/releve/image.json", json.dumps(image) + "\n")
        write(tree / "usr/share/releve/update-keys/releve.pub", public_key(update_key, out) + "\n")
        list_packages(tree, work)
        inside = listed(tree, work, version, int(epoch))
        write(out / f"{name}.sbom.cdx.json", inside)
        write(tree / "usr/share/releve/image.sbom.cdx.json", inside)  # the page "about" shows it
    with step("the boot partition"):
        boot = lay_out_boot(work, tree, arch, version)
        make_fat(boot, work / "p1.fat", int(epoch))
    with step("the root"):
        root = work / "system/root.squashfs"
        make_root(tree, root, 15 if pack else 3)
    with step("the image"):
        assemble(out / f"{name}.img", work / "p1.fat", root)
    if pack:
        with step("packing"):
            run("zstd", "-q", "-f", "-12", "--long=27", "-T0", str(out / f"{name}.img"))
    for path in sorted(out.glob(f"{name}.img*")):
        print(f"{path}: {path.stat().st_size / MIB:.0f} MiB")


class step:  # noqa: N801 - read as a word: with step("the tree")
    """Says what is being done, and how long it took."""

    def __init__(self, what: str) -> None:
        self.what, self.since = what, time.monotonic()

    def __enter__(self) -> None:
        print(f"{self.what} ...", flush=True)

    def __exit__(self, *_: object) -> None:
        print(f"{self.what}: {time.monotonic() - self.since:.0f} s", flush=True)


def built_package(arch: str, version: str) -> Path:
    run(str(ROOT / "tools/deb"), arch, SUITE, cwd=ROOT)
    return ROOT / f"build/releve_{version}+deb13_{arch}.deb"


def make_tree(work: Path, arch: str, package: Path) -> Path:
    """Debian's packages and ours, made into a box by images/customize."""
    tree = work / "tree"
    run("rm", "-rf", "--one-file-system", str(tree))
    emulate(arch)
    include = sorted({*PACKAGES, *KERNEL[arch], *needed_by(package)})
    firmware = work / "raspi-firmware"
    shutil.rmtree(firmware, ignore_errors=True)
    hooks = []
    if arch == "arm64":
        # Taken out and not installed: its hooks write a boot partition of their own at each kernel and each initrd.
        # First, since customize takes away what apt goes by.
        firmware.mkdir()
        hooks.append(
            f'cd "{firmware}" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q download raspi-firmware && dpkg -x *.deb .'
        )
    hooks.append(f'"{HERE}/customize" "$1" {arch} "{package}"')
    with (work / "tree.log").open("wb") as log:
        # INITRD=No: the kernel's package makes none; customize makes the one that is meant.
        result = subprocess.run(
            (
                *("mmdebstrap", "--mode=root", "--variant=essential", f"--architectures={arch}"),
                f"--include={','.join(include)}",
                *('--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"'),
                "--dpkgopt=force-confold",
                *(
                    f"--dpkgopt=path-exclude=/usr/share/{each}/*"
                    for each in ("man", "doc", "locale", "info", "lintian", "bug")
                ),
                *(
                    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
                    "--dpkgopt=path-include=/usr/share/doc/releve/*",
                ),
                *(f"--customize-hook={each}" for each in hooks),
                *(SUITE, str(tree), *sources()),
            ),
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "INITRD": "No"},
            check=False,
        )
    if result.returncode:
        last = (work / "tree.log").read_text(errors="replace").splitlines()[-25:]
        raise BuildError("\n".join(("the tree could not be made:", *last)))
    return tree


def needed_by(package: Path) -> Iterator[str]:
    """Names of the packages that ours depends on; of alternatives the first."""
    for each in said("dpkg-deb", "--field", str(package), "Depends").split(","):
        if found := re.match(r"\s*([a-z0-9][a-z0-9.+-]+)", each):
            yield found[1]


def sources() -> list[str]:
    """Where this machine takes its Debian from is where the image's comes from, with its security updates."""
    lines = []
    for label, suites in (("Debian", (SUITE, f"{SUITE}-updates")), ("Debian-Security", (f"{SUITE}-security",))):
        ask = ("apt-get", "indextargets", "--format", "$(REPO_URI)", f"Label: {label}")
        found = said(*ask).splitlines()
        if not found:  # nobody has looked at the sources yet
            run("apt-get", "-q", "update")
            found = said(*ask).splitlines()
        if not found:
            raise BuildError(f"apt of this machine has no source with the label {label}")
        lines += [f"deb {found[0]} {suite} main non-free-firmware" for suite in suites]
    return lines


def emulate(arch: str) -> None:
    """Programs of another architecture run by qemu-user."""
    if arch == said("dpkg", "--print-architecture"):
        return
    formats = Path("/proc/sys/fs/binfmt_misc")
    if not (formats / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", str(formats))
    run("update-binfmts", "--enable", "qemu-aarch64" if arch == "arm64" else "qemu-x86_64")


def public_key(given: Path | None, out: Path) -> str:
    """64 hex digits. Without a key of the maker's, a pair is made once, good for trials and nothing else."""
    if given is None:
        given = out / "update-key.pub"
        if not given.exists():
            throw_away_pair(out / "update-key", given)
        print(
            f"UPDATE_KEY is not given: updates signed with {out / 'update-key'} are taken, a key for trials", flush=True
        )
    key = given.read_text().strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise BuildError(f"{given}: a public key, 64 hex digits, is needed")
    return key


def throw_away_pair(private: Path, public: Path) -> None:
    """Ed25519; the private one as 64 hex digits too."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private.touch(mode=0o600)
    private.write_text(key.private_bytes_raw().hex() + "\n")
    public.write_text(key.public_key().public_bytes_raw().hex() + "\n")


def list_packages(tree: Path, work: Path) -> None:
    """packages.tsv: what dpkg knows of the tree, and the firmware that was taken out of its package."""
    fields = "${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Architecture}\n"
    rows = said("dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W", "-f", fields).splitlines()
    for deb in (work / "raspi-firmware").glob("*.deb"):
        rows.append(said("dpkg-deb", "--show", f"--showformat={fields}", str(deb)))
    (work / "packages.tsv").write_text("\n".join(sorted(rows)) + "\n")


def listed(tree: Path, work: Path, version: str, epoch: int) -> str:
    """Debian's packages, and the wheels that ours lists."""
    package = json.loads((tree / "usr/share/releve/sbom.cdx.json").read_text())
    return sbom.text(sbom.of_image(package, (work / "packages.tsv").read_text(), version, epoch))


def lay_out_boot(work: Path, tree: Path, arch: str, version: str) -> Path:
    """p1 as a folder: the Pi's firmware, systemd-boot, and the kernel of root A; that of B comes with an update.

    What root A starts from lies in system/boot as well, beside system/root.squashfs: an update is made of this folder.
    """
    boot, system = work / "boot", work / "system"
    for folder in (boot, system):
        shutil.rmtree(folder, ignore_errors=True)
    first = system / "boot"
    first.mkdir(parents=True)
    for name in ("linux", "initrd"):
        shutil.copyfile(tree / "boot" / name, first / name)
        (tree / "boot" / name).unlink()
    options = OPTIONS.format(disk=DISK_ID, part="02")
    write(first / "cmdline.txt", options + "\n")
    loader, name = EFI[arch]
    write(boot / "EFI/BOOT" / name, (tree / "usr/lib/systemd/boot/efi" / loader).read_bytes())
    write(boot / "loader/loader.conf", "timeout 0\ndefault releve-*\neditor no\n")
    # systemd-boot takes the newest version that has tries left, or needs none.
    entry = f"title Relevé\nsort-key releve\nversion {version}\nlinux /releve-a/linux\ninitrd /releve-a/initrd\noptions {options}\n"
    write(boot / "loader/entries/releve-a.conf", entry)
    write(first / "entry.conf", entry)
    write(boot / "START-HERE.html", page(Standing()))
    write(
        boot / "releve-new-card",
        "A new card: the box makes its part for the house at the first start, and removes this file.\n",
    )
    if arch == "arm64":
        for path in sorted(tree.glob("usr/lib/linux-image-*/broadcom/*.dtb")):
            if PI_TREES.fullmatch(path.name):
                shutil.copyfile(path, first / path.name)
        for name in PI_FIRMWARE:
            shutil.copyfile(work / "raspi-firmware/usr/lib/raspi-firmware" / name, boot / name)
        shutil.copyfile(HERE / "boot/config.txt", boot / "config.txt")
    shutil.copytree(first, boot / "releve-a")
    return boot


def make_fat(folder: Path, image: Path, epoch: int) -> None:
    """FAT32, since the first boot stage of a Pi 3 reads no other; files in the order of their names."""
    image.unlink(missing_ok=True)
    with image.open("wb") as stream:
        stream.truncate(BOOT_MIB * MIB)
    how = ("-F", "32", "-s", "4", "-h", str(FIRST_MIB * MIB // 512), "-n", "RELEVE", "-i", FAT_SERIAL)
    run("mkfs.vfat", "--invariant", *how, str(image))
    for path in sorted(folder.rglob("*")):
        inside = f"::/{path.relative_to(folder)}"
        os.utime(path, (epoch, epoch))
        if path.is_dir():
            run("mmd", "-i", str(image), inside)
        else:
            run("mcopy", "-i", str(image), "-m", str(path), inside)


def make_root(tree: Path, image: Path, level: int) -> None:
    """Squashfs: it cannot be written, so that no power cut and no program changes it."""
    image.unlink(missing_ok=True)
    # Owners and modes are the tree's; dates above SOURCE_DATE_EPOCH become that.
    run(
        *("mksquashfs", str(tree), str(image), "-comp", "zstd", "-Xcompression-level", str(level), "-b", "256K"),
        *(
            "-noappend",
            "-no-progress",
            "-quiet",
            "-wildcards",
            "-e",
            "dev/*",
            "proc/*",
            "sys/*",
            "run/*",
            "tmp/*",
            "boot/*/*",
        ),
    )
    if image.stat().st_size > ROOT_MIB * MIB * 9 // 10:
        size = image.stat().st_size // MIB
        raise BuildError(
            f"the root has {size} MiB: more than nine tenths of its {ROOT_MIB} MiB; take something out of it"
        )


def assemble(image: Path, boot: Path, root: Path) -> None:
    """MBR, since the ROM of a Pi 3 knows no other table. Root B is empty until an update, p4 until the first start."""
    starts, at = [], FIRST_MIB
    for size in (BOOT_MIB, ROOT_MIB, ROOT_MIB, HOUSE_MIB):
        starts.append(at)
        at += size
    image.unlink(missing_ok=True)
    with image.open("wb") as stream:
        stream.truncate(at * MIB)
    table = f"label: dos\nlabel-id: 0x{DISK_ID}\n"
    for start, size, kind in zip(
        starts, (BOOT_MIB, ROOT_MIB, ROOT_MIB, HOUSE_MIB), ("0c,*", "83", "83", "83"), strict=True
    ):
        table += f"{start * MIB // 512},{size * MIB // 512},{kind}\n"
    subprocess.run(("sfdisk", "-q", str(image)), input=table.encode(), check=True)
    for start, part in zip(starts, (boot, root), strict=False):
        run("dd", f"if={part}", f"of={image}", "bs=1M", f"seek={start}", "conv=notrunc,sparse", "status=none")


def write(path: Path, data: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, cwd=cwd, env=env, check=True, stdout=sys.stderr)


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
