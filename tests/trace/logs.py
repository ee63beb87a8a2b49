"""Logs of scripts and programs, and the incident that each resembles."""

from __future__ import annotations

import json
from typing import Final

LOGS: Final[dict[str, tuple[str, str | None]]] = {
    "a console": ("PS C:\\> reg unload HKLM\\VDOT_TEMP\nERROR: Access is denied.\n", "reg-load"),
    "a German console": (
        "C:\\>reg unload HKU\\TEMP\nFEHLER: Zugriff verweigert\n",
        "reg-load",
    ),
    "a German console that cannot load": (
        (
            "C:\\>reg load HKU\\TEMP C:\\x.dat\nFEHLER: Der Prozess kann nicht auf die Datei "
            "zugreifen, da sie von einem anderen Prozess verwendet wird.\n"
        ),
        "reg-load",
    ),
    "a console, unloaded": (
        "C:\\>reg unload HKU\\TEMP\nThe operation completed successfully.\n",
        None,
    ),
    "PSADT": (
        (
            "[Installation] :: REG.exe failed to unload the registry hive and exited with exit "
            "code "
            "[1]. "
            "Performing manual garbage collection to ensure successful unloading of registry "
            "hive.\n"
        ),
        "reg-load",
    ),
    "ansible": (
        json.dumps(
            {
                "changed": False,
                "msg": "failed to unload registry hive HKLM:\\ANSIBLE from "
                "C:\\Users\\Default\\NTUSER.dat: Access is denied, Win32ErrorCode 5",
            }
        ),
        "reg-load",
    ),
    "COM+": (
        (
            "Retrieving the COM class factory failed due to the following error: 800703fa Illegal "
            "operation attempted on a registry key that has been marked for deletion. (0x800703FA)"
        ),
        "q2287297",
    ),
    "an app's container": (
        (
            "Microsoft-Windows-AppModel-Runtime 215: 0x80070020: Cannot create the Desktop AppX "
            "container "
            "for package Contoso.App_1.0_x64 because an error was encountered converting the job."
        ),
        "msix-silo",
    ),
    "an unload of a container's hive": (
        (
            "NtUnloadKey(\\REGISTRY\\WC\\Silo0b1e0000-0000-4000-8000-000000000001user_sid): "
            "0xC0000121\n"
        ),
        "msix-silo",
    ),
    "a load of what merely is called so": (
        (
            "C:\\>reg load HKU\\TEMP C:\\silo\\packages\\x.dat\nERROR: 0x80070020, being used by "
            "another process\n"
        ),
        "reg-load",
    ),
    "a dialog": (
        (
            "C:\\Program Files\\WindowsApps\\Contoso.App_1.0.0.0_x64__8wekyb3d8bbwe\nAnother "
            "program is currently using this file (-2147024864)\n"
        ),
        "msix-silo",
    ),
    "a package in use": (
        (
            "Add-AppxPackage : Deployment failed with HRESULT: 0x80073D02, the resources it "
            "modifies are currently in use.\n"
        ),
        "msix-silo",
    ),
    "a session of SSH": (
        (
            "sshd[812]: session 2: RegSetValueEx: Illegal operation attempted on a registry key "
            "that has been marked for deletion (1018)\n"
        ),
        "second-session",
    ),
    "files that stay in use after SSH": (
        (
            "After the last OpenSSH session C:\\Users\\bob\\NTUSER.DAT is still in use by System; "
            "sshd calls LoadUserProfile and never unloads.\n"
        ),
        "second-session",
    ),
    "folders of temporary profiles": (
        (
            "C:\\Users\\TEMP.HOST.001\nC:\\Users\\TEMP.HOST.002\nHKLM\\SOFTWARE\\Microsoft"
            "\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-1001.bak\n"
        ),
        "temp-profiles",
    ),
}
"""Logs of what failed with a hive, and the incident that each resembles (None: none)."""
