"""Made source files: PowerShell and C in the sizes that they have, each with a registry call.

``python benchmarks/lint/made.py FOLDER [FILES]``. Sizes are spread like a lognormal distribution
around 10 kB. Every third file has one fault, and the maker knows which; the rest of each file is
code that has nothing to do with it, and registry calls that are as they should be.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

MEDIAN = 10_000
FILES = 1_000
SPREAD = 0.8

C_PLAIN = (
    """
static int Parse{n}(const char *text, struct item *items, int most)
{{
    int count = 0;
    char word[64];

    while (*text && count < most) {{
        int length = 0;
        while (*text == ' ' || *text == '\\t')
            text++;
        while (*text && *text != ',' && length < (int)sizeof word - 1)
            word[length++] = *text++;
        word[length] = 0;
        if (length == 0 || word[0] == '#') {{
            if (*text)
                text++;
            continue;
        }}
        switch (word[0]) {{
        case '+':
            items[count].kind = KIND_ADD;
            break;
        case '-':
            items[count].kind = KIND_REMOVE;
            break;
        default:
            items[count].kind = length > {n} ? KIND_LONG : KIND_SHORT;
        }}
        strncpy(items[count].name, word, sizeof items[count].name);
        items[count++].weight = (double)length / (1 + {n});
        if (*text == ',')
            text++;
    }}
    return count;
}}
""",
    """
/* Says how far job {n} is, and whether it can go on. */
static BOOL Progress{n}(HWND window, const struct job *job, DWORD *left)
{{
    WCHAR line[128];
    DWORD done = job->done, all = job->all ? job->all : 1;

    if (window == NULL || !IsWindow(window))
        return FALSE;
    for (DWORD index = 0; index < job->steps && !job->cancelled; index++) {{
        const struct step *step = &job->list[index];
        if (step->state == STEP_FAILED && (step->flags & STEP_NEEDED))
            return FALSE;
        done += step->state == STEP_DONE ? step->size : 0;
    }}
    swprintf(line, 128, L"%u of %u (%u%%)", done, all, done * 100 / all);
    SetWindowTextW(window, line);
    *left = all - done;
    return *left > 0;
}}
""",
)
C_SAFE = (
    """
static DWORD ReadNumber{n}(DWORD fallback)
{{
    HKEY key;
    DWORD value = 0, size = sizeof value, kind = 0;

    if (RegOpenKeyExW(HKEY_CURRENT_USER, L"Software\\\\Example\\\\{n}", 0, KEY_READ, &key) != 0)
        return fallback;
    if (RegQueryValueExW(key, L"Number", NULL, &kind, (BYTE *)&value, &size) != 0)
        value = fallback;
    RegCloseKey(key);
    return kind == REG_DWORD ? value : fallback;
}}
""",
    """
static LONG WriteAll{n}(const struct item *items, int count)
{{
    HKEY key = NULL, below = NULL;
    LONG rc;

    rc = RegCreateKeyExW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\\\Example", 0, NULL, 0, KEY_ALL_ACCESS,
                         NULL, &key, NULL);
    if (rc != ERROR_SUCCESS)
        goto done;
    rc = RegCreateKeyExW(key, L"{n}", 0, NULL, 0, KEY_WRITE, NULL, &below, NULL);
    if (rc != ERROR_SUCCESS)
        goto done;
    for (int i = 0; i < count; i++) {{
        rc = RegSetValueExW(below, items[i].wide, 0, REG_SZ, items[i].data, items[i].size);
        if (rc != ERROR_SUCCESS)
            goto done;
    }}
done:
    if (below)
        RegCloseKey(below);
    if (key)
        RegCloseKey(key);
    return rc;
}}
""",
)
C_FAULT = """
static LONG CopyValue{n}(HKEY from, BYTE *data, DWORD size)
{{
    HKEY key;
    LONG rc = RegOpenKeyExW(from, L"Settings\\\\{n}", 0, KEY_READ, &key);

    if (rc != ERROR_SUCCESS)
        return rc;
    rc = RegQueryValueExW(key, L"Value", NULL, NULL, data, &size);
    if (rc != ERROR_SUCCESS)
        return rc;
    RegCloseKey(key);
    return ERROR_SUCCESS;
}}
"""
PS_PLAIN = (
    """
function Write-Record{n} {{
    param(
        [Parameter(Mandatory)][string]$Message,
        [ValidateSet('Info', 'Warning', 'Error')][string]$Level = 'Info',
        [string]$Path = "$env:TEMP\\example-{n}.log"
    )
    $stamp = Get-Date -Format 'yyyy-MM-dd HH:mm:ss'
    $line = '{{0}} [{{1}}] {{2}}' -f $stamp, $Level.ToUpper(), $Message
    try {{
        Add-Content -Path $Path -Value $line -ErrorAction Stop
    }} catch {{
        Write-Warning "cannot write to ${{Path}}: $($_.Exception.Message)"
    }}
    if ($Level -eq 'Error') {{ Write-Error $Message }} else {{ Write-Verbose $line }}
}}
""",
    """
# Gathers the files of part {n} that are older than a month, the largest first.
function Get-Old{n} ($Folder, [int]$Days = 30) {{
    $before = (Get-Date).AddDays(-$Days)
    $found = @()
    foreach ($file in Get-ChildItem -Path $Folder -Recurse -File -ErrorAction SilentlyContinue) {{
        if ($file.LastWriteTime -ge $before -or $file.Extension -in '.lock', '.tmp') {{ continue }}
        $found += [pscustomobject]@{{
            Name = $file.FullName
            Size = $file.Length -shr 20
            Age  = ((Get-Date) - $file.LastWriteTime).Days
        }}
    }}
    $found | Where-Object {{ $_.Size -gt {n} % 7 }} | Sort-Object Size -Descending
}}
""",
)
PS_SAFE = (
    """
function Set-Flag{n} ([switch]$Enabled) {{
    $path = 'HKLM:\\SOFTWARE\\Example\\{n}'
    if (-not (Test-Path $path)) {{ New-Item -Path $path -Force | Out-Null }}
    Set-ItemProperty -Path $path -Name Enabled -Value ([int]$Enabled.IsPresent) -Type DWord
    (Get-ItemProperty -Path $path).Enabled -eq 1
}}
""",
    """
function Set-Default{n} ($File) {{
    reg.exe load HKU\\Default{n} $File | Out-Null
    if ($LASTEXITCODE -ne 0) {{ throw "cannot load $File" }}
    try {{
        reg.exe add HKU\\Default{n}\\Software\\Example /v Level /t REG_DWORD /d {n} /f | Out-Null
    }} finally {{
        reg.exe unload HKU\\Default{n} | Out-Null
        if ($LASTEXITCODE -ne 0) {{ Write-Warning 'still loaded' }}
    }}
}}
""",
)
PS_FAULT = """
function Set-Profile{n} ($File) {{
    reg.exe load HKU\\Profile{n} $File | Out-Null
    if ($LASTEXITCODE -ne 0) {{ throw "cannot load $File" }}
    New-Item 'Registry::HKEY_USERS\\Profile{n}\\Software\\Example' -Force | Out-Null
    reg.exe unload HKU\\Profile{n} | Out-Null
    if ($LASTEXITCODE -ne 0) {{ throw "$File is still loaded" }}
}}
"""
LANGUAGES = {
    ".c": ("#include <windows.h>\n#include <userenv.h>\n", C_PLAIN, C_SAFE, C_FAULT, "C101"),
    ".ps1": ("#requires -Version 5.1\n", PS_PLAIN, PS_SAFE, PS_FAULT, "PS101"),
}


def write(folder: Path, files: int = FILES) -> dict[str, str]:
    """Write *files* files into *folder*; return the rule of each that has a fault, by its name."""
    chance = random.Random(20)  # noqa: S311 - the same files each time
    folder.mkdir(parents=True, exist_ok=True)
    faults = {}
    for number in range(files):
        ending = (".c", ".ps1")[number % 2]
        head, plain, safe, fault, rule = LANGUAGES[ending]
        size = MEDIAN * chance.lognormvariate(0, SPREAD)
        parts = [head, _one(chance, safe)]
        if number % 3 == 0:
            parts.insert(chance.randrange(1, 3), _one(chance, [fault]))
            faults[f"{number:04}{ending}"] = rule
        while sum(map(len, parts)) < size:
            kinds = plain if chance.random() < 0.75 else safe
            parts.append(_one(chance, kinds))
        (folder / f"{number:04}{ending}").write_text("".join(parts), encoding="utf-8")
    return faults


def _one(chance: random.Random, kinds: Sequence[str]) -> str:
    return chance.choice(kinds).format(n=chance.randrange(1, 10_000_000))


if __name__ == "__main__":
    made = write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else FILES)
    print(f"{len(made)} files have a fault")
