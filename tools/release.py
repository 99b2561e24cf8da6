"""What a release consists of, in ``build/release``: ``make release``, with ``TAG=yes`` the release itself.

    python -m tools.release [--tag]

Wheel and sdist are built twice, in different folders, and must be the same bytes; twine checks them. Beside
them are the notes, a list of the packages that they need (CycloneDX) and the hashes of all. In the changelog,
what is unreleased gets version and date; with ``--tag`` this is committed and tagged. Nothing is uploaded.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import distribution
from pathlib import Path

from benchmarks.environments import peer_python
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
OUT = ROOT / "build" / "release"
HEADING = "## Unreleased\n"
# What the image has; other extras are for work on models.
EXTRAS = ("serve",)
# Where the version stands, beside pyproject.toml.
_VERSIONS = {"src/crosslate/__init__.py": r'__version__ = "(.*)"', "CITATION.cff": r"version: (.*)"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tag", action="store_true", help="date the changelog, commit and tag")
    is_real = parser.parse_args().tag
    version = the_version(ROOT)
    found = faults(ROOT, version)
    for fault in found:
        print(f"{'not released' if is_real else 'would not be released'}: {fault}", file=sys.stderr)
    if found and is_real:
        sys.exit(1)
    epoch = int(time.time()) if is_real else int(git(ROOT, "log", "-1", "--format=%ct"))
    day = datetime.fromtimestamp(epoch, timezone.utc).date().isoformat()
    changelog, notes = dated((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version, day)
    make(ROOT, OUT, version, epoch, changelog, notes)
    for line in (OUT / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        print(line)
    if is_real:
        (ROOT / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
        when = {"GIT_AUTHOR_DATE": f"@{epoch} +0000", "GIT_COMMITTER_DATE": f"@{epoch} +0000"}
        git(ROOT, "commit", "--quiet", "--message", f"Release {version}", "CHANGELOG.md", **when)
        git(
            ROOT,
            "tag",
            "--annotate",
            f"v{version}",
            "--file",
            str(OUT / "NOTES.md"),
            "--cleanup=verbatim",
            **when,
        )
        print(f"tagged v{version}; push it, and upload what is in {OUT}")


def the_version(root: Path) -> str:
    """The version in ``pyproject.toml``."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'^version = "(.*)"$', text, re.MULTILINE)[0]


def faults(root: Path, version: str) -> list[str]:
    """Why this state of a repository cannot be released."""
    found = []
    for name, pattern in _VERSIONS.items():
        (other,) = re.findall(f"^{pattern}$", (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        if other != version:
            found.append(f"the version is {version} in pyproject.toml and {other} in {name}; make them equal")
    if changes := git(root, "status", "--porcelain"):
        num_changes = len(changes.splitlines())
        found.append(f"{num_changes} files differ from the last commit; commit them, or put them away")
    if git(root, "tag", "--list", f"v{version}"):
        found.append(f"v{version} is tagged already; raise the version")
    try:
        dated((root / "CHANGELOG.md").read_text(encoding="utf-8"), version, "")
    except ValueError as error:
        found.append(str(error))
    return found


def dated(changelog: str, version: str, day: str) -> tuple[str, str]:
    """The changelog with its unreleased part under this version, and that part.

    Raises:
        ValueError: there is no such part, or nothing in it.
    """
    head, found, rest = changelog.partition(HEADING)
    notes, _, _ = rest.partition("\n## ")
    if not found or not re.search(r"^- ", notes, re.MULTILINE):
        raise ValueError("CHANGELOG.md has nothing under 'Unreleased'; write what has changed")
    return f"{head}{HEADING}\n## {version} ({day})\n{rest}", notes.strip() + "\n"


def make(root: Path, out: Path, version: str, epoch: int, changelog: str, notes: str) -> None:
    """Writes everything that a release consists of.

    Args:
        epoch: seconds since 1970, the time of all files in the artefacts.
        changelog: in place of the committed one.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        built = []
        for place in (first, second):
            source = Path(place) / "source"
            export(root, source)
            (source / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
            built.append({path.name: path for path in build(source, Path(place) / "dist", epoch)})
        differing = [name for name, path in built[0].items() if sha256(path) != sha256(built[1][name])]
        if differing:
            sys.exit(f"{', '.join(differing)}: two builds of the same source differ; find out by what")
        for path in built[0].values():
            shutil.copy(path, out)
    (out / "NOTES.md").write_text(notes, encoding="utf-8")
    write_bill(root, out / f"crosslate-{version}.cdx.json", epoch)
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(out.iterdir())]
    (out / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def export(root: Path, folder: Path) -> None:
    """Writes the last commit's files, and nothing that lies beside them."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=root, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def build(source: Path, out: Path, epoch: int) -> list[Path]:
    """Builds the sdist, and the wheel from it; checked by twine."""
    python = peer_python("packaging")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    command = [python, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    found = sorted(out.iterdir())
    check = [python, "-m", "twine", "check", "--strict", *map(str, found)]
    subprocess.run(check, check=True, stdout=sys.stderr)
    return found


def write_bill(root: Path, path: Path, epoch: int) -> None:
    """Writes the list of the packages that this version was tested with and needs to serve, as CycloneDX."""
    program = str(Path(peer_python("packaging")).with_name("cyclonedx-py"))
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", "-o", str(path)]
    pins = "".join(f"{name}=={version}\n" for name, version in needed("crosslate", EXTRAS).items())
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    command = [program, "requirements", *options, "-"]
    subprocess.run(command, cwd=root, check=True, env=environment, input=pins, text=True)


def needed(name: str, extras: Iterable[str]) -> dict[str, str]:
    """The installed packages that one needs, directly or not, without itself; names to public versions."""
    found: dict[str, str] = {}
    waiting = [(name, frozenset(extras))]
    seen = set(waiting)
    while waiting:
        package, wanted = waiting.pop()
        known = distribution(package)
        if package != name:
            found[package] = known.version.partition("+")[0]
        for line in known.requires or ():
            requirement = Requirement(line)
            markers = [{"extra": extra} for extra in ("", *wanted)]
            if requirement.marker is None or any(map(requirement.marker.evaluate, markers)):
                item = (canonicalize_name(requirement.name), frozenset(requirement.extras))
                if item not in seen:
                    seen.add(item)
                    waiting.append(item)
    return dict(sorted(found.items()))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git(root: Path, *arguments: str, **environment: str) -> str:
    """The output of a git command."""
    command = ["git", *arguments]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
