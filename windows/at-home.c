/* Runs a program whose home folder is the Unix path in $AT_HOME, and ends as it does: Wine sets USERPROFILE itself for
 * what is started from Unix. For tests.
 *
 *   x86_64-w64-mingw32-gcc -municode -o at-home.exe at-home.c
 *   at-home.exe PROGRAM ARGUMENT… */
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

/* The command line without its first word, which is this program. */
static wchar_t *rest(wchar_t *line) {
    wchar_t end = *line == L'"' ? *line++ : L' ';
    while (*line && *line != end)
        line++;
    if (*line == L'"')
        line++;
    return line + wcsspn(line, L" ");
}

int wmain(void) {
    wchar_t home[MAX_PATH];
    const wchar_t *unix_home = _wgetenv(L"AT_HOME");
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION child;
    DWORD code = 1;

    if (!unix_home || swprintf(home, MAX_PATH, L"Z:%ls", unix_home) < 0)
        return 1;
    for (wchar_t *unit = home; *unit; unit++) {
        if (*unit == L'/')
            *unit = L'\\';
    }
    SetEnvironmentVariableW(L"USERPROFILE", home);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessW(NULL, rest(GetCommandLineW()), NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child)) {
        printf("cannot start it: error %lu\n", GetLastError());
        return 1;
    }
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    return (int)code;
}
