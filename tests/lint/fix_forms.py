"""Code before and after a fix, in pairs for each rule: C and PowerShell."""

from __future__ import annotations

from typing import Final

C101: Final = {
    "device key": (
        (
            "void f(void) { HKEY k = SetupDiOpenDevRegKey(a, b, 0); if (k == "
            'INVALID_HANDLE_VALUE) return; RegQueryValueExA(k, "x", 0, 0, 0, 0); }'
        ),
        (
            "void f(void) { HKEY k = SetupDiOpenDevRegKey(a, b, 0); if (k == "
            'INVALID_HANDLE_VALUE) return; RegQueryValueExA(k, "x", 0, 0, 0, 0); '
            "RegCloseKey(k); }"
        ),
    ),
    "own function": (
        (
            'HKEY g(void) { HKEY k; if (RegOpenKeyA(HKEY_USERS, "a", &k)) return 0; '
            "return k; }\n"
            "void f(void) { HKEY k = g(); if (!k) return; h(); }"
        ),
        (
            'HKEY g(void) { HKEY k; if (RegOpenKeyA(HKEY_USERS, "a", &k)) return 0; '
            "return k; }\n"
            "void f(void) { HKEY k = g(); if (!k) return; RegCloseKey(k); }"
        ),
    ),
    "loop of main": (
        (
            'int main(void) { while (g()) { HKEY k; if (RegOpenKeyA(HKEY_USERS, "a", '
            "&k) == 0) h(); } return 0; }"
        ),
        (
            'int main(void) { while (g()) { HKEY k; if (RegOpenKeyA(HKEY_USERS, "a", '
            "&k) == 0) RegCloseKey(k); } return 0; }"
        ),
    ),
    "dynamic call": (
        (
            'void f(void) { HKEY k; if (ADVAPI32$RegOpenKeyExA(HKEY_USERS, "a", 0, '
            "1, &k)) return; g(); }"
        ),
        (
            'void f(void) { HKEY k; if (ADVAPI32$RegOpenKeyExA(HKEY_USERS, "a", 0, '
            "1, &k)) return; ADVAPI32$RegCloseKey(k); }"
        ),
    ),
    "several flags": (
        (
            'void f(int a, int b) { HKEY k; if (RegOpenKeyA(HKEY_USERS, "a", &k)) '
            "return; if (a) g(); if (b) h(); if (a) RegCloseKey(k); }"
        ),
        (
            'void f(int a, int b) { HKEY k; if (RegOpenKeyA(HKEY_USERS, "a", &k)) '
            "return; if (a) g(); if (b) h(); if (a) RegCloseKey(k); if (!a) "
            "RegCloseKey(k); }"
        ),
    ),
    "handled exception": (
        (
            'void f(void) { HKEY k = 0; __try { if (RegOpenKeyA(HKEY_USERS, "a", '
            "&k)) return; g(); } __finally { h(); } }"
        ),
        (
            'void f(void) { HKEY k = 0; __try { if (RegOpenKeyA(HKEY_USERS, "a", '
            "&k)) return; g(); } __finally { if (k) RegCloseKey(k); } }"
        ),
    ),
}
"""Before and after a fix of C101."""
PS101: Final = {
    "foreach profile": (
        (
            "foreach ($p in $profiles) {\n"
            '    reg load "HKU\\$($p.SID)" "$($p.Path)\\NTUSER.DAT"\n'
            '    New-Item -Path "Registry::HKEY_USERS\\$($p.SID)\\Software\\A" -Force | '
            "Out-Null\n"
            '    reg unload "HKU\\$($p.SID)"\n'
            "    if ($LASTEXITCODE -ne 0) { throw }\n"
            "}\n"
        ),
        (
            "foreach ($p in $profiles) {\n"
            '    reg load "HKU\\$($p.SID)" "$($p.Path)\\NTUSER.DAT"\n'
            '    New-Item -Path "Registry::HKEY_USERS\\$($p.SID)\\Software\\A" -Force | '
            "Out-Null\n"
            "    [gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            'reg unload "HKU\\$($p.SID)"\n'
            "    if ($LASTEXITCODE -ne 0) { throw }\n"
            "}\n"
        ),
    ),
    "foreach-object": (
        (
            "$profiles | ForEach-Object {\n"
            "    $sid = $_.SID\n"
            '    & reg.exe load "HKU\\$sid" "$($_.Path)\\NTUSER.DAT" | Out-Null\n'
            '    $keys = Get-ChildItem -Path "Registry::HKEY_USERS\\$sid\\Software"\n'
            "    \n"
            '    $out = & reg.exe unload "HKU\\$sid" 2>&1\n'
            "}\n"
        ),
        (
            "$profiles | ForEach-Object {\n"
            "    $sid = $_.SID\n"
            '    & reg.exe load "HKU\\$sid" "$($_.Path)\\NTUSER.DAT" | Out-Null\n'
            '    $keys = Get-ChildItem -Path "Registry::HKEY_USERS\\$sid\\Software"\n'
            "    $keys = $null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "\n"
            '    $out = & reg.exe unload "HKU\\$sid" 2>&1\n'
            "}\n"
        ),
    ),
    "start-process": (
        (
            "New-PSDrive -Name HKU -PSProvider Registry -Root HKEY_USERS | Out-Null\n"
            "Start-Process reg.exe -ArgumentList 'load','HKU\\Temp','C:\\u\\NTUSER.DAT' "
            "-Wait\n"
            "New-Item 'HKU:\\Temp\\Software\\A' | Out-Null\n"
            "$p = Start-Process -FilePath reg.exe -ArgumentList 'unload HKU\\Temp' "
            "-Wait -PassThru\n"
            "if ($p.ExitCode -ne 0) { throw }\n"
        ),
        (
            "New-PSDrive -Name HKU -PSProvider Registry -Root HKEY_USERS | Out-Null\n"
            "Start-Process reg.exe -ArgumentList 'load','HKU\\Temp','C:\\u\\NTUSER.DAT' "
            "-Wait\n"
            "New-Item 'HKU:\\Temp\\Software\\A' | Out-Null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "$p = Start-Process -FilePath reg.exe -ArgumentList 'unload HKU\\Temp' "
            "-Wait -PassThru\n"
            "if ($p.ExitCode -ne 0) { throw }\n"
        ),
    ),
    "cmd": (
        (
            'cmd /c "reg load HKU\\Temp C:\\u\\NTUSER.DAT"\n'
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            "cmd.exe /c reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE) { throw }\n"
        ),
        (
            'cmd /c "reg load HKU\\Temp C:\\u\\NTUSER.DAT"\n'
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "cmd.exe /c reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE) { throw }\n"
        ),
    ),
    "variable command": (
        (
            '$reg = "$env:SystemRoot\\System32\\reg.exe"\n'
            "& $reg load HKU\\Temp C:\\u\\NTUSER.DAT\n"
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            "& $reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE) { throw }\n"
        ),
        (
            '$reg = "$env:SystemRoot\\System32\\reg.exe"\n'
            "& $reg load HKU\\Temp C:\\u\\NTUSER.DAT\n"
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "& $reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE) { throw }\n"
        ),
    ),
    "splat": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            '$params = @{ Path = "Registry::HKEY_USERS\\Temp\\Software\\A"; Force = '
            "$true }\n"
            "New-Item @params | Out-Null\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            '$params = @{ Path = "Registry::HKEY_USERS\\Temp\\Software\\A"; Force = '
            "$true }\n"
            "New-Item @params | Out-Null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
    "helper": (
        (
            "function Dismount-Hive([string]$Name) {\n"
            'reg.exe unload "HKU\\$Name" | Out-Null\n'
            "if ($LASTEXITCODE -ne 0) { Write-Error x }\n"
            "}\n"
            "reg.exe load HKU\\Temp C:\\u\\NTUSER.DAT\n"
            "Get-Item Registry::HKEY_USERS\\Temp\\Software | Out-Null\n"
            "Dismount-Hive -Name Temp\n"
        ),
        (
            "function Dismount-Hive([string]$Name) {\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            'reg.exe unload "HKU\\$Name" | Out-Null\n'
            "if ($LASTEXITCODE -ne 0) { Write-Error x }\n"
            "}\n"
            "reg.exe load HKU\\Temp C:\\u\\NTUSER.DAT\n"
            "Get-Item Registry::HKEY_USERS\\Temp\\Software | Out-Null\n"
            "Dismount-Hive -Name Temp\n"
        ),
    ),
    "helper param block": (
        (
            "function Set-It {\n"
            "param([Parameter(Mandatory)][string]$Path, [string]$Name)\n"
            "if (-not (Test-Path $Path)) { New-Item -Path $Path -Force | Out-Null }\n"
            "Set-ItemProperty -Path $Path -Name $Name -Value 1\n"
            "}\n"
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            'Set-It -Path "Registry::HKEY_USERS\\Temp\\Software\\A" -Name x\n'
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "function Set-It {\n"
            "param([Parameter(Mandatory)][string]$Path, [string]$Name)\n"
            "if (-not (Test-Path $Path)) { New-Item -Path $Path -Force | Out-Null }\n"
            "Set-ItemProperty -Path $Path -Name $Name -Value 1\n"
            "}\n"
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            'Set-It -Path "Registry::HKEY_USERS\\Temp\\Software\\A" -Name x\n'
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
    "dotnet": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$key = [Microsoft.Win32.Registry]::Users.CreateSubKey('Temp\\Software\\A')\n"
            "$key.SetValue('x', 1)\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$key = [Microsoft.Win32.Registry]::Users.CreateSubKey('Temp\\Software\\A')\n"
            "$key.SetValue('x', 1)\n"
            "$key.Close()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
    "base key": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$base = [Microsoft.Win32.RegistryKey]::OpenBaseKey('Users', 'Default')\n"
            "$key = $base.OpenSubKey('Temp\\Software', $true)\n"
            "$key.SetValue('x', 1)\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$base = [Microsoft.Win32.RegistryKey]::OpenBaseKey('Users', 'Default')\n"
            "$key = $base.OpenSubKey('Temp\\Software', $true)\n"
            "$key.SetValue('x', 1)\n"
            "$key.Dispose()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
    "try finally": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "try {\n"
            "$null = New-Item Registry::HKEY_USERS\\Temp\\A\n"
            "} finally {\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
            "}\n"
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "try {\n"
            "$null = New-Item Registry::HKEY_USERS\\Temp\\A\n"
            "} finally {\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
            "}\n"
        ),
    ),
    "expression path": (
        (
            "reg load HKLM\\Def C:\\Users\\Default\\NTUSER.DAT\n"
            "foreach ($item in $items) {\n"
            '$new = New-Item -Path ("{0}" -f $item.HivePath) -Force\n'
            'New-ItemProperty -Path ("{0}" -f $item.HivePath) -Name $item.Name '
            "-Value 1 | Out-Null\n"
            "}\n"
            "reg unload HKLM\\Def\n"
            "if ($LASTEXITCODE) { throw }\n"
        ),
        (
            "reg load HKLM\\Def C:\\Users\\Default\\NTUSER.DAT\n"
            "foreach ($item in $items) {\n"
            '$new = New-Item -Path ("{0}" -f $item.HivePath) -Force\n'
            'New-ItemProperty -Path ("{0}" -f $item.HivePath) -Name $item.Name '
            "-Value 1 | Out-Null\n"
            "}\n"
            "$new = $null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKLM\\Def\n"
            "if ($LASTEXITCODE) { throw }\n"
        ),
    ),
    "unresolved": (
        (
            '& reg load "HKU\\$mount" $file\n'
            "if (!(Test-Path $path)) { New-Item -Path $path -Force | Out-Null }\n"
            "Set-ItemProperty -Path $path -Name x -Value 1\n"
            '& reg unload "HKU\\$mount"\n'
            "if ($LASTEXITCODE) { throw }\n"
        ),
        (
            '& reg load "HKU\\$mount" $file\n'
            "if (!(Test-Path $path)) { New-Item -Path $path -Force | Out-Null }\n"
            "Set-ItemProperty -Path $path -Name x -Value 1\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            '& reg unload "HKU\\$mount"\n'
            "if ($LASTEXITCODE) { throw }\n"
        ),
    ),
    "join-path": (
        (
            '$root = "Registry::HKEY_USERS\\Temp"\n'
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            '$path = Join-Path $root "Software\\A"\n'
            "New-Item -Path $path -Force | Out-Null\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            '$root = "Registry::HKEY_USERS\\Temp"\n'
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            '$path = Join-Path $root "Software\\A"\n'
            "New-Item -Path $path -Force | Out-Null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
    "p/invoke": (
        (
            '[Hive]::RegLoadKey(0x80000003, "Temp", $file)\n'
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            '$rc = [Hive]::RegUnLoadKey(0x80000003, "Temp")\n'
        ),
        (
            '[Hive]::RegLoadKey(0x80000003, "Temp", $file)\n'
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            '$rc = [Hive]::RegUnLoadKey(0x80000003, "Temp")\n'
        ),
    ),
    "copy": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "Copy-Item HKCU:\\Software\\A Registry::HKEY_USERS\\Temp\\Software -Recurse\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "Copy-Item HKCU:\\Software\\A Registry::HKEY_USERS\\Temp\\Software -Recurse\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
}
"""Before and after a fix of PS101."""
PS102: Final = {
    "no wait": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            "[System.GC]::Collect()\n"
            "Start-Sleep 1\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "New-Item Registry::HKEY_USERS\\Temp\\A | Out-Null\n"
            "[System.GC]::Collect()\n"
            "[System.GC]::WaitForPendingFinalizers()\n"
            "Start-Sleep 1\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
}
"""Before and after a fix of PS102."""
PS103: Final = {
    "variable alive": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$k = Get-Item Registry::HKEY_USERS\\Temp\\A\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$k = Get-Item Registry::HKEY_USERS\\Temp\\A\n"
            "Remove-Variable -Name k\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
    "foreach variable": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "foreach ($k in Get-ChildItem Registry::HKEY_USERS\\Temp) { $k.Name }\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "foreach ($k in Get-ChildItem Registry::HKEY_USERS\\Temp) { $k.Name }\n"
            "$k = $null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
}
"""Before and after a fix of PS103."""
PS105: Final = {
    "passthru ignored": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "Set-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n"
            '$null = Start-Process reg -ArgumentList "unload HKU\\Temp" -Wait -PassThru\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "Set-ItemProperty Registry::HKEY_USERS\\Temp\\A -Name x -Value 1\n"
            '$p = Start-Process reg -ArgumentList "unload HKU\\Temp" -Wait -PassThru\n'
            "if ($p.ExitCode) { throw }\n"
        ),
    ),
}
"""Before and after a fix of PS105."""
PS109: Final = {
    "job": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            '$job = Start-Job -ScriptBlock { New-Item "Registry::HKEY_USERS\\Temp\\A" }\n'
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            '$job = Start-Job -ScriptBlock { New-Item "Registry::HKEY_USERS\\Temp\\A" }\n'
            "$job | Receive-Job -Wait -AutoRemoveJob\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
    "thread job": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$job = Start-ThreadJob { Get-ChildItem Registry::HKU\\Temp }\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "$job = Start-ThreadJob { Get-ChildItem Registry::HKU\\Temp }\n"
            "Wait-Job $job | Out-Null\n"
            "[gc]::Collect()\n"
            "[gc]::WaitForPendingFinalizers()\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
}
"""Before and after a fix of PS109."""
PS108: Final = {
    "while true": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "while ($true) {\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -eq 0) { break }\n"
            "\n"
            "Start-Sleep 5\n"
            "}\n"
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "while ($true) {\n"
            "reg unload HKU\\Temp\n"
            "if ($LASTEXITCODE -eq 0) { break }\n"
            "if ($n++ -gt 5) { throw }\n"
            "\n"
            "Start-Sleep 5\n"
            "}\n"
        ),
    ),
}
"""Before and after a fix of PS108."""
PS104: Final = {
    "location": (
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "Push-Location Registry::HKEY_USERS\\Temp\n"
            "reg query HKU\\Temp\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
        (
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "Push-Location Registry::HKEY_USERS\\Temp\n"
            "reg query HKU\\Temp\n"
            "Pop-Location\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
        ),
    ),
}
"""Before and after a fix of PS104."""
PS110: Final = {
    "default": (
        ("reg load HKU\\Def C:\\Users\\Default\\NTUSER.DAT\nreg add HKU\\Def\\A /v x\n"),
        (
            "reg load HKU\\Def C:\\Users\\Default\\NTUSER.DAT\n"
            "reg add HKU\\Def\\A /v x\n"
            "reg unload HKU\\Def\n"
            "if ($LASTEXITCODE) { throw }\n"
        ),
    ),
}
"""Before and after a fix of PS110."""
PS107: Final = {
    "early return": (
        (
            "function Set-User {\n"
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "if ($LASTEXITCODE) { return }\n"
            "if ($Skip) { return }\n"
            "reg add HKU\\Temp\\A /v x\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
            "}\n"
            "Set-User\n"
        ),
        (
            "function Set-User {\n"
            "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
            "if ($LASTEXITCODE) { return }\n"
            "if ($Skip) { reg unload HKU\\Temp; return }\n"
            "reg add HKU\\Temp\\A /v x\n"
            "reg unload HKU\\Temp\n"
            'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
            "}\n"
            "Set-User\n"
        ),
    ),
}
"""Before and after a fix of PS107."""
PS_QUIET: Final = [
    (
        "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
        '$text = @"\n'
        "New-Item Registry::HKEY_USERS\\Temp\\A\n"
        '"@\n'
        "reg unload HKU\\Temp\n"
        'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
    ),
    (
        "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
        "# New-Item Registry::HKEY_USERS\\Temp\\A\n"
        "reg unload HKU\\Temp\n"
        'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
    ),
    (
        "New-Item HKCU:\\Software\\A | Out-Null\n"
        "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
        "New-Item HKLM:\\Software\\A | Out-Null\n"
        "reg add HKU\\Temp\\A /v x\n"
        "reg unload HKU\\Temp\n"
        'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
    ),
    (
        "reg load HKU\\Temp C:\\Users\\u\\NTUSER.DAT\n"
        "New-Item -Path $folder -ItemType Directory | Out-Null\n"
        "Copy-Item $a $b\n"
        "Get-ChildItem $folder | Remove-Item\n"
        "reg add HKU\\Temp\\A /v x\n"
        "reg unload HKU\\Temp\n"
        'if ($LASTEXITCODE -ne 0) { Write-Warning "still loaded" }\n'
    ),
]
"""Scripts that only look as if they had a fault."""
FIXES: Final = [
    ("C101", ".c", C101),
    ("PS101", ".ps1", PS101),
    ("PS102", ".ps1", PS102),
    ("PS103", ".ps1", PS103),
    ("PS105", ".ps1", PS105),
    ("PS109", ".ps1", PS109),
    ("PS108", ".ps1", PS108),
    ("PS104", ".ps1", PS104),
    ("PS110", ".ps1", PS110),
    ("PS107", ".ps1", PS107),
]
"""Each rule, the ending of a file, and the pairs."""
