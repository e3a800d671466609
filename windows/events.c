/* Runs a program, and ends as it does. Meanwhile, whenever the file named by $EVENTS_ASK is there, it is removed, and the
 * program told of the console event with the number in it, e.g. 0 for Ctrl-C. For tests.
 *
 *   x86_64-w64-mingw32-gcc -municode -o events.exe events.c
 *   events.exe PROGRAM ARGUMENT… */
#include <stdio.h>
#include "child.h"

static void obey(const wchar_t *path, HANDLE program) {
    int event = 0;
    FILE *file = _wfopen(path, L"r");
    if (!file)
        return;
    int is_one = fscanf(file, "%d", &event) == 1;
    fclose(file);
    DeleteFileW(path);
    if (is_one)
        tell(program, (DWORD_PTR)event);
}

int wmain(void) {
    const wchar_t *ask = _wgetenv(L"EVENTS_ASK");
    PROCESS_INFORMATION child;
    DWORD code = 1;
    if (!ask || !start(GetStdHandle(STD_INPUT_HANDLE), GetStdHandle(STD_OUTPUT_HANDLE),
                       GetStdHandle(STD_ERROR_HANDLE), &child)) {
        printf("cannot start it: error %lu\n", GetLastError());
        return 1;
    }
    while (WaitForSingleObject(child.hProcess, 50) == WAIT_TIMEOUT)
        obey(ask, child.hProcess);
    GetExitCodeProcess(child.hProcess, &code);
    return (int)code;
}
