"""platformdirs: the folders of Windows, by ctypes, registry and environment."""

from __future__ import annotations

import pytest


@pytest.mark.registry(patch=["platformdirs"], looks_like_windows=True)
def test_folders() -> None:
    """They are those of the simulated user, whichever way they are asked for."""
    import platformdirs  # noqa: PLC0415 - seen on Windows alone
    from platformdirs import windows  # noqa: PLC0415

    local, roaming = r"C:\Users\user\AppData\Local", r"C:\Users\user\AppData\Roaming"
    assert platformdirs.user_data_dir("A", "B") == rf"{local}\B\A"
    assert platformdirs.user_config_dir("A", "B", roaming=True) == rf"{roaming}\B\A"
    assert windows.get_win_folder_from_registry("CSIDL_LOCAL_APPDATA") == local
    assert windows.get_win_folder_from_env_vars("CSIDL_APPDATA") == roaming
