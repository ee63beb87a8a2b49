/* Programs that `regsim record` judges: what each does is told by the name of its file.
 *
 * Build: x86_64-w64-mingw32-gcc -g -O1 programs.c -o stock.exe -ladvapi32 -lshlwapi, and copies of it.
 */
#define UNICODE
#include <windows.h>
#include <sddl.h>
#include <shlwapi.h>
#include <stdio.h>
#include <string.h>

static const WCHAR SUBKEY[] = L"Software\\Example";
static HANDLE first_is_open, second_is_done;

static HKEY below(HKEY root)
{
    HKEY key = NULL;
    RegCreateKeyExW(root, SUBKEY, 0, NULL, 0, KEY_READ, NULL, &key, NULL);
    return key;
}

/* KB Q241572: the subkey is closed, the root that the call opened is not */
static void stock(void)
{
    RegCloseKey(below(HKEY_CURRENT_USER)); /* the root */
}

static void close_root(void)
{
    stock();
    RegCloseKey(HKEY_CURRENT_USER);
}

static void current_user(void)
{
    HKEY user;
    RegOpenCurrentUser(KEY_ALL_ACCESS, &user);
    RegCloseKey(below(user));
    RegCloseKey(user);
}

static void explicit_path(void)
{
    BYTE room[256];
    DWORD size = sizeof room;
    HANDLE token;
    HKEY user;
    WCHAR *sid;
    OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token);
    GetTokenInformation(token, TokenUser, room, size, &size);
    ConvertSidToStringSidW(((TOKEN_USER *)room)->User.Sid, &sid);
    RegOpenKeyExW(HKEY_USERS, sid, 0, KEY_ALL_ACCESS, &user);
    RegCloseKey(below(user));
    RegCloseKey(user);
    CloseHandle(token);
    LocalFree(sid);
}

/* the value is not there: the way out forgets the subkey */
static int error_path(void)
{
    HKEY user, key;
    int found = 1;
    RegOpenCurrentUser(KEY_ALL_ACCESS, &user);
    key = below(user); /* the leak */
    if (RegQueryValueExW(key, L"missing", NULL, NULL, NULL, NULL)) found = 0;
    else RegCloseKey(key);
    RegCloseKey(user);
    return found;
}

static void uncached(void)
{
    RegDisablePredefinedCache();
    stock();
}

/* a second user of the root opens it anew after the first has closed it */
static DWORD WINAPI second(void *unused)
{
    (void)unused;
    WaitForSingleObject(first_is_open, INFINITE);
    close_root();
    SetEvent(second_is_done);
    return 0;
}

static void race(void)
{
    HKEY key;
    HANDLE thread;
    first_is_open = CreateEventW(NULL, FALSE, FALSE, NULL);
    second_is_done = CreateEventW(NULL, FALSE, FALSE, NULL);
    thread = CreateThread(NULL, 0, second, NULL, 0, NULL);
    key = below(HKEY_CURRENT_USER);
    SetEvent(first_is_open);
    WaitForSingleObject(second_is_done, INFINITE);
    RegDeleteValueW(HKEY_CURRENT_USER, L"missing"); /* opens the root again */
    RegCloseKey(key);
    WaitForSingleObject(thread, INFINITE);
}

/* what Windows' own library does here is not what Wine's does */
static void library(void)
{
    current_user();
    SHGetValueW(HKEY_CURRENT_USER, SUBKEY, L"missing", NULL, NULL, NULL);
}

/* a class that is left open may be the user's own on Windows; Wine has the machine's alone */
static void class_key(void)
{
    HKEY key;
    RegOpenKeyExW(HKEY_CLASSES_ROOT, L"CLSID", 0, KEY_READ, &key);
}

static void crash(void)
{
    int *volatile nowhere = (int *)~(ULONG_PTR)7; /* Wine maps what lies at 0 for root */
    *nowhere = 1;
}

static void start(const WCHAR *other)
{
    WCHAR path[MAX_PATH], *end;
    STARTUPINFOW how = { .cb = sizeof how };
    PROCESS_INFORMATION what;
    GetModuleFileNameW(NULL, path, MAX_PATH);
    end = wcsrchr(path, '\\') + 1;
    lstrcpyW(end, other);
    CreateProcessW(path, NULL, NULL, NULL, FALSE, 0, NULL, NULL, &how, &what);
    WaitForSingleObject(what.hProcess, INFINITE);
    CloseHandle(what.hProcess);
    CloseHandle(what.hThread);
}

int main(void)
{
    char path[MAX_PATH], *name;
    GetModuleFileNameA(NULL, path, MAX_PATH);
    name = strrchr(path, '\\') + 1;
    fprintf(stderr, "%s: no end of line", name);
    fflush(stderr);
    if (!strcmp(name, "stock.exe")) stock();
    else if (!strcmp(name, "close-root.exe")) close_root();
    else if (!strcmp(name, "current-user.exe")) current_user();
    else if (!strcmp(name, "explicit-path.exe")) explicit_path();
    else if (!strcmp(name, "error-path.exe") || !strcmp(name, "child.exe")) return error_path() ? 0 : 7;
    else if (!strcmp(name, "uncached.exe")) uncached();
    else if (!strcmp(name, "race.exe")) race();
    else if (!strcmp(name, "library.exe")) library();
    else if (!strcmp(name, "class-key.exe")) class_key();
    else if (!strcmp(name, "crash.exe")) current_user(), crash();
    else if (!strcmp(name, "crash-holding.exe")) stock(), crash();
    else if (!strcmp(name, "parent.exe")) start(L"child.exe");
    else if (!strcmp(name, "hang.exe")) Sleep(INFINITE);
    else return 99;
    return 0;
}
