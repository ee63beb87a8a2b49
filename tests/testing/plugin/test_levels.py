"""What a leak does that a block finds: what the run says, or the block itself."""

from __future__ import annotations

import pytest
from plugin_runs import run, told

from regsim.errors import UsageError
from regsim.testing import fake_winreg

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("not_in_a_workflow")


LEVELS = """
@pytest.fixture(scope="module")
def shared():
    with fake_winreg({given}) as registry:
        yield registry

def test_shares(shared):
    use(shared.winreg, True)

def test_own():
    with fake_winreg({given}) as registry:
        use(registry.winreg, True)
"""


@pytest.mark.parametrize(
    ("given", "option", "level"),
    [
        ("", "error", "error"),
        ("", "warn", "warn"),
        ("", "off", "off"),
        ("leaks=True", "off", "error"),
        ("leaks='warn'", "off", "warn"),
        ("leaks=False", "error", "off"),
        ("leaks='off'", "error", "off"),
    ],
)
def test_a_block_does_what_the_run_says(pytester, given: str, option: str, level: str) -> None:
    """A leak of a block fails, warns or is nothing, as --registry-leaks or the block says."""
    source = LEVELS.format(given=given)
    option = f"--registry-leaks={option}"
    result = run(pytester, source, option, "-Wdefault", "--junitxml=out.xml")

    failed = 2 if level == "error" else 0
    result.assert_outcomes(failed=failed, passed=2 - failed, warnings=2 * (level == "warn"))
    assert ("RegistryLeakWarning" in result.stdout.str()) is (level == "warn")
    leaks = {name: found[0] for name, found in told(pytester).items()}
    assert leaks == dict.fromkeys(("test_shares", "test_own"), 0 if level == "off" else 1)


def test_a_level_that_there_is_none_of_is_refused() -> None:
    """At once, before any block begins."""
    with pytest.raises(UsageError, match="leaks is 'maybe'; it can be one of error, warn, off"):
        fake_winreg(leaks="maybe")
