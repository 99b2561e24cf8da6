"""No file imports, even through others, one that imports it: not in functions, nor for type checkers alone."""

from __future__ import annotations

import grimp


def test_there_is_no_circle_of_imports():
    graph = grimp.build_graph("crosslate", cache_dir=None)
    # Its face gives names of all floors lazily. Removing the module would remove all below it, too.
    for imported in graph.find_modules_directly_imported_by("crosslate"):
        graph.remove_import(importer="crosslate", imported=imported)
    assert graph.count_imports() > 1000
    packages = {module for module in graph.modules if graph.find_children(module)}
    circles = {
        chain
        for module in graph.modules - packages
        for imported in graph.find_modules_directly_imported_by(module) - packages
        if (chain := graph.find_shortest_chain(imported, module))
    }
    assert not circles, circles
