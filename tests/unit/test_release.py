"""Releases: what is refused, the dated changelog, the list of packages, commit and tag."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import version as installed_version

import pytest
from tools import release

CHANGELOG = """# Changelog

## Unreleased

Some words.

### Added

- A thing.

## 0.1.0 (2026-01-31)

- The first thing.
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A clean one of a version 0.2.0, without tags."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")
    root = tmp_path / "repository"
    (root / "src" / "crosslate").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    (root / "src" / "crosslate" / "__init__.py").write_text('__version__ = "0.2.0"\n')
    (root / "CITATION.cff").write_text("version: 0.2.0\n")
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "First"]):
        release.git(root, *command)
    return root


def test_a_clean_repository_can_be_released(repository):
    assert release.the_version(repository) == "0.2.0"
    assert release.faults(repository, "0.2.0") == []


def test_what_is_refused(repository):
    (repository / "CITATION.cff").write_text("version: 0.1.0\n")
    (repository / "CHANGELOG.md").write_text(CHANGELOG.replace("- A thing.", ""))
    release.git(repository, "tag", "v0.2.0")
    assert release.faults(repository, "0.2.0") == [
        "the version is 0.2.0 in pyproject.toml and 0.1.0 in CITATION.cff; make them equal",
        "2 files differ from the last commit; commit them, or put them away",
        "v0.2.0 is tagged already; raise the version",
        "CHANGELOG.md has nothing under 'Unreleased'; write what has changed",
    ]


def test_the_changelog_is_dated():
    changelog, notes = release.dated(CHANGELOG, "0.2.0", "2026-12-01")
    assert changelog == CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n## 0.2.0 (2026-12-01)\n")
    assert notes == "Some words.\n\n### Added\n\n- A thing.\n"
    # Now there is nothing unreleased.
    with pytest.raises(ValueError, match="nothing under"):
        release.dated(changelog, "0.3.0", "2026-12-02")


def test_what_is_needed_to_serve():
    found = release.needed("crosslate", release.EXTRAS)
    assert {"torch", "fastapi", "starlette", "numpy", "pydantic-core"} <= set(found)
    assert not {"crosslate", "pytest", "mkdocs", "ray"} & set(found)
    assert found["torch"] == installed_version("torch").partition("+")[0]
    assert "fastapi" not in release.needed("crosslate", ())


def test_only_what_is_committed_is_exported(repository, tmp_path):
    (repository / "secret.txt").write_text("x")
    (repository / "CHANGELOG.md").write_text("changed")
    release.export(repository, tmp_path / "out")
    assert not (tmp_path / "out" / "secret.txt").exists()
    assert (tmp_path / "out" / "CHANGELOG.md").read_text() == CHANGELOG


def built(monkeypatch, differ=False):
    """Replaces the tools that are installed with pip: artefacts hold the changelog."""
    times = []

    def build(source, out, epoch):
        times.append(epoch)
        out.mkdir()
        path = out / "crosslate-0.2.0.tar.gz"
        path.write_text((source / "CHANGELOG.md").read_text() + (str(out) if differ else ""))
        return [path]

    monkeypatch.setattr(release, "build", build)
    monkeypatch.setattr(release, "write_bill", lambda root, path, epoch: path.write_text("{}"))
    return times


def run(monkeypatch, repository, *arguments):
    monkeypatch.setattr(release, "ROOT", repository)
    monkeypatch.setattr(release, "OUT", repository.parent / "release")
    monkeypatch.setattr(sys, "argv", ["release", *arguments])
    monkeypatch.chdir(repository)
    release.main()
    return repository.parent / "release"


def test_a_dry_run_changes_nothing(repository, monkeypatch, capsys):
    times = built(monkeypatch)
    before = release.git(repository, "rev-parse", "HEAD")
    out = run(monkeypatch, repository)
    assert release.git(repository, "rev-parse", "HEAD") == before
    assert release.git(repository, "status", "--porcelain") == release.git(repository, "tag") == ""
    assert times == [int(release.git(repository, "log", "-1", "--format=%ct"))] * 2
    sums = (out / "SHA256SUMS").read_text()
    names = ["NOTES.md", "crosslate-0.2.0.cdx.json", "crosslate-0.2.0.tar.gz"]
    assert [line.split("  ")[1] for line in sums.splitlines()] == names
    assert hashlib.sha256((out / "NOTES.md").read_bytes()).hexdigest() in sums
    assert capsys.readouterr().out == sums


def test_a_release_is_committed_and_tagged_as_it_was_built(repository, monkeypatch, capsys):
    times = built(monkeypatch)
    out = run(monkeypatch, repository, "--tag")
    assert release.git(repository, "log", "-1", "--format=%s %ct") == f"Release 0.2.0 {times[0]}"
    assert release.git(repository, "describe") == "v0.2.0"
    assert release.git(repository, "tag", "--list", "--format=%(contents)", "v0.2.0").startswith(
        "Some words."
    )
    assert (out / "crosslate-0.2.0.tar.gz").read_text() == (repository / "CHANGELOG.md").read_text()
    assert release.git(repository, "status", "--porcelain") == ""
    with pytest.raises(SystemExit):
        run(monkeypatch, repository, "--tag")
    assert "v0.2.0 is tagged already" in capsys.readouterr().err


def test_builds_that_differ_are_no_release(repository, monkeypatch):
    built(monkeypatch, differ=True)
    with pytest.raises(SystemExit, match=r"crosslate-0.2.0.tar.gz: two builds of the same source differ"):
        run(monkeypatch, repository)
