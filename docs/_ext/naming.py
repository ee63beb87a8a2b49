"""Names in signatures and docstrings, each looked up once: Sphinx goes through all at every use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.domains.python import PythonDomain

if TYPE_CHECKING:
    from sphinx.domains.python import ObjectEntry
    from sphinx.environment import BuildEnvironment

    Asked = tuple[str | int | None, ...]
    Meant = list[tuple[str, ObjectEntry]]


class Names(PythonDomain):
    """The Python domain, asked when all pages have been read and no name comes or goes any more."""

    def find_obj(self, env: BuildEnvironment, *name: str | int | None) -> Meant:
        """Return what *name* may mean, seen from the module and class that are its first parts."""
        found: dict[Asked, Meant] = self.__dict__.setdefault("_found", {})
        if name not in found:
            found[name] = super().find_obj(env, *name)
        return found[name]
