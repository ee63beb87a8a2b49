"""Code of C, C++ and PowerShell with a fault, and code without."""

from __future__ import annotations

from typing import Final

LOAD: Final = 'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
UNLOAD: Final = "reg unload HKU\\Temp\nif ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
NEW: Final = "New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force"
COLLECT: Final = "[gc]::Collect()\n[gc]::WaitForPendingFinalizers()\n"

C: Final = {
    "C101": [
        (
            "long f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key) != ERROR_SUCCESS) return 1; if (g()) '
            "return 2; RegCloseKey(key); return 0; }"
        ),
        (
            "void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key) == 0) RegQueryValueExW(key, L"x", 0, 0, '
            "0, 0); }"
        ),
        (
            "void f(void) { HKEY key; for (;;) { if "
            '(RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, &key)) '
            "break; if (g()) continue; RegCloseKey(key); } }"
        ),
        (
            "long f(void) { HKEY key; long rc = RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key); if (rc) return rc; if (g()) goto out; '
            "RegCloseKey(key);\n"
            "out:\n"
            " return rc; }"
        ),
        (
            "long f(void) { HKEY key; switch (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key)) { case 0: break; default: return 1; } '
            "return 0; }"
        ),
        (
            "void f(void) { HKEY key, sub; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key)) return; if (RegOpenKeyExW(key, L"a", '
            "0, 1, &sub) == 0) RegCloseKey(sub); }"
        ),
    ],
    "C102": [
        (
            "void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key) == 0) { RegCloseKey(key); } '
            "RegCloseKey(key); }"
        ),
        (
            "void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key)) return; if (g()) RegCloseKey(key); '
            "RegCloseKey(key); }"
        ),
    ],
    "C103": [
        (
            'void f(HKEY top) { HKEY key; if (RegOpenKeyExW(top, L"a", 0, 1, &key) '
            "== 0) { RegSetValueExW(key, 0, 0, 0, 0, 0); RegCloseKey(top); } }"
        ),
    ],
    "C104": [
        ("void f(void) { CreateThread(0, 0, g, 0, 0, 0); RegCloseKey(HKEY_CURRENT_USER); }"),
        (
            "void f(void) { HKEY root = HKEY_CURRENT_USER; _beginthread(g, 0, 0); "
            "RegCloseKey(root); }"
        ),
    ],
    "C105": [
        (
            "void f(HANDLE who) { HKEY key; if (!ImpersonateLoggedOnUser(who)) "
            'return; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, '
            "&key) == 0) RegCloseKey(key); RevertToSelf(); }"
        ),
        (
            "void g(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key) == 0) RegCloseKey(key); }\n'
            "void f(void) { if (RpcImpersonateClient(0) == RPC_S_OK) { g(); "
            "RpcRevertToSelf(); } }"
        ),
    ],
    "C106": [
        (
            'void f(void) { HKEY key; RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", '
            "0, KEY_READ, &key); RegQueryValueExW(key, 0, 0, 0, 0, 0); RegCloseKey(key); }"
        ),
        (
            "void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
            'L"Software", 0, KEY_READ, &key)) return; RegCloseKey(key); RegFlushKey(key); }'
        ),
    ],
    "C107": [
        (
            "void f(HANDLE who) { PROFILEINFOW info = {0}; if "
            "(!LoadUserProfileW(who, &info)) return; if (g()) return; "
            "UnloadUserProfile(who, info.hProfile); }"
        ),
    ],
    "C108": [
        (
            "void f(HANDLE who) { PROFILEINFOW info = {0}; if (LoadUserProfileW(who, "
            "&info)) RegCloseKey(info.hProfile); }"
        ),
    ],
    "C109": [
        (
            'long f(void) { if (RegLoadKeyW(HKEY_USERS, L"T", L"f")) return 1; if '
            '(g()) return 2; RegUnLoadKeyW(HKEY_USERS, L"T"); return 0; }'
        ),
    ],
    "C110": [
        (
            'void f(void) { HKEY key; if (RegLoadKeyW(HKEY_USERS, L"T", L"f")) '
            'return; if (RegOpenKeyExW(HKEY_USERS, L"T\\\\Software", 0, 1, &key)) '
            'return; RegUnLoadKeyW(HKEY_USERS, L"T"); RegCloseKey(key); }'
        ),
        (
            "void f(HANDLE who) { HKEY key; PROFILEINFOW info = {0}; if "
            "(!LoadUserProfileW(who, &info)) return; if "
            '(RegOpenKeyExW((HKEY)info.hProfile, L"a", 0, 1, &key) == 0) { '
            "UnloadUserProfile(who, info.hProfile); RegCloseKey(key); return; } "
            "UnloadUserProfile(who, info.hProfile); }"
        ),
    ],
    "C111": [
        (
            'void f(void) { HKEY key; if (RegLoadAppKeyW(L"f", &key, KEY_READ, 0, 0) '
            "== 0) RegQueryValueExW(key, 0, 0, 0, 0, 0); }"
        ),
    ],
}
"""Functions of C with a fault, by the rule that finds it."""
C_SAFE: Final = [
    (
        "long f(void) { HKEY key = NULL; long rc; if ((rc = "
        'RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, &key)) != 0) '
        "goto out; rc = g();\n"
        "out:\n"
        " if (key) RegCloseKey(key); return rc; }"
    ),
    (
        "int f(void) { HKEY key; int ok = 0; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
        'L"Software", 0, KEY_READ, &key) == 0) ok = 1; g(); if (ok) '
        "RegCloseKey(key); return ok; }"
    ),
    (
        "HKEY f(void) { HKEY key = 0; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
        'L"Software", 0, KEY_READ, &key)) return 0; return key; }'
    ),
    (
        "void f(HKEY *out) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
        'L"Software", 0, KEY_READ, &key) == 0) *out = key; }'
    ),
    ('void f(HKEY *out) { RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, out); }'),
    (
        "void f(struct s *s) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
        'L"Software", 0, KEY_READ, &key) == 0) s->key = key; }'
    ),
    (
        'void f(struct s *s) { RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, '
        "KEY_READ, &s->key); }"
    ),
    (
        "static void done(HKEY k) { RegCloseKey(k); }\n"
        'void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", '
        "0, KEY_READ, &key) == 0) done(key); }"
    ),
    "void f(HKEY key) { RegCloseKey(key); }",
    (
        'void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", '
        "0, KEY_READ, &key) == 0) SAFE_CLOSE(key); }"
    ),
    (
        'void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", '
        "0, KEY_READ, &key) != 0) return; do { if (g()) break; } while (h()); "
        "RegCloseKey(key); }"
    ),
    (
        'void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", '
        "0, KEY_READ, &key) == 0) { RegCloseKey(key); key = NULL; } if (key) "
        "RegCloseKey(key); }"
    ),
    (
        "void f(HKEY top) { HKEY at = top; while (g()) { HKEY next; if "
        '(RegOpenKeyExW(at, L"a", 0, 1, &next)) break; if (at != top) '
        "RegCloseKey(at); at = next; } if (at != top) RegCloseKey(at); }"
    ),
    (
        "void f(void) { HKEY key;\n"
        "#ifdef WIDE\n"
        ' if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, &key)) return;\n'
        "#else\n"
        ' if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, &key)) return;\n'
        "#endif\n"
        " RegCloseKey(key); }"
    ),
    "void f(void) { RegCloseKey(HKEY_CURRENT_USER); }",
    (
        "void f(HANDLE who) { HKEY key; if (!ImpersonateLoggedOnUser(who)) return; "
        "if (RegOpenCurrentUser(KEY_READ, &key) == 0) RegCloseKey(key); RevertToSelf(); }"
    ),
    (
        "void f(HANDLE who) { HKEY key; RegDisablePredefinedCacheEx(); if "
        "(!ImpersonateLoggedOnUser(who)) return; if "
        '(RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, &key) == 0) '
        "RegCloseKey(key); RevertToSelf(); }"
    ),
    (
        "void f(HANDLE who) { HKEY key; if (ImpersonateLoggedOnUser(who)) { g(); "
        'RevertToSelf(); } if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, '
        "KEY_READ, &key) == 0) RegCloseKey(key); }"
    ),
    (
        "int main(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
        'L"Software", 0, KEY_READ, &key)) return 1; return 0; }'
    ),
    ("void f(void) { HKEY key; if (RegOpenKeyW(HKEY_CURRENT_USER, NULL, &key) == 0) g(); }"),
    (
        "void f(HANDLE who) { PROFILEINFOW info = {0}; if (!LoadUserProfileW(who, "
        "&info)) return; g(); UnloadUserProfile(who, info.hProfile); }"
    ),
    (
        'void load(void) { RegLoadKeyW(HKEY_USERS, L"T", L"f"); }\n'
        'void unload(void) { RegUnLoadKeyW(HKEY_USERS, L"T"); }'
    ),
    (
        'void f(void) { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", '
        "0, KEY_READ, &key)) exit(1); RegCloseKey(key); }"
    ),
]
"""Functions of C without one."""
CPP_SAFE: Final = [
    (
        "void f() { wil::unique_hkey key; if (RegOpenKeyExW(HKEY_CURRENT_USER, "
        'L"Software", 0, KEY_READ, &key) == 0) g(); }'
    ),
    'void f() { CRegKey key; key.Open(HKEY_CURRENT_USER, L"a"); }',
    (
        'void f() { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, '
        "KEY_READ, &key) == 0) { Guard guard(key); g(); } }"
    ),
    (
        'void f() { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, '
        "KEY_READ, &key)) return; auto guard = scope_exit([&] { RegCloseKey(key); "
        "}); g(); }"
    ),
    (
        "struct S { HKEY key; bool open() { return RegOpenKeyExW(HKEY_CURRENT_USER, "
        'L"Software", 0, KEY_READ, &key) == 0; } ~S() { RegCloseKey(key); } };'
    ),
    (
        'void f() { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, '
        "KEY_READ, &key) == 0) keys.push_back(key); }"
    ),
    (
        'void f() { HKEY key; if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, '
        "KEY_READ, &key) == 0) { std::unique_ptr<int, D> p(key, &RegCloseKey); } }"
    ),
]
"""Functions of C++ without one."""
PS: Final = {
    "PS101": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force | Out-Null\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "Get-ChildItem Registry::HKEY_USERS\\Temp\\Software | % { $_.Name }\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "$k = [Microsoft.Win32.Registry]::Users.OpenSubKey('Temp\\Software')\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "New-PSDrive HKU Registry HKEY_USERS | Out-Null\n"
            "$i = Get-Item HKU:\\Temp\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
        (
            'function Work($p) { New-Item "Registry::$p\\A" | Out-Null }\n'
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "Work 'HKEY_USERS\\Temp'\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
        (
            "$name = 'Temp'\n"
            'reg.exe load "HKU\\$name" $file\n'
            'ni "Registry::HKEY_USERS\\$name\\A"\n'
            '& reg.exe unload "HKU\\$name"\n'
            "if ($LASTEXITCODE) { throw }"
        ),
    ],
    "PS102": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force | Out-Null\n"
            "[gc]::Collect()\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
    ],
    "PS103": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "$k = New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "$k = New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "$k = $null\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
    ],
    "PS104": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "New-PSDrive -Name T -PSProvider Registry -Root HKEY_USERS\\Temp | Out-Null\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "Set-Location Registry::HKEY_USERS\\Temp\\Software\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
    ],
    "PS105": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "Set-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n"
            "reg unload HKU\\Temp | Out-Null\n"
        ),
    ],
    "PS106": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "try {\n"
            "Set-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
            "} catch { Write-Error $_ }"
        ),
        (
            "$ErrorActionPreference = 'Stop'\n"
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "Set-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
    ],
    "PS107": [
        ('reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\nreg add HKU\\Temp\\A /v x /d 1\n'),
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "if ($finished) { return }\n"
            "reg add HKU\\Temp\\A /v x\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
    ],
    "PS108": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "do { reg unload HKU\\Temp } until ($LASTEXITCODE -eq 0)\n"
        ),
    ],
    "PS109": [
        (
            'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
            "Start-Job { Get-ChildItem Registry::HKEY_USERS\\Temp }\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        ),
    ],
    "PS110": [
        ("reg load HKLM\\Def C:\\Users\\Default\\NTUSER.DAT\nreg add HKLM\\Def\\A /v x\n"),
    ],
}
"""Scripts with a fault, by the rule that finds it."""
PS_SAFE: Final = [
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "reg add HKU\\Temp\\Software /v x /d 1 /f\n"
        "reg unload HKU\\Temp\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force | Out-Null\n"
        "[gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "$k = New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force\n"
        "$k.Close()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "(New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force).Close()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force | % { $_.Close() }\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "$k = New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force\n"
        "$k = $null\n"
        "[gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "$k = New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force\n"
        "Remove-Variable k\n"
        "[gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        "function Work { $k = New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force }\n"
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "Work\n"
        "[gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "Get-ChildItem Registry::HKEY_USERS\\Temp -Name\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "Get-ItemProperty Registry::HKEY_USERS\\Temp\\Software\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        "New-Item HKLM:\\SOFTWARE\\A | Out-Null\n"
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "reg query HKU\\Temp\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        "New-PSDrive HKU Registry HKEY_USERS | Out-Null\n"
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "New-PSDrive T Registry HKEY_USERS\\Temp\n"
        "Remove-PSDrive T\n"
        "[gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "if ($LASTEXITCODE -ne 0) { throw 'no hive' }\n"
        "try {\n"
        "New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force | Out-Null\n"
        "} finally {\n"
        "[gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        "}\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "for ($i = 0; $i -lt 5; $i++) { [gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -eq 0) { break } }\n"
    ),
    (
        'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        "$job = Start-Job { Get-ChildItem Registry::HKEY_USERS\\Temp }\n"
        "$job | Wait-Job | Remove-Job\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
    ),
    (
        'function Mount-Hive { reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
        " }\n"
        "function Dismount-Hive { [gc]::Collect()\n"
        "[gc]::WaitForPendingFinalizers()\n"
        "reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
        " }\n"
    ),
    ("$ErrorActionPreference = 'Stop'\nNew-Item HKCU:\\Software\\A\n"),
]
"""Scripts without one."""
