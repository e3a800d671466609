/* Runs a program in what mintty gives one for a terminal: pipes, which only their names tell from others. For tests.
 *
 *   x86_64-w64-mingw32-gcc -municode -o mintty-pipes.exe mintty-pipes.c
 *   mintty-pipes.exe PROGRAM ARGUMENT… */
#include "child.h"

/* One end for the program, which inherits it; the other stays open here, unread. */
static HANDLE pipe_end(const wchar_t *name) {
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 4096, 4096, 0, NULL);
    return CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, &inherited, OPEN_EXISTING, 0, NULL);
}

int wmain(void) {
    PROCESS_INFORMATION child;
    DWORD code = 1;
    HANDLE in = pipe_end(L"\\\\.\\pipe\\msys-1888ae32e00d56aa-pty0-from-master");
    HANDLE out = pipe_end(L"\\\\.\\pipe\\msys-1888ae32e00d56aa-pty0-to-master");
    if (!start(in, out, GetStdHandle(STD_ERROR_HANDLE), &child))
        return 1;
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    return (int)code;
}
