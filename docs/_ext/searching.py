"""The search of the pages: numbers are words, since people have the number of an event or error."""

from __future__ import annotations

from sphinx.search.en import SearchEnglish


class Search(SearchEnglish):
    """English with numbers, which Sphinx leaves out of its index and out of what is asked.

    What it takes for a number is all digits, so here and in the page each gets a letter in front.
    """

    js_splitter_code = r"""
var splitQuery = (query) =>
  (query.match(/[\p{Letter}\p{Number}_]+/gu) || []).map((word) => word.replace(/^\d+$/, "n$&"));
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 - the name is Sphinx's
        """Return the words of *input*."""
        return [f"n{word}" if word.isdigit() else word for word in super().split(input)]
