"""docs/recipes.md is what the code says."""

from pathlib import Path

from crosslate.studies.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "recipes.md"


def test_the_page_is_made_from_the_code():
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "write it anew: python -c 'from pathlib import Path; from crosslate.studies.reference import reference; "
        'Path("docs/recipes.md").write_text(reference(), encoding="utf-8")\''
    )


def test_every_key_is_explained():
    for line in reference().splitlines():
        if line.startswith("| `"):
            assert line.rstrip(" |").count("|") >= 4, line
