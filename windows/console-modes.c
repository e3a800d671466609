/* Runs a program in this console, then says its exit code, which becomes its own, and whether the console's
 * modes and code pages are as before. For tests.
 *
 *   x86_64-w64-mingw32-gcc -municode -o console-modes.exe console-modes.c
 *   console-modes.exe PROGRAM ARGUMENT…
 *
 * Meanwhile it does what Wine's conhost cannot when it is driven from a Unix terminal: whenever the file
 * named by $CONSOLE_MODES_ASK is there, it is removed, and its line obeyed.
 *
 *   key CODE        types the character with this code, e.g. 3 for Ctrl-C
 *   size COLUMNS ROWS   resizes the console
 *   event NUMBER    tells the program of a console event, e.g. 1 for Ctrl-Break, 2 for a closed window */
#include <stdio.h>
#include <stdlib.h>
#include "child.h"

struct console {
    DWORD input, output;
    UINT input_page, output_page;
};

static struct console look(void) {
    struct console now = {0};
    GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &now.input);
    GetConsoleMode(GetStdHandle(STD_OUTPUT_HANDLE), &now.output);
    now.input_page = GetConsoleCP();
    now.output_page = GetConsoleOutputCP();
    return now;
}

static void type(WORD unit) {
    INPUT_RECORD keys[2] = {{.EventType = KEY_EVENT}};
    DWORD written;
    keys[0].Event.KeyEvent.bKeyDown = TRUE;
    keys[0].Event.KeyEvent.wRepeatCount = 1;
    keys[0].Event.KeyEvent.uChar.UnicodeChar = unit;
    keys[1] = keys[0];
    keys[1].Event.KeyEvent.bKeyDown = FALSE;
    WriteConsoleInputW(GetStdHandle(STD_INPUT_HANDLE), keys, 2, &written);
}

/* The window must never be larger than the buffer behind it. */
static void resize(SHORT columns, SHORT rows) {
    HANDLE console = GetStdHandle(STD_OUTPUT_HANDLE);
    SMALL_RECT least = {0, 0, 0, 0}, window = {0, 0, columns - 1, rows - 1};
    COORD size = {columns, rows};
    SetConsoleWindowInfo(console, TRUE, &least);
    SetConsoleScreenBufferSize(console, size);
    SetConsoleWindowInfo(console, TRUE, &window);
}

static void obey(const wchar_t *path, HANDLE program) {
    int first = 0, second = 0;
    FILE *file = _wfopen(path, L"r");
    if (!file)
        return;
    char line[64] = "";
    fgets(line, sizeof line, file);
    fclose(file);
    DeleteFileW(path);
    if (sscanf(line, "key %d", &first) == 1)
        type((WORD)first);
    else if (sscanf(line, "size %d %d", &first, &second) == 2)
        resize((SHORT)first, (SHORT)second);
    else if (sscanf(line, "event %d", &first) == 1)
        tell(program, (DWORD_PTR)first);
}

/* Ctrl-C is the program's. */
static BOOL WINAPI stay(DWORD event) {
    return event == CTRL_C_EVENT;
}

int wmain(void) {
    const wchar_t *ask = _wgetenv(L"CONSOLE_MODES_ASK");
    PROCESS_INFORMATION child;
    struct console before = look(), after;
    DWORD code = 0;

    if (!before.input || !before.output) {
        puts("modes: no console");
        return 1;
    }
    SetConsoleCtrlHandler(stay, TRUE);
    if (!start(GetStdHandle(STD_INPUT_HANDLE), GetStdHandle(STD_OUTPUT_HANDLE), GetStdHandle(STD_ERROR_HANDLE), &child)) {
        printf("modes: cannot start it: error %lu\n", GetLastError());
        return 1;
    }
    while (WaitForSingleObject(child.hProcess, 50) == WAIT_TIMEOUT) {
        if (ask)
            obey(ask, child.hProcess);
    }
    GetExitCodeProcess(child.hProcess, &code);
    after = look();
    printf("code %lu\n", code);
    puts(memcmp(&before, &after, sizeof before) ? "changed" : "same");
    return (int)code;
}
