"""Pages that need nothing else: what they allow themselves, and data that no name can break out of.

The policy (CSP) of such a page allows its one script and its one style by their hashes and nothing
else; names out of evidence are data in it, which the script writes as text only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources


def policy(style: str, script: str) -> str:
    """Return the policy of a page with that style and that script, and no other."""
    return (
        "default-src 'none'; "
        f"script-src {hash_of(script)}; style-src {hash_of(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def asset(package: str, name: str) -> str:
    """Return the file called *name* in the folder ``static`` of *package*."""
    return (resources.files(package) / "static" / name).read_text(encoding="utf-8")


def filled(page: str, texts: Mapping[str, str]) -> str:
    """Return *page* with each ``@NAME@`` in it replaced by the text of that name."""
    return re.sub("@([A-Z]+)@", lambda mark: texts[mark[1]], page)


def hash_of(text: str) -> str:
    """Return what a policy calls the script or style that *text* is."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def embed(body: object) -> str:
    """Return *body* as JSON that ends no script element, whatever its texts are."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
