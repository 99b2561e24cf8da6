"""docs/recipes.md is made from the settings that read recipes."""

from tools.recipe_page import PAGE, reference


def test_the_page_is_made_from_the_code_and_explains_every_key():
    assert PAGE.read_text(encoding="utf-8") == reference(), "regenerate it: python -m tools.recipe_page"
    for line in reference().splitlines():
        if line.startswith("| `"):
            assert line.rstrip(" |").count("|") >= 4, line
