"""A verdict as the result of a test, in JUnit's form, with the plugin's properties."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from regsim.live.recording import Recorded
from regsim.policy import Dialect
from regsim.report.text.evidence import as_text
from regsim.testing.github import PROPERTY
from regsim.trace.finding import Conclusion

_UNSPEAKABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def leaks(done: Recorded) -> list[str]:
    """Return a line for each handle that certainly blocks, as the pytest plugin words it."""
    found = []
    for blocker in done.finding.certain:
        handle = f"; handle {blocker.handle:#x}" if blocker.handle is not None else ""
        how = "implicit" if blocker.implicit else "asked for"
        source = f"; opened at {blocker.source}" if blocker.source else ""
        found.append(f"{blocker.key}{handle}; {how}{source}")
    return found


def junit(done: Recorded, dialect: Dialect) -> str:
    """Return the file: one test, which fails if something blocks, and errs if it cannot be told."""
    conclusion = done.finding.conclusion
    suite = ET.Element("testsuite", name="regsim record", tests="1")
    suite.set("failures", str(int(conclusion is Conclusion.BLOCKED)))
    suite.set("errors", str(int(conclusion is Conclusion.INCONCLUSIVE)))
    name = f"{done.program} on {dialect.name}"
    case = ET.SubElement(suite, "testcase", classname="regsim.record", name=_plain(name))
    found = leaks(done)
    if found:
        properties = ET.SubElement(case, "properties")
        for value in found:
            ET.SubElement(properties, "property", name=PROPERTY, value=_plain(value))
    if conclusion is not Conclusion.CLEAR:
        text = _plain(as_text(done.finding, dialect))
        word = "failure" if conclusion is Conclusion.BLOCKED else "error"
        ET.SubElement(case, word, message=text.partition("\n")[0]).text = text
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, "unicode", xml_declaration=True) + "\n"


def _plain(text: str) -> str:
    """Return *text* without what XML cannot hold."""
    return _UNSPEAKABLE.sub("?", text)
