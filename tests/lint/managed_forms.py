"""Methods of C# and functions of Python with a fault and without, in pairs: before and after."""

from __future__ import annotations

from typing import Final

_OPEN: Final = 'Registry.CurrentUser.OpenSubKey(@"Software\\A")'


def _class(body: str) -> str:
    return f"class C\n{{\n{body.replace('OPEN', _OPEN)}\n}}\n"


CS101: Final = {
    "never": (
        "string F() { var key = OPEN; return key.GetValue(null) as string; }",
        "string F() { using (var key = OPEN) { return key.GetValue(null) as string; } }",
    ),
    "null": (
        (
            "object F() { RegistryKey key = OPEN; if (key == null) return null; var "
            'got = key.GetValue("x"); if (got == null) return null; key.Close(); '
            "return got; }"
        ),
        (
            "object F() { RegistryKey key = OPEN; if (key == null) return null; var "
            'got = key.GetValue("x"); key.Close(); return got; }'
        ),
    ),
    "is null": (
        ("void F() { var key = OPEN; if (key is null) return; if (G()) return; key.Dispose(); }"),
        "void F() { var key = OPEN; if (key is null) return; G(); key.Dispose(); }",
    ),
    "chain": (
        'object F() { return OPEN.GetValue("x"); }',
        'object F() { using var key = OPEN; return key?.GetValue("x"); }',
    ),
    "chain of two": (
        'void F() { using (var key = OPEN.OpenSubKey("B")) { G(key); } }',
        ('void F() { using (var top = OPEN) using (var key = top.OpenSubKey("B")) { G(key); } }'),
    ),
    "unused": (
        'void F() { Registry.CurrentUser.CreateSubKey("A"); }',
        'void F() { Registry.CurrentUser.CreateSubKey("A").Dispose(); }',
    ),
    "caught": (
        (
            'void F() { try { var key = OPEN; key.SetValue("x", 1); key.Close(); } '
            "catch (Exception error) { Log(error); } }"
        ),
        (
            'void F() { try { using (var key = OPEN) { key.SetValue("x", 1); } } '
            "catch (Exception error) { Log(error); } }"
        ),
    ),
    "finally": (
        ("void F() { RegistryKey key = null; try { key = OPEN; G(); } finally { Log(); } }"),
        (
            "void F() { RegistryKey key = null; try { key = OPEN; G(); } finally { "
            "if (key != null) key.Close(); } }"
        ),
    ),
    "return in try": (
        ("object F() { var key = OPEN; try { return key.GetValue(null); } finally { Log(); } }"),
        (
            "object F() { var key = OPEN; try { return key.GetValue(null); } finally "
            "{ key?.Close(); } }"
        ),
    ),
    "loop": (
        (
            "void F() { foreach (var name in Names) { var key = "
            "Registry.Users.OpenSubKey(name); if (key == null) continue; if "
            "(G(key.Name)) continue; key.Close(); } }"
        ),
        (
            "void F() { foreach (var name in Names) { var key = "
            "Registry.Users.OpenSubKey(name); if (key == null) continue; "
            "G(key.Name); key.Close(); } }"
        ),
    ),
    "throw": (
        ("void F() { var key = OPEN; if (key.ValueCount == 0) throw new E(); key.Close(); }"),
        "void F() { var key = OPEN; if (key == null) throw new E(); key.Close(); }",
    ),
    "property": (
        'string P { get { return OPEN.GetValue("x").ToString(); } }',
        ('string P { get { using var key = OPEN; return key.GetValue("x").ToString(); } }'),
    ),
    "own function": (
        ("RegistryKey G() { return OPEN; }\nvoid F() { var key = G(); Log(key.Name); }"),
        ("RegistryKey G() => OPEN;\nvoid F() { using (var key = G()) Log(key.Name); }"),
    ),
    "switch": (
        (
            "void F(int n) { var key = OPEN; switch (n) { case 1: key.Close(); "
            "break; default: break; } }"
        ),
        (
            "void F(int n) { var key = OPEN; switch (n) { case 1: G(); break; "
            "default: break; } key.Close(); }"
        ),
    ),
    "lambda": (
        "void F() { Task.Run(() => { var key = OPEN; Log(key.Name); }); }",
        "void F() { Task.Run(() => { using var key = OPEN; Log(key.Name); }); }",
    ),
    "helper": (
        ("void G(RegistryKey k) { Log(k.Name); }\nvoid F() { var key = OPEN; G(key); }"),
        ("void G(RegistryKey k) { k.Close(); }\nvoid F() { var key = OPEN; G(key); }"),
    ),
    "imported": (
        (
            'void F() { IntPtr key; if (RegOpenKeyEx(ROOT, "A", 0, 1, out key) != 0) '
            "return; G(key); }"
        ),
        (
            'void F() { IntPtr key; if (RegOpenKeyEx(ROOT, "A", 0, 1, out key) != 0) '
            "return; G(key); RegCloseKey(key); }"
        ),
    ),
    "another value": (
        ('void F() { var key = OPEN; key = Registry.LocalMachine.OpenSubKey("B"); key?.Close(); }'),
        (
            "void F() { var key = OPEN; key?.Close(); key = "
            'Registry.LocalMachine.OpenSubKey("B"); key?.Close(); }'
        ),
    ),
}
"""Before and after a fix of CS101."""
CS102: Final = {
    "using": (
        "void F() { using (identity.Impersonate()) { OPEN.Close(); } }",
        ("void F() { using (identity.Impersonate()) { Registry.Users.OpenSubKey(sid).Close(); } }"),
    ),
    "run": (
        ("void F() { WindowsIdentity.RunImpersonated(token, () => { using var key = OPEN; }); }"),
        (
            "void F() { WindowsIdentity.RunImpersonated(token, () => { G(); }); "
            "using var key = OPEN; }"
        ),
    ),
    "undone": (
        "void F() { var who = identity.Impersonate(); OPEN.Close(); who.Undo(); }",
        "void F() { var who = identity.Impersonate(); who.Undo(); OPEN.Close(); }",
    ),
    "imported": (
        "void F() { ImpersonateLoggedOnUser(token); OPEN.Close(); RevertToSelf(); }",
        "void F() { ImpersonateLoggedOnUser(token); RevertToSelf(); OPEN.Close(); }",
    ),
    "own function": (
        ("void G() { OPEN.Close(); }\nvoid F() { using (identity.Impersonate()) { G(); } }"),
        ("void G() { OPEN.Close(); }\nvoid F() { using (identity.Impersonate()) { H(); } G(); }"),
    ),
}
"""Before and after a fix of CS102."""
CS_SAFE: Final = [
    ("void F() {\n#if WIDE\nusing (var key = OPEN) { G(key); }\n#else\nG(null);\n#endif\n}"),
    (
        "void F() { var top = Registry.Users; for (var i = 0; i < 3; i++) { var key "
        "= top.CreateSubKey(N[i]); if (i > 0) top.Close(); top = key; } top.Close(); }"
    ),
    "void F() { this.key = OPEN; field = OPEN; }",
    "RegistryKey F() { var key = OPEN; return key; }",
    "IEnumerable<RegistryKey> F() { yield return OPEN; }",
    "void F() { keys.Add(OPEN); var wrapped = new Wrapper(OPEN); }",
    ("void F() { var root = Registry.Users; root.Close(); var other = Registry.LocalMachine; }"),
    ("void F() { var root = RegistryKey.OpenBaseKey(RegistryHive.Users, view); G(root); }"),
    "void F(RegistryKey key) { key.SetValue(null, 1); }",
    "void F() { var key = OPEN ?? throw new E(); key.Close(); }",
    "void F() { if (OPEN is RegistryKey key) { key.Close(); } }",
    "static void Main() { var key = OPEN; Log(key.Name); }",
    ("void F() { using RegistryKey key = OPEN, other = Registry.Users.OpenSubKey(sid); G(); }"),
]
"""Methods without a fault."""


def _module(body: str) -> str:
    return "import winreg\nimport win32api, win32con, win32security\n\n" + body.replace(
        "OPEN", 'winreg.OpenKey(winreg.HKEY_CURRENT_USER, "A")'
    )


PY101: Final = {
    "never": (
        ('def f():\n    key = OPEN\n    return winreg.QueryValueEx(key, "x")[0]\n'),
        ('def f():\n    with OPEN as key:\n        return winreg.QueryValueEx(key, "x")[0]\n'),
    ),
    "caught": (
        (
            "def f():\n"
            "    try:\n"
            "        key = OPEN\n"
            '        got = winreg.QueryValueEx(key, "x")\n'
            "        winreg.CloseKey(key)\n"
            "        return got\n"
            "    except OSError:\n"
            "        return None\n"
        ),
        (
            "def f():\n"
            "    try:\n"
            "        key = OPEN\n"
            "        try:\n"
            '            return winreg.QueryValueEx(key, "x")\n'
            "        finally:\n"
            "            winreg.CloseKey(key)\n"
            "    except OSError:\n"
            "        return None\n"
        ),
    ),
    "early": (
        ("def f():\n    key = OPEN\n    if not g():\n        return\n    key.Close()\n"),
        (
            "def f():\n"
            "    key = OPEN\n"
            "    if not g():\n"
            "        key.Close()\n"
            "        return\n"
            "    key.Close()\n"
        ),
    ),
    "elif": (
        (
            "def f(n):\n"
            "    key = OPEN\n"
            "    if n == 1:\n"
            "        key.Close()\n"
            "    elif n == 2:\n"
            "        pass\n"
            "    else:\n"
            "        key.Close()\n"
        ),
        (
            "def f(n):\n"
            "    key = OPEN\n"
            "    if n == 1:\n"
            "        g()\n"
            "    elif n == 2:\n"
            "        pass\n"
            "    key.Close()\n"
        ),
    ),
    "finally": (
        (
            "def f():\n"
            "    key = None\n"
            "    try:\n"
            "        key = OPEN\n"
            "        g(key)\n"
            "    finally:\n"
            "        h()\n"
        ),
        (
            "def f():\n"
            "    key = None\n"
            "    try:\n"
            "        key = OPEN\n"
            "        g(key)\n"
            "    finally:\n"
            "        if key is not None:\n"
            "            winreg.CloseKey(key)\n"
        ),
    ),
    "loop": (
        (
            "def f():\n"
            "    for name in g():\n"
            "        key = OPEN\n"
            "        if not name:\n"
            "            return\n"
            "        key.Close()\n"
        ),
        (
            "def f():\n"
            "    for name in g():\n"
            "        key = OPEN\n"
            "        if not name:\n"
            "            key.Close()\n"
            "            break\n"
            "        key.Close()\n"
        ),
    ),
    "raise": (
        ("def f():\n    key = OPEN\n    if g():\n        raise ValueError\n    key.Close()\n"),
        ("def f():\n    key = OPEN\n    key.Close()\n    raise ValueError\n"),
    ),
    "pywin32": (
        (
            "def f():\n"
            '    key, new = win32api.RegCreateKeyEx(win32con.HKEY_USERS, "A")\n'
            "    g(key)\n"
        ),
        (
            "def f():\n"
            '    key, new = win32api.RegCreateKeyEx(win32con.HKEY_USERS, "A")\n'
            "    g(key)\n"
            "    win32api.RegCloseKey(key)\n"
        ),
    ),
    "own function": (
        (
            "def g():\n"
            "    return OPEN\n"
            "\n"
            "def f():\n"
            "    key = g()\n"
            "    return winreg.EnumKey(key, 0)\n"
        ),
        (
            "def g():\n"
            "    return OPEN\n"
            "\n"
            "def f():\n"
            "    with g() as key:\n"
            "        return winreg.EnumKey(key, 0)\n"
        ),
    ),
}
"""Before and after a fix of PY101."""
PY102: Final = {
    "open": (
        ("def f(who):\n    win32security.ImpersonateLoggedOnUser(who)\n    OPEN.Close()\n"),
        (
            "def f(who):\n"
            "    win32security.ImpersonateLoggedOnUser(who)\n"
            "    win32security.RevertToSelf()\n"
            "    OPEN.Close()\n"
        ),
    ),
    "with": (
        ("def f(who):\n    with impersonated(who):\n        OPEN.Close()\n"),
        ("def f(who):\n    with impersonated(who):\n        g()\n    OPEN.Close()\n"),
    ),
}
"""Before and after a fix of PY102."""
PY_SAFE: Final = [
    ('def f():\n    return winreg.QueryValueEx(OPEN, "x")\n'),
    ("def f():\n    winreg.CreateKey(winreg.HKEY_USERS, 'A')\n"),
    ("def f(self):\n    self.key = OPEN\n"),
    ("def f():\n    return OPEN\n"),
    ("def f():\n    key = OPEN\n    return [key, 1]\n"),
    ("def f():\n    key = OPEN\n    del key\n"),
    ("def f():\n    keys = []\n    keys.append(OPEN)\n    return keys\n"),
    ("def f():\n    global key\n    key = OPEN\n"),
    (
        "def f():\n"
        "    with contextlib.ExitStack() as stack:\n"
        "        key = stack.enter_context(OPEN)\n"
    ),
    (
        "def f():\n"
        "    key = winreg.ConnectRegistry(None, winreg.HKEY_USERS)\n"
        "    return winreg.EnumKey(key, 0)\n"
    ),
    ("def f(key):\n    winreg.SetValueEx(key, 'x', 0, 1, 'y')\n"),
    (
        "def f():\n"
        "    key = OPEN\n"
        "    try:\n"
        "        g(key)\n"
        "    except OSError:\n"
        "        pass\n"
        "    key.Close()\n"
    ),
    ("key = OPEN\nprint(key)\n"),
    ("def f():\n    def g():\n        key.Close()\n    key = OPEN\n    return g\n"),
]
"""Functions without a fault."""
CS: Final = {"CS101": CS101, "CS102": CS102}
PY: Final = {"PY101": PY101, "PY102": PY102}
PAIRS: Final = [
    *(
        (rule, ".cs", name, _class(before), _class(after))
        for rule, pairs in CS.items()
        for name, (before, after) in pairs.items()
    ),
    *(
        (rule, ".py", name, _module(before), _module(after))
        for rule, pairs in PY.items()
        for name, (before, after) in pairs.items()
    ),
]
"""Rule, ending of the file, what it is about, the code before and after the fix."""
SAFE: Final = [*((".cs", _class(t)) for t in CS_SAFE), *((".py", _module(t)) for t in PY_SAFE)]
"""Ending of the file, and code without a fault."""
