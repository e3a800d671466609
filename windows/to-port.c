/* Joins its standard streams with a TCP port of loopback. For tests, in which a program beyond Wine is what another
 * starts: Wine gives those no pipes.
 *
 *   x86_64-w64-mingw32-gcc -o to-port.exe to-port.c -lws2_32
 *   to-port.exe PORT */
#include <winsock2.h>
#include <stdlib.h>
#include <windows.h>

static char there[64 * 1024], back[64 * 1024];

static DWORD WINAPI to_there(void *stream) {
    DWORD count;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), there, sizeof there, &count, NULL) && count > 0)
        for (int sent = 0, part; sent < (int)count; sent += part)
            if ((part = send(*(SOCKET *)stream, there + sent, (int)count - sent, 0)) <= 0)
                return 1;
    shutdown(*(SOCKET *)stream, SD_SEND);
    return 0;
}

int main(int words, char **word) {
    WSADATA sockets;
    struct sockaddr_in port = {.sin_family = AF_INET};
    if (words != 2 || WSAStartup(MAKEWORD(2, 2), &sockets) != 0)
        return 2;
    port.sin_port = htons((unsigned short)atoi(word[1]));
    port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SOCKET stream = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(stream, (struct sockaddr *)&port, sizeof port) != 0)
        return 1;
    CloseHandle(CreateThread(NULL, 0, to_there, &stream, 0, NULL));
    DWORD written;
    for (int count; (count = recv(stream, back, sizeof back, 0)) > 0;)
        if (!WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), back, (DWORD)count, &written, NULL))
            break;
    return 0;
}
