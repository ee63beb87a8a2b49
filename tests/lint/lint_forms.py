"""Code with a fault and the same without it, a pair for each rule and each way to be without."""

from __future__ import annotations

from typing import Final

OPEN: Final = 'RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, &key)'

C: Final = {
    "C101": [
        (
            f"long f(void) {{ HKEY key; if ({OPEN} != ERROR_SUCCESS) return 1; if (g()) return 2;"
            " RegCloseKey(key); return 0; }"
        ),
        f'void f(void) {{ HKEY key; if ({OPEN} == 0) RegQueryValueExW(key, L"x", 0, 0, 0, 0); }}',
        (
            f"void f(void) {{ HKEY key; for (;;) {{ if ({OPEN}) break; if (g()) continue;"
            " RegCloseKey(key); } }"
        ),
        (
            f"long f(void) {{ HKEY key; long rc = {OPEN}; if (rc) return rc; if (g()) goto out;"
            " RegCloseKey(key);\nout:\n return rc; }"
        ),
        (
            f"long f(void) {{ HKEY key; switch ({OPEN}) {{ case 0: break; default: return 1; }}"
            " return 0; }"
        ),
        (
            f"void f(void) {{ HKEY key, sub; if ({OPEN}) return;"
            ' if (RegOpenKeyExW(key, L"a", 0, 1, &sub) == 0) RegCloseKey(sub); }'
        ),
    ],
    "C102": [
        f"void f(void) {{ HKEY key; if ({OPEN} == 0) {{ RegCloseKey(key); }} RegCloseKey(key); }}",
        (
            f"void f(void) {{ HKEY key; if ({OPEN}) return; if (g()) RegCloseKey(key);"
            " RegCloseKey(key); }"
        ),
    ],
    "C103": [
        (
            'void f(HKEY top) { HKEY key; if (RegOpenKeyExW(top, L"a", 0, 1, &key) == 0)'
            " { RegSetValueExW(key, 0, 0, 0, 0, 0); RegCloseKey(top); } }"
        ),
    ],
    "C104": [
        "void f(void) { CreateThread(0, 0, g, 0, 0, 0); RegCloseKey(HKEY_CURRENT_USER); }",
        "void f(void) { HKEY root = HKEY_CURRENT_USER; _beginthread(g, 0, 0); RegCloseKey(root); }",
    ],
    "C105": [
        (
            "void f(HANDLE who) { HKEY key; if (!ImpersonateLoggedOnUser(who)) return;"
            f" if ({OPEN} == 0) RegCloseKey(key); RevertToSelf(); }}"
        ),
        (
            f"void g(void) {{ HKEY key; if ({OPEN} == 0) RegCloseKey(key); }}\n"
            "void f(void) { if (RpcImpersonateClient(0) == RPC_S_OK) { g(); RpcRevertToSelf(); } }"
        ),
    ],
    "C106": [
        f"void f(void) {{ HKEY key; {OPEN}; RegQueryValueExW(key, 0, 0, 0, 0, 0); RegCloseKey(key); }}",
        f"void f(void) {{ HKEY key; if ({OPEN}) return; RegCloseKey(key); RegFlushKey(key); }}",
    ],
    "C107": [
        (
            "void f(HANDLE who) { PROFILEINFOW info = {0}; if (!LoadUserProfileW(who, &info)) return;"
            " if (g()) return; UnloadUserProfile(who, info.hProfile); }"
        ),
    ],
    "C108": [
        (
            "void f(HANDLE who) { PROFILEINFOW info = {0}; if (LoadUserProfileW(who, &info))"
            " RegCloseKey(info.hProfile); }"
        ),
    ],
    "C109": [
        (
            'long f(void) { if (RegLoadKeyW(HKEY_USERS, L"T", L"f")) return 1; if (g()) return 2;'
            ' RegUnLoadKeyW(HKEY_USERS, L"T"); return 0; }'
        ),
    ],
    "C110": [
        (
            'void f(void) { HKEY key; if (RegLoadKeyW(HKEY_USERS, L"T", L"f")) return;'
            ' if (RegOpenKeyExW(HKEY_USERS, L"T\\\\Software", 0, 1, &key)) return;'
            ' RegUnLoadKeyW(HKEY_USERS, L"T"); RegCloseKey(key); }'
        ),
        (
            "void f(HANDLE who) { HKEY key; PROFILEINFOW info = {0};"
            " if (!LoadUserProfileW(who, &info)) return;"
            ' if (RegOpenKeyExW((HKEY)info.hProfile, L"a", 0, 1, &key) == 0)'
            " { UnloadUserProfile(who, info.hProfile); RegCloseKey(key); return; }"
            " UnloadUserProfile(who, info.hProfile); }"
        ),
    ],
    "C111": [
        (
            'void f(void) { HKEY key; if (RegLoadAppKeyW(L"f", &key, KEY_READ, 0, 0) == 0)'
            " RegQueryValueExW(key, 0, 0, 0, 0, 0); }"
        ),
    ],
}
"""Functions of C with a fault, by the rule that finds it."""

C_SAFE: Final = [
    (
        f"long f(void) {{ HKEY key = NULL; long rc; if ((rc = {OPEN}) != 0) goto out; rc = g();\nout:\n"
        " if (key) RegCloseKey(key); return rc; }"
    ),
    (
        f"int f(void) {{ HKEY key; int ok = 0; if ({OPEN} == 0) ok = 1; g(); if (ok) RegCloseKey(key);"
        " return ok; }"
    ),
    f"HKEY f(void) {{ HKEY key = 0; if ({OPEN}) return 0; return key; }}",
    f"void f(HKEY *out) {{ HKEY key; if ({OPEN} == 0) *out = key; }}",
    "void f(HKEY *out) {{ {}; }}".format(OPEN.replace("&key", "out")),
    f"void f(struct s *s) {{ HKEY key; if ({OPEN} == 0) s->key = key; }}",
    "void f(struct s *s) {{ {}; }}".format(OPEN.replace("&key", "&s->key")),
    (
        "static void done(HKEY k) { RegCloseKey(k); }\n"
        f"void f(void) {{ HKEY key; if ({OPEN} == 0) done(key); }}"
    ),
    "void f(HKEY key) { RegCloseKey(key); }",
    f"void f(void) {{ HKEY key; if ({OPEN} == 0) SAFE_CLOSE(key); }}",
    (
        f"void f(void) {{ HKEY key; if ({OPEN} != 0) return; do {{ if (g()) break; }} while (h());"
        " RegCloseKey(key); }"
    ),
    "void f(void) {{ HKEY key; if ({} == 0) {{ RegCloseKey(key); key = NULL; }}"
    " if (key) RegCloseKey(key); }}".format(OPEN.replace("HKEY key;", "HKEY key = NULL;")),
    (
        "void f(HKEY top) { HKEY at = top; while (g()) { HKEY next;"
        ' if (RegOpenKeyExW(at, L"a", 0, 1, &next)) break; if (at != top) RegCloseKey(at); at = next; }'
        " if (at != top) RegCloseKey(at); }"
    ),
    (
        f"void f(void) {{ HKEY key;\n#ifdef WIDE\n if ({OPEN}) return;\n#else\n if ({OPEN}) return;\n#endif\n"
        " RegCloseKey(key); }"
    ),
    "void f(void) { RegCloseKey(HKEY_CURRENT_USER); }",
    (
        "void f(HANDLE who) { HKEY key; if (!ImpersonateLoggedOnUser(who)) return;"
        " if (RegOpenCurrentUser(KEY_READ, &key) == 0) RegCloseKey(key); RevertToSelf(); }"
    ),
    (
        "void f(HANDLE who) { HKEY key; RegDisablePredefinedCacheEx();"
        f" if (!ImpersonateLoggedOnUser(who)) return; if ({OPEN} == 0) RegCloseKey(key);"
        " RevertToSelf(); }"
    ),
    (
        "void f(HANDLE who) { HKEY key; if (ImpersonateLoggedOnUser(who)) { g(); RevertToSelf(); }"
        f" if ({OPEN} == 0) RegCloseKey(key); }}"
    ),
    f"int main(void) {{ HKEY key; if ({OPEN}) return 1; return 0; }}",
    "void f(void) { HKEY key; if (RegOpenKeyW(HKEY_CURRENT_USER, NULL, &key) == 0) g(); }",
    (
        "void f(HANDLE who) { PROFILEINFOW info = {0}; if (!LoadUserProfileW(who, &info)) return;"
        " g(); UnloadUserProfile(who, info.hProfile); }"
    ),
    (
        'void load(void) { RegLoadKeyW(HKEY_USERS, L"T", L"f"); }\n'
        'void unload(void) { RegUnLoadKeyW(HKEY_USERS, L"T"); }'
    ),
    f"void f(void) {{ HKEY key; if ({OPEN}) exit(1); RegCloseKey(key); }}",
]
"""Functions of C without one."""

CPP_SAFE: Final = [
    f"void f() {{ wil::unique_hkey key; if ({OPEN} == 0) g(); }}",
    'void f() { CRegKey key; key.Open(HKEY_CURRENT_USER, L"a"); }',
    f"void f() {{ HKEY key; if ({OPEN} == 0) {{ Guard guard(key); g(); }} }}",
    (
        f"void f() {{ HKEY key; if ({OPEN}) return; auto guard = scope_exit([&] {{ RegCloseKey(key); }});"
        " g(); }"
    ),
    f"struct S {{ HKEY key; bool open() {{ return {OPEN} == 0; }} ~S() {{ RegCloseKey(key); }} }};",
    f"void f() {{ HKEY key; if ({OPEN} == 0) keys.push_back(key); }}",
    f"void f() {{ HKEY key; if ({OPEN} == 0) {{ std::unique_ptr<int, D> p(key, &RegCloseKey); }} }}",
]
"""Functions of C++ without one."""

LOAD: Final = 'reg load HKU\\Temp "C:\\Users\\u\\NTUSER.DAT"\n'
UNLOAD: Final = "reg unload HKU\\Temp\nif ($LASTEXITCODE -ne 0) { Write-Error 'still loaded' }\n"
NEW: Final = "New-Item 'Registry::HKEY_USERS\\Temp\\Software\\A' -Force"
COLLECT: Final = "[gc]::Collect()\n[gc]::WaitForPendingFinalizers()\n"

PS: Final = {
    "PS101": [
        f"{LOAD}{NEW} | Out-Null\n{UNLOAD}",
        f"{LOAD}Get-ChildItem Registry::HKEY_USERS\\Temp\\Software | % {{ $_.Name }}\n{UNLOAD}",
        f"{LOAD}$k = [Microsoft.Win32.Registry]::Users.OpenSubKey('Temp\\Software')\n{UNLOAD}",
        f"{LOAD}New-PSDrive HKU Registry HKEY_USERS | Out-Null\n$i = Get-Item HKU:\\Temp\n{UNLOAD}",
        (
            f'function Work($p) {{ New-Item "Registry::$p\\A" | Out-Null }}\n{LOAD}'
            f"Work 'HKEY_USERS\\Temp'\n{UNLOAD}"
        ),
        (
            "$name = 'Temp'\nreg.exe load \"HKU\\$name\" $file\n"
            'ni "Registry::HKEY_USERS\\$name\\A"\n& reg.exe unload "HKU\\$name"\n'
            "if ($LASTEXITCODE) { throw }"
        ),
    ],
    "PS102": [f"{LOAD}{NEW} | Out-Null\n[gc]::Collect()\n{UNLOAD}"],
    "PS103": [
        f"{LOAD}$k = {NEW}\n{COLLECT}{UNLOAD}",
        f"{LOAD}$k = {NEW}\n{COLLECT}$k = $null\n{UNLOAD}",
    ],
    "PS104": [
        f"{LOAD}New-PSDrive -Name T -PSProvider Registry -Root HKEY_USERS\\Temp | Out-Null\n{UNLOAD}",
        f"{LOAD}Set-Location Registry::HKEY_USERS\\Temp\\Software\n{UNLOAD}",
    ],
    "PS105": [
        (
            f"{LOAD}Set-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n"
            "reg unload HKU\\Temp | Out-Null\n"
        ),
    ],
    "PS106": [
        (
            f"{LOAD}try {{\nSet-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n{UNLOAD}"
            "} catch { Write-Error $_ }"
        ),
        (
            f"$ErrorActionPreference = 'Stop'\n{LOAD}"
            f"Set-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n{UNLOAD}"
        ),
    ],
    "PS107": [
        f"{LOAD}reg add HKU\\Temp\\A /v x /d 1\n",
        f"{LOAD}if ($done) {{ return }}\nreg add HKU\\Temp\\A /v x\n{UNLOAD}".replace(
            "($done)", "($finished)"
        ),
    ],
    "PS108": [f"{LOAD}do {{ reg unload HKU\\Temp }} until ($LASTEXITCODE -eq 0)\n"],
    "PS109": [
        f"{LOAD}Start-Job {{ Get-ChildItem Registry::HKEY_USERS\\Temp }}\n{UNLOAD}",
    ],
    "PS110": ["reg load HKLM\\Def C:\\Users\\Default\\NTUSER.DAT\nreg add HKLM\\Def\\A /v x\n"],
}
"""Scripts with a fault, by the rule that finds it."""

PS_SAFE: Final = [
    f"{LOAD}reg add HKU\\Temp\\Software /v x /d 1 /f\nreg unload HKU\\Temp\n",
    f"{LOAD}{NEW} | Out-Null\n{COLLECT}{UNLOAD}",
    f"{LOAD}$k = {NEW}\n$k.Close()\n{UNLOAD}",
    f"{LOAD}({NEW}).Close()\n{UNLOAD}",
    f"{LOAD}{NEW} | % {{ $_.Close() }}\n{UNLOAD}",
    f"{LOAD}$k = {NEW}\n$k = $null\n{COLLECT}{UNLOAD}",
    f"{LOAD}$k = {NEW}\nRemove-Variable k\n{COLLECT}{UNLOAD}",
    f"function Work {{ $k = {NEW} }}\n{LOAD}Work\n{COLLECT}{UNLOAD}",
    f"{LOAD}Get-ChildItem Registry::HKEY_USERS\\Temp -Name\n{UNLOAD}",
    f"{LOAD}Get-ItemProperty Registry::HKEY_USERS\\Temp\\Software\n{UNLOAD}",
    f"New-Item HKLM:\\SOFTWARE\\A | Out-Null\n{LOAD}reg query HKU\\Temp\n{UNLOAD}",
    f"New-PSDrive HKU Registry HKEY_USERS | Out-Null\n{LOAD}{UNLOAD}",
    f"{LOAD}New-PSDrive T Registry HKEY_USERS\\Temp\nRemove-PSDrive T\n{COLLECT}{UNLOAD}",
    (
        f"{LOAD}if ($LASTEXITCODE -ne 0) {{ throw 'no hive' }}\ntry {{\n{NEW} | Out-Null\n}} finally {{\n"
        f"{COLLECT}{UNLOAD}}}\n"
    ),
    (
        f"{LOAD}for ($i = 0; $i -lt 5; $i++) {{ {COLLECT}reg unload HKU\\Temp\n"
        "if ($LASTEXITCODE -eq 0) { break } }\n"
    ),
    (
        f"{LOAD}$job = Start-Job {{ Get-ChildItem Registry::HKEY_USERS\\Temp }}\n"
        f"$job | Wait-Job | Remove-Job\n{UNLOAD}"
    ),
    f"function Mount-Hive {{ {LOAD} }}\nfunction Dismount-Hive {{ {COLLECT}{UNLOAD} }}\n",
    "$ErrorActionPreference = 'Stop'\nNew-Item HKCU:\\Software\\A\n",
]
"""Scripts without one."""
