/* What the programs here that run another have in common. */
#include <wchar.h>
#include <windows.h>

/* The command line without its first word, which is the program's own name. */
static inline wchar_t *rest(wchar_t *line) {
    wchar_t end = *line == L'"' ? *line++ : L' ';
    while (*line && *line != end)
        line++;
    if (*line == L'"')
        line++;
    return line + wcsspn(line, L" ");
}

/* Starts the program that the command line names, with these standard streams. */
static inline BOOL start(HANDLE in, HANDLE out, HANDLE error, PROCESS_INFORMATION *child) {
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    startup.hStdInput = in;
    startup.hStdOutput = out;
    startup.hStdError = error;
    return CreateProcessW(NULL, rest(GetCommandLineW()), NULL, NULL, TRUE, 0, NULL, NULL, &startup, child);
}

/* Tells a program of a console event, as the system does it: by a thread in the program that runs the handlers, then
 * ends it. */
static inline void tell(HANDLE program, DWORD_PTR event) {
    FARPROC routine = GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "CtrlRoutine");
    HANDLE thread = CreateRemoteThread(program, NULL, 0, (LPTHREAD_START_ROUTINE)(void *)routine,
                                       (void *)event, 0, NULL);
    if (thread)
        CloseHandle(thread);
}
