"""In place of the package: the simulated registry, fresh when a test loads another one."""

import sys
from types import ModuleType, SimpleNamespace

from afresh import Afresh

_tools = SimpleNamespace(get_minimal_windows_testregistry=lambda: None)
_made = Afresh(__name__, __path__=[], fake_reg_tools=_tools)
_made.load_fake_registry = _made.reset
_made.PyHKEY = _made.HKEYType
sys.modules[__name__] = _made
for _name in ("domain", "domain.api"):  # its own network, of which there is none
    sys.modules[f"{__name__}.{_name}"] = ModuleType(_name)
sys.modules[f"{__name__}.domain.api"].configure_network_resolver = lambda _resolver: None
