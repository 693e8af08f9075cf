# Debian 12 or later, Raspberry Pi OS: python3 (3.11 or later), git and make are enough; the rest is fetched once.
# `make` explains.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deb demo test lint fix integration test-guest test-image image container soak home-assistant bench bench-store fuzz update

BIN := .venv/bin
ARCH ?= amd64
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
CODE := $(sort $(dir $(wildcard gateway/*.py drivers/*.py sync/*.py webui/*.py tests/*.py bench/*.py tools/*.py images/*.py)))

help:  ## what each of these does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo:  ## a furnished house in your browser, with no hardware and no configuration; Ctrl-C ends it
	@tools/venv run
	@exec $(BIN)/python -m gateway demo $(ARGS)

test:  ## unit tests, and the pages in a real browser
	@tools/venv dev
	@tools/install chromium libatomic1 squashfs-tools systemd # the second for Playwright's driver, the third to judge our units
	$(BIN)/python -m pytest -n auto --dist worksteal tests --ignore=tests/e2e --ignore=tests/integration --ignore=tests/guest --ignore=tests/image --ignore=tests/soak --ignore=tests/home_assistant $(ARGS)
	$(BIN)/python -m pytest -n 4 --dist loadfile --timeout 120 tests/e2e $(ARGS) # they wait more than they work

lint:  ## form, types, and who may import whom
	@tools/venv dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

fix:  ## put into form what can be put into form by itself, SUPPORTED.md too
	@tools/venv dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/supported.py

integration:  ## as root: against the servers of other projects, each really started, all ended afterwards
	@tools/venv dev
	@tools/install age apache2-bin e2fsprogs exim4-daemon-light faketime gcc influxdb iproute2 libc6-dev libmodbus-dev libxml2-utils lintian mbpoll mmdebstrap mosquitto mosquitto-clients podman postgresql rclone rtl-433 runc ser2net socat squashfs-tools systemd-container umoci victoria-metrics xfsprogs
	@tools/box
	@tools/box bookworm
	@command -v npm >/dev/null || tools/install npm # Node's own packages bring it too
	$(BIN)/python -m pytest tests/integration $(ARGS)

deb:  ## the Debian packages, for Debian 12 and 13, amd64 and arm64, in build/; ARGS="arm64 trixie" for one
	@tools/venv dev
	@tools/deb $(ARGS)

test-guest:  ## as root: a first boot by Wi-Fi, in a virtual machine with simulated radios; 700 MB once, in /var/tmp/releve-guest-wifi
	@tools/venv dev
	@tools/install dosfstools e2fsprogs mmdebstrap mtools qemu-system-x86 systemd-container
	@tools/box wifi
	$(BIN)/python -m pytest tests/guest $(ARGS)

image:  ## as root: the image of a box, ARCH=arm64 or amd64, in build/; ten minutes, half an hour for another processor than this one's
	@tools/venv dev
	@tools/install arch-test binfmt-support dosfstools e2fsprogs fdisk mmdebstrap mtools qemu-user-static squashfs-tools xz-utils zstd
	$(BIN)/python -m images.build $(ARCH) $(if $(UPDATE_KEY),--update-key $(UPDATE_KEY)) $(ARGS)

container:  ## as root: the box as a container for podman or docker, ARCH=amd64 or arm64, in build/
	@tools/venv dev
	@tools/install arch-test binfmt-support mmdebstrap qemu-user-static umoci
	$(BIN)/python -m images.container $(ARCH)

test-image:  ## as root: the image in virtual machines, ARCH=amd64 or arm64; writes its table into docs/image.md; hours of a PC
	@tools/venv dev
	@tools/install dosfstools e2fsprogs iproute2 mtools ovmf qemu-efi-aarch64 qemu-system-arm qemu-system-x86 qemu-utils squashfs-tools
	@ls $${RELEVE_IMAGE:-build}/releve-*-$(ARCH).img >/dev/null 2>&1 || $(MAKE) image ARCH=$(ARCH)
	$(BIN)/python -m pytest -v tests/image --arch $(ARCH) $(ARGS)

soak:  ## as root: fifty power cuts, and a fortnight of a house in some minutes with kills, its memory watched
	@tools/venv dev
	@tools/install e2fsprogs xfsprogs
	$(BIN)/python -m pytest -s tests/soak $(ARGS)

home-assistant:  ## as root: against a real Home Assistant that has no way out, ten minutes; 1.2 GB once, in /var/tmp/releve-home-assistant
	@tools/venv dev
	@tools/install ca-certificates debootstrap iproute2 mosquitto mosquitto-clients
	@tools/home-assistant
	$(BIN)/python -m pytest -s tests/home_assistant $(ARGS)

bench:  ## the times and sizes that docs/measured.md and the comments name; writes that page
	@tools/venv dev
	$(BIN)/python tools/measured.py $(ARGS)

bench-store:  ## what the store is to reach and what it reaches, in docs/performance.md; ten years are really built, some minutes
	@tools/venv dev
	$(BIN)/python tools/measured.py $(or $(ARGS),store_data.py store.py)

update:  ## as root: signed update files in build/, of the package and, where `make image` made one, of the system: ARCH=amd64 or arm64, UPDATE_KEY=file
	@tools/venv dev
	@tools/install mmdebstrap squashfs-tools
	@tools/box # for its Python
	$(BIN)/python -m tools.update_file app build/releve_$(VERSION)+deb13_$(ARCH).deb --debian $(or $(RELEVE_BOX),/var/tmp/releve-box)/root --arch $(ARCH) --key $(or $(UPDATE_KEY),build/update-key) $(ARGS)
	@[ ! -d build/image-$(ARCH) ] || $(BIN)/python -m tools.update_file system build/image-$(ARCH)/system --version $(VERSION) --arch $(ARCH) --key $(or $(UPDATE_KEY),build/update-key) $(ARGS)

fuzz:  ## every decoder on inputs that libFuzzer leads to new code: ARGS="--inputs 10000000" or "--seconds 600", and targets
	@tools/venv dev
	@tools/venv fuzz
	$(BIN)/python -m tools.guided $(ARGS)
