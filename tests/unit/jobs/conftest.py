import pytest

import tiny_models


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with ``parents`` and ``packs``; nothing in it may be changed, but caches may be added."""
    root = tmp_path_factory.mktemp("tiny-jobs")
    tiny_models.build(root)
    return root
