"""The routes. A module in this folder holds one, or a few that belong together, in its ``router``.

A new route is a new module: nothing else lists them. Its requests are declared as
:class:`~crosslate.server.requests.Fields`, its answers as :class:`~crosslate.server.answers.Answer`; from
both, and from the docstrings of its functions, FastAPI makes the description of the API.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from fastapi.routing import APIRoute


def routes() -> list[APIRoute]:
    """The routes of every module in this folder; each is tried in turn, so ``translate`` comes first."""
    names = sorted((module.name for module in iter_modules(__path__)), reverse=True)
    found = [route for name in names for route in import_module(f"{__name__}.{name}").router.routes]
    for route in found:
        route.operation_id = route.name  # what programs made from the description call it
    return found
