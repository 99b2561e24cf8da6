"""The image, the compose file and the systemd unit; ``make test-deployment`` runs hadolint on the first."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from crosslate.cli.options import Option
from crosslate.cli.serve import _OPTIONS

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "crosslate.service"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on the PATH"
)


def stages():
    """The instructions of each stage of the Dockerfile, as pairs of name and arguments."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, re.sub(r"\s+", " ", rest)))
    return found


def instruction(stage, name):
    """The only instruction of a name."""
    (found,) = [rest for each, rest in stage if each == name]
    return found


def environment(stage):
    return dict(each.split("=", 1) for each in shlex.split(instruction(stage, "ENV")))


class TestImage:
    def test_it_is_small_and_runs_as_nobody_special(self):
        build, image = stages()
        assert {instruction(each, "FROM").split()[0] for each in (build, image)} == {"python:3.12-slim"}
        user = instruction(image, "USER")
        # A number, which Kubernetes can check.
        assert int(user) > 0 and f"useradd --uid {user} " in image[1][1]
        installing = [rest for name, rest in build if name == "RUN" and "pip install" in rest]
        assert len(installing) == 2 and all("--no-cache" in each for each in installing)
        assert "https://" not in (ROOT / "Dockerfile").read_text()

    def test_what_it_copies_is_there_and_nothing_else_is_sent_to_the_builder(self):
        build, _ = stages()
        copied = {name for kind, rest in build if kind == "COPY" for name in rest.split()[:-1]}
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        assert ignored[0] == "*" and copied == {line[1:] for line in ignored if line.startswith("!")}
        assert all((ROOT / name).exists() for name in copied)
        # What building the wheel needs: the readme and the licence that pyproject.toml names.
        assert {"README.md", "LICENSE"} <= copied

    def test_its_settings_are_options_of_the_server(self):
        _, image = stages()
        known = {each.envvar for each in _OPTIONS.values() if isinstance(each, Option) and each.envvar}
        found = environment(image)
        assert {name for name in found if name.startswith("CROSSLATE_")} <= known
        assert json.loads(instruction(image, "ENTRYPOINT")) + json.loads(instruction(image, "CMD")) == [
            "crosslate", "serve",
        ]  # fmt: skip
        assert instruction(image, "EXPOSE") == found["CROSSLATE_PORT"] == "5000"

    def test_its_health_is_the_servers(self, listen, make_server):
        _, image = stages()
        options, _, command = instruction(image, "HEALTHCHECK").partition(" CMD ")
        assert "--start-period=" in options
        program, *arguments = json.loads(command)
        assert program == "python"
        ready, loading = listen(), listen(make_server(is_loaded=False))
        for site, code in ((ready, 0), (loading, 1)):
            port = site.rstrip("/").rpartition(":")[2]
            done = subprocess.run(
                [sys.executable, *arguments], env={"CROSSLATE_PORT": port}, capture_output=True, timeout=60
            )
            assert done.returncode == code, done.stderr

    def test_compose(self):
        _, image = stages()
        found = yaml.safe_load((ROOT / "compose.yaml").read_text())
        service, places = found["services"]["crosslate"], environment(image)
        assert service["build"] == "." and service["read_only"] and service["cap_drop"] == ["ALL"]
        (port,) = service["ports"]
        assert port == f"127.0.0.1:5000:{places['CROSSLATE_PORT']}"
        mounts = dict(reversed(each.split(":")[:2]) for each in service["volumes"])
        for name in ("CROSSLATE_PARENT", "CROSSLATE_PACKS"):
            assert fnmatch(places[name], "/models/*") and mounts["/models"] == "./models"
        assert mounts[instruction(image, "VOLUME")] in found["volumes"]


def in_unit(tmp_path):
    """The unit with a program that exists in place of the installed one."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/crosslate/bin/crosslate", shutil.which("true")))
    return path


class TestUnit:
    @needs_systemd
    def test_systemd_finds_no_fault(self, tmp_path):
        command = ["systemd-analyze", "verify", str(in_unit(tmp_path))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        # Other units of the machine may have faults of their own.
        assert UNIT.name not in done.stdout + done.stderr and done.returncode == 0, done.stderr

    @needs_systemd
    def test_systemd_would_find_one(self, tmp_path):
        path = in_unit(tmp_path)
        path.write_text(path.read_text().replace("PrivateTmp=yes", "PrivateTmp=perhaps"))
        command = ["systemd-analyze", "verify", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert "perhaps" in done.stderr and UNIT.name in done.stderr

    def test_its_command_has_options_of_the_server(self):
        (line,) = re.findall(r"^ExecStart=(.*)", UNIT.read_text(), re.MULTILINE)
        program, command, *options = shlex.split(line)
        assert (Path(program).name, command) == ("crosslate", "serve")
        assert set(options[::2]) <= set(_OPTIONS)
        assert all(each.startswith("/var/lib/crosslate/") for each in options[1::2])


def test_the_guide_shows_the_unit():
    guide = (ROOT / "docs" / "guides" / "serving.md").read_text(encoding="utf-8")
    assert UNIT.read_text() in guide
