/* A driver for the judge: it reads one registry call a line, makes it and prints what it answered.
 *
 * A line is `call TAB argument TAB ...`, an answer `code TAB output TAB ...`. Arguments:
 *   key   $n a slot | hkcr hkcu hklm hku hkpd hkcc hkdd | #hex a number | - NULL
 *   text  - NULL | =characters, of which %XXXX is one UTF-16 unit
 * A handle that comes out is told as U untouched, 0 NULL, S the key passed, P a predefined key,
 * O the value of another open slot, N a new one, and is kept in the slot that the line names.
 * Build: x86_64-w64-mingw32-gcc -O1 driver.c -o driver.exe -ladvapi32 -lntdll
 */
#define UNICODE
#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <winternl.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS = 96, EVENTS = 16, ROOM = 1 << 21 };
#define POISON ((HKEY)(ULONG_PTR)0xdeadbee0u)

NTSTATUS NTAPI NtOpenKey(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES);
NTSTATUS NTAPI NtCreateKey(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, ULONG, PUNICODE_STRING, ULONG,
                           PULONG);
NTSTATUS NTAPI NtQueryKey(HANDLE, int, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtDeleteKey(HANDLE);
NTSTATUS NTAPI NtLoadKey(POBJECT_ATTRIBUTES, POBJECT_ATTRIBUTES);
NTSTATUS NTAPI NtUnloadKey(POBJECT_ATTRIBUTES);
WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR);

static HKEY slot[SLOTS];
static int is_open[SLOTS];
static HANDLE event[EVENTS];
static char line[400000], *field[16];
static BYTE data[ROOM];
static ULONG handles_before;
static LONG (WINAPI *rename_key)(HKEY, LPCWSTR, LPCWSTR);
static LONG (WINAPI *disable_ex)(void);
static void *escape[5];

static LONG CALLBACK crashed(EXCEPTION_POINTERS *what)
{
    if (what->ExceptionRecord->ExceptionCode == EXCEPTION_ACCESS_VIOLATION)
        __builtin_longjmp(escape, 1);
    return EXCEPTION_CONTINUE_SEARCH;
}

/* -- arguments ------------------------------------------------------------------------------- */

static ULONG number(int i) { return strtoul(field[i], 0, 0); }

static HKEY key(int i)
{
    static const struct { const char *name; HKEY key; } known[] = {
        { "hkcr", HKEY_CLASSES_ROOT }, { "hkcu", HKEY_CURRENT_USER }, { "hklm", HKEY_LOCAL_MACHINE },
        { "hku", HKEY_USERS }, { "hkpd", HKEY_PERFORMANCE_DATA }, { "hkcc", HKEY_CURRENT_CONFIG },
        { "hkdd", HKEY_DYN_DATA },
    };
    const char *text = field[i];
    if (*text == '$') return slot[atoi(text + 1)];
    if (*text == '#') return (HKEY)(ULONG_PTR)strtoull(text + 1, 0, 16);
    for (unsigned k = 0; k < sizeof known / sizeof *known; k++)
        if (!strcmp(text, known[k].name)) return known[k].key;
    return NULL;
}

static int unit(const char **at)
{
    char hex[5] = { 0 };
    if (**at != '%') return (unsigned char)*(*at)++;
    memcpy(hex, *at + 1, 4);
    *at += 5;
    return strtoul(hex, 0, 16);
}

static WCHAR *text(int i)
{
    static WCHAR rooms[6][70000];
    static int turn;
    const char *from = field[i];
    WCHAR *to = rooms[turn = (turn + 1) % 6], *start = to;
    if (*from++ != '=') return NULL;
    while (*from) *to++ = (WCHAR)unit(&from);
    *to = 0;
    return start;
}

static char *narrow(int i)
{
    static char room[70000];
    const char *from = field[i];
    char *to = room;
    if (*from++ != '=') return NULL;
    while (*from) *to++ = (char)unit(&from);
    *to = 0;
    return room;
}

static ULONG bytes(int i)
{
    ULONG length = strlen(field[i]) / 2;
    for (ULONG k = 0; k < length; k++) {
        char hex[3] = { field[i][2 * k], field[i][2 * k + 1], 0 };
        data[k] = (BYTE)strtoul(hex, 0, 16);
    }
    memset(data + length, 0xcc, 8);
    return length;
}

static void counted(UNICODE_STRING *to, WCHAR *from)
{
    to->Buffer = from;
    to->Length = from ? lstrlenW(from) * 2 : 0;
    to->MaximumLength = to->Length + 2;
}

static OBJECT_ATTRIBUTES *named(int which, HANDLE root, WCHAR *name, ULONG flags)
{
    static OBJECT_ATTRIBUTES attributes[2];
    static UNICODE_STRING names[2];
    OBJECT_ATTRIBUTES *a = &attributes[which];
    counted(&names[which], name);
    memset(a, 0, sizeof *a);
    a->Length = sizeof *a;
    a->RootDirectory = root;
    a->ObjectName = &names[which];
    a->Attributes = flags;
    return a;
}

/* -- answers --------------------------------------------------------------------------------- */

static void put(const WCHAR *from, int length)
{
    putchar('=');
    for (int i = 0; length < 0 ? from[i] != 0 : i < length; i++) {
        if (from[i] < 33 || from[i] > 126 || from[i] == '%') printf("%%%04X", from[i]);
        else putchar(from[i]);
    }
}

static void put_bytes(const BYTE *from, ULONG length)
{
    for (ULONG i = 0; i < length; i++) printf("%02x", from[i]);
}

static void put_sizes(LONG code, DWORD type, DWORD size)
{
    printf("%ld\t", code);
    if (type == 0xdead) printf("-1\t%lu", size);
    else printf("%lu\t%lu", type, size);
}

/* A closed handle's value may be given out again: no slot keeps one once a handle was opened. */
static void drop_stale(void)
{
    for (int i = 0; i < SLOTS; i++) {
        int live = is_open[i] || (ULONG)(ULONG_PTR)slot[i] >= 0x80000000u;
        for (int k = 0; k < SLOTS; k++) live |= is_open[k] && slot[k] == slot[i];
        if (!live) slot[i] = 0;
    }
}

static void forget(HKEY closed)
{
    for (int i = 0; i < SLOTS; i++) {
        if (slot[i] != closed) continue;
        is_open[i] = 0;
        if (i != atoi(field[1] + 1)) slot[i] = 0;
    }
}

static void put_handle(HKEY given, HKEY got, int to)
{
    char kind = 'N';
    if (got == POISON) kind = 'U';
    else if (!got) kind = '0';
    else if ((ULONG)(ULONG_PTR)got >= 0x80000000u) kind = 'P';
    else if (got == given) kind = 'S';
    else for (int i = 0; i < SLOTS; i++) if (is_open[i] && slot[i] == got) kind = 'O';
    printf("\t%c", kind);
    if (kind == 'N') drop_stale();
    slot[to] = kind == 'U' ? 0 : got;
    is_open[to] = kind == 'N';
}

/* -- this process ---------------------------------------------------------------------------- */

static int privilege(const WCHAR *name, BOOL on)
{
    HANDLE token;
    TOKEN_PRIVILEGES wanted = { .PrivilegeCount = 1 };
    OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token);
    LookupPrivilegeValueW(NULL, name, &wanted.Privileges[0].Luid);
    wanted.Privileges[0].Attributes = on ? SE_PRIVILEGE_ENABLED : 0;
    int done = AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL) && !GetLastError();
    CloseHandle(token);
    return done;
}

struct handle { void *object; ULONG_PTR pid, value; ULONG access; USHORT trace, type; ULONG a, b; };

static ULONG handles(void)
{
    ULONG got = 0, mine = 0;
    if (NtQuerySystemInformation(64, data, ROOM, &got)) return 0;
    ULONG_PTR count = *(ULONG_PTR *)data;
    struct handle *all = (struct handle *)(data + 2 * sizeof(ULONG_PTR));
    for (ULONG_PTR i = 0; i < count; i++) mine += all[i].pid == GetCurrentProcessId();
    return mine;
}

/* -- the calls ------------------------------------------------------------------------------- */

static int is(const char *name) { return !strcmp(field[0], name); }

static int open_or_close(HKEY k)
{
    HKEY h = POISON;
    DWORD made = 0xdead;
    LONG c;
    if (is("open")) {
        c = RegOpenKeyExW(k, text(2), number(4), number(3), &h);
        printf("%ld", c), put_handle(k, h, number(5));
    } else if (is("openA")) {
        c = RegOpenKeyExA(k, narrow(2), number(4), number(3), &h);
        printf("%ld", c), put_handle(k, h, number(5));
    } else if (is("opennull")) printf("%ld", RegOpenKeyExW(k, text(2), 0, KEY_READ, NULL));
    else if (is("opn")) {
        c = RegOpenKeyW(k, text(2), &h);
        printf("%ld", c), put_handle(k, h, number(3));
    } else if (is("create")) {
        c = RegCreateKeyExW(k, text(2), 0, text(5), number(4), number(3), NULL, &h, &made);
        printf("%ld", c), put_handle(k, h, number(6));
        printf("\t%s", made == 0xdead ? "U" : made == 1 ? "new" : made == 2 ? "old" : "0");
    } else if (is("creatednull"))
        printf("%ld", RegCreateKeyExW(k, text(2), 0, NULL, 0, KEY_READ, NULL, NULL, NULL));
    else if (is("close")) {
        c = RegCloseKey(k);
        printf("%ld", c);
        if (!c && *field[1] == '$') forget(k);
    } else if (is("connect")) {
        c = RegConnectRegistryW(text(2), k, &h);
        printf("%ld", c), put_handle(k, h, number(3));
    } else if (is("ocu")) {
        c = RegOpenCurrentUser(number(1), &h);
        printf("%ld", c), put_handle(0, h, number(2));
    } else if (is("ouc")) {
        HANDLE token;
        OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token);
        c = RegOpenUserClassesRoot(token, 0, number(1), &h);
        CloseHandle(token);
        printf("%ld", c), put_handle(0, h, number(2));
    } else if (is("discache")) printf("%ld", RegDisablePredefinedCache());
    else if (is("discacheex")) printf("%ld", disable_ex ? disable_ex() : -1);
    else if (is("override")) printf("%ld", RegOverridePredefKey(k, key(2))), drop_stale();
    else if (is("dup")) {
        HANDLE me = GetCurrentProcess();
        BOOL done = DuplicateHandle(me, (HANDLE)k, me, (HANDLE *)&h, 0, FALSE, DUPLICATE_SAME_ACCESS);
        printf("%ld", done ? 0 : (LONG)GetLastError()), put_handle(k, done ? h : 0, number(2));
    } else return 0;
    return 1;
}

static int values(HKEY k)
{
    static WCHAR name[17000];
    DWORD type = 0xdead, room = ROOM, length = 17000;
    LONG c;
    if (is("set")) {
        DWORD size = bytes(4);
        printf("%ld", RegSetValueExW(k, text(2), 0, number(3), data, size));
    } else if (is("query")) {
        c = RegQueryValueExW(k, text(2), 0, &type, data, &room);
        printf("%ld", c);
        if (!c) printf("\t%lu\t", type), put_bytes(data, room);
    } else if (is("querysz")) { /* key, name, room: code, type, size */
        room = number(3);
        c = RegQueryValueExW(k, text(2), 0, &type, data, &room);
        put_sizes(c, type, room);
    } else if (is("getval")) { /* key, subkey, name, flags */
        c = RegGetValueW(k, text(2), text(3), number(4), &type, data, &room);
        printf("%ld", c);
        if (!c) printf("\t%lu\t", type), put_bytes(data, room);
    } else if (is("getvalsz")) { /* key, subkey, name, flags, room: code, type, size */
        room = number(5);
        c = RegGetValueW(k, text(2), text(3), number(4), &type, data, &room);
        put_sizes(c, type, room);
    } else if (is("setkv")) { /* key, subkey, name, type, data */
        DWORD size = bytes(5);
        printf("%ld", RegSetKeyValueW(k, text(2), text(3), number(4), data, size));
    } else if (is("delval")) printf("%ld", RegDeleteValueW(k, text(2)));
    else if (is("enumv")) {
        c = RegEnumValueW(k, number(2), name, &length, 0, &type, data, &room);
        printf("%ld", c);
        if (!c) putchar('\t'), put(name, length), printf("\t%lu\t", type), put_bytes(data, room);
    } else if (is("enumvsz")) { /* key, index, room for the name, for the data: code, type, size */
        length = number(3), room = number(4);
        c = RegEnumValueW(k, number(2), name, &length, 0, &type, data, &room);
        put_sizes(c, type, room);
    } else if (is("vals")) {
        for (DWORD i = 0;; i++) {
            type = 0, room = ROOM, length = 17000;
            c = RegEnumValueW(k, i, name, &length, 0, &type, data, &room);
            if (c) break;
            put(name, length), printf(":%lu:", type), put_bytes(data, room), putchar('\t');
        }
        printf("%ld", c);
    } else return 0;
    return 1;
}

static int keys(HKEY k)
{
    WCHAR name[300];
    DWORD length = 300, subkeys, longest, longest_class, count, longest_name, longest_data, security;
    FILETIME written;
    LONG c;
    if (is("del")) printf("%ld", RegDeleteKeyW(k, text(2)));
    else if (is("delx")) printf("%ld", RegDeleteKeyExW(k, text(2), number(3), number(4)));
    else if (is("deltree")) printf("%ld", RegDeleteTreeW(k, text(2)));
    else if (is("copytree")) printf("%ld", RegCopyTreeW(k, text(2), key(3)));
    else if (is("rename")) printf("%ld", rename_key ? rename_key(k, text(2), text(3)) : -1);
    else if (is("enumk")) {
        c = RegEnumKeyExW(k, number(2), name, &length, 0, 0, 0, &written);
        printf("%ld", c);
        if (!c) putchar('\t'), put(name, length);
    } else if (is("enumksz")) {
        length = number(3);
        printf("%ld", RegEnumKeyExW(k, number(2), name, &length, 0, 0, 0, 0));
    } else if (is("subs")) {
        for (DWORD i = 0;; i++) {
            length = 300;
            c = RegEnumKeyExW(k, i, name, &length, 0, 0, 0, 0);
            if (c) break;
            put(name, length), putchar('\t');
        }
        printf("%ld", c);
    } else if (is("info")) {
        c = RegQueryInfoKeyW(k, name, &length, 0, &subkeys, &longest, &longest_class, &count,
                             &longest_name, &longest_data, &security, &written);
        printf("%ld", c);
        if (!c) {
            putchar('\t'), put(name, length);
            printf("\t%lu\t%lu\t%lu\t%lu\t%lu", subkeys, longest, count, longest_name, longest_data);
        }
    } else if (is("flush")) printf("%ld", RegFlushKey(k));
    else if (is("notify")) { /* key, event, subtree, filter */
        ResetEvent(event[number(2)]);
        printf("%ld", RegNotifyChangeKeyValue(k, number(3), number(4), event[number(2)], TRUE));
    } else if (is("sig")) printf("%s", WaitForSingleObject(event[number(1)], 0) ? "no" : "yes");
    else return 0;
    return 1;
}

static int hives(HKEY k)
{
    if (is("save")) printf("%ld", RegSaveKeyW(k, text(2), NULL));
    else if (is("load")) printf("%ld", RegLoadKeyW(k, text(2), text(3)));
    else if (is("unload")) printf("%ld", RegUnLoadKeyW(k, text(2)));
    else if (is("exists")) printf("%d", GetFileAttributesW(text(1)) != INVALID_FILE_ATTRIBUTES);
    else if (is("rmfile")) printf("%d", DeleteFileW(text(1)));
    else if (is("priv"))
        printf("%d", privilege(strcmp(field[1], "backup") ? SE_RESTORE_NAME : SE_BACKUP_NAME,
                               number(2)));
    else return 0;
    return 1;
}

static int native(HKEY k)
{
    HANDLE h = POISON;
    DWORD made = 0;
    ULONG size = 0;
    NTSTATUS s;
    if (is("ntopen")) { /* root, path, access, attributes, slot */
        s = NtOpenKey(&h, number(3), named(0, k, text(2), number(4)));
        printf("%08lx", s), put_handle(k, h, number(5));
    } else if (is("ntcreate")) { /* root, path, access, options, slot */
        s = NtCreateKey(&h, number(3), named(0, k, text(2), OBJ_CASE_INSENSITIVE), 0, NULL,
                        number(4), &made);
        printf("%08lx", s), put_handle(k, h, number(5));
        printf("\t%s", s ? "-" : made == 1 ? "new" : "old");
    } else if (is("ntclose")) {
        s = NtClose((HANDLE)k);
        printf("%08lx", s);
        if (!s && *field[1] == '$') forget(k);
    } else if (is("ntdelete")) printf("%08lx", NtDeleteKey((HANDLE)k));
    else if (is("ntname")) {
        s = NtQueryKey((HANDLE)k, 3, data, ROOM, &size);
        printf("%08lx", s);
        if (!s) putchar('\t'), put((WCHAR *)(data + 4), *(DWORD *)data / 2);
    } else if (is("ntload")) {
        UNICODE_STRING file;
        RtlDosPathNameToNtPathName_U(text(2), &file, NULL, NULL);
        printf("%08lx", NtLoadKey(named(0, 0, text(1), OBJ_CASE_INSENSITIVE),
                                  named(1, 0, file.Buffer, OBJ_CASE_INSENSITIVE)));
    } else if (is("ntunload"))
        printf("%08lx", NtUnloadKey(named(0, 0, text(1), OBJ_CASE_INSENSITIVE)));
    else return 0;
    return 1;
}

/* Another process: `spawn inherit` starts this program as a child that sleeps until its standard
 * input ends; `give key slot` duplicates a key into it, `kill` ends it. */
static int other(HKEY k)
{
    static PROCESS_INFORMATION child;
    static HANDLE feed;
    HANDLE copy = 0;
    if (is("spawn") && child.hProcess) putchar('1'); /* one child at a time */
    else if (is("spawn")) {
        SECURITY_ATTRIBUTES shared = { sizeof shared, NULL, TRUE };
        STARTUPINFOW start = { .cb = sizeof start };
        WCHAR command[400] = L"\"", *end;
        HANDLE from;
        CreatePipe(&from, &feed, &shared, 0);
        SetHandleInformation(feed, HANDLE_FLAG_INHERIT, 0);
        start.dwFlags = STARTF_USESTDHANDLES;
        start.hStdInput = from;
        end = command + 1 + GetModuleFileNameW(NULL, command + 1, 300);
        lstrcpyW(end, L"\" child");
        printf("%d", CreateProcessW(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child));
        handles_before += 3; /* the child, its thread and the pipe */
        drop_stale();
        CloseHandle(from);
    } else if (is("give")) {
        printf("%d", DuplicateHandle(GetCurrentProcess(), (HANDLE)k, child.hProcess, &copy, 0, FALSE,
                                     DUPLICATE_SAME_ACCESS));
    } else if (is("kill")) {
        printf("%d", child.hProcess != NULL);
        if (child.hProcess) {
            TerminateProcess(child.hProcess, 0);
            WaitForSingleObject(child.hProcess, 10000);
            CloseHandle(child.hProcess), CloseHandle(child.hThread), CloseHandle(feed);
            handles_before -= 3;
        }
        memset(&child, 0, sizeof child);
    } else return 0;
    return 1;
}

static int itself(void)
{
    if (is("hbase")) {
        for (int i = 0; i < EVENTS; i++)
            if (!event[i]) event[i] = CreateEventW(NULL, TRUE, FALSE, NULL);
        handles_before = handles();
        putchar('0');
    } else if (is("hcount")) printf("%ld", (long)(handles() - handles_before));
    else if (is("reset")) {
        for (int i = 0; i < SLOTS; i++) {
            if (is_open[i]) NtClose((HANDLE)slot[i]);
            is_open[i] = 0, slot[i] = 0;
        }
        for (int i = 0; i < EVENTS; i++) if (event[i]) ResetEvent(event[i]);
        putchar('0');
    } else if (is("upcase")) {
        for (int i = 0; i < 0x10000; i++) printf("%04X", RtlUpcaseUnicodeChar((WCHAR)i));
    } else if (is("sync")) printf("sync");
    else return 0;
    return 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "child")) {
        while (getchar() != EOF) {}
        return 0;
    }
    HMODULE advapi = LoadLibraryA("advapi32.dll");
    rename_key = (void *)GetProcAddress(advapi, "RegRenameKey");
    disable_ex = (void *)GetProcAddress(advapi, "RegDisablePredefinedCacheEx");
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    AddVectoredExceptionHandler(1, crashed);
    privilege(SE_BACKUP_NAME, TRUE), privilege(SE_RESTORE_NAME, TRUE);
    while (fgets(line, sizeof line, stdin)) {
        int n = 0;
        line[strcspn(line, "\r\n")] = 0;
        memset(field, 0, sizeof field);
        for (char *at = line; at && n < 15; n++) {
            field[n] = at;
            at = strchr(at, '\t');
            if (at) *at++ = 0;
        }
        if (is("quit")) break;
        if (__builtin_setjmp(escape)) puts("CRASH");
        else {
            HKEY k = n > 1 ? key(1) : NULL;
            if (!(open_or_close(k) || values(k) || keys(k) || hives(k) || native(k) || other(k)
                  || itself())) putchar('?');
            putchar('\n');
        }
        if (is("sync")) fflush(stdout);
    }
    return 0;
}
