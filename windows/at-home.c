/* Runs a program whose home folder is the Unix path in $AT_HOME, and ends as it does: Wine sets USERPROFILE and APPDATA
 * itself for what is started from Unix. For tests.
 *
 *   x86_64-w64-mingw32-gcc -municode -o at-home.exe at-home.c
 *   at-home.exe PROGRAM ARGUMENT… */
#include <stdio.h>
#include <stdlib.h>
#include "child.h"

int wmain(void) {
    wchar_t home[MAX_PATH], data[MAX_PATH];
    const wchar_t *unix_home = _wgetenv(L"AT_HOME");
    PROCESS_INFORMATION child;
    DWORD code = 1;

    if (!unix_home || swprintf(home, MAX_PATH, L"Z:%ls", unix_home) < 0)
        return 1;
    for (wchar_t *unit = home; *unit; unit++) {
        if (*unit == L'/')
            *unit = L'\\';
    }
    SetEnvironmentVariableW(L"USERPROFILE", home);
    if (swprintf(data, MAX_PATH, L"%ls\\AppData\\Roaming", home) < 0)
        return 1;
    SetEnvironmentVariableW(L"APPDATA", data);
    if (!start(GetStdHandle(STD_INPUT_HANDLE), GetStdHandle(STD_OUTPUT_HANDLE), GetStdHandle(STD_ERROR_HANDLE), &child)) {
        printf("cannot start it: error %lu\n", GetLastError());
        return 1;
    }
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    return (int)code;
}
