/* Gives an ssh-agent that listens on a TCP port of loopback the named pipe of one on Windows. For tests, in which
 * the agent is OpenSSH's own, beyond Wine.
 *
 *   x86_64-w64-mingw32-gcc -o agent-pipe.exe agent-pipe.c -lws2_32
 *   agent-pipe.exe PIPE PORT
 *
 * Says "listening" once the pipe is there. */
#include <winsock2.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

/* The longest message that agents take. */
#define LONGEST (256 * 1024)

static unsigned short port;

static SOCKET dial(void) {
    struct sockaddr_in agent = {.sin_family = AF_INET, .sin_port = htons(port)};
    SOCKET stream = socket(AF_INET, SOCK_STREAM, 0);
    agent.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(stream, (struct sockaddr *)&agent, sizeof agent) == 0)
        return stream;
    closesocket(stream);
    return INVALID_SOCKET;
}

static int from_pipe(HANDLE pipe, char *bytes, DWORD wanted) {
    for (DWORD got; wanted > 0; bytes += got, wanted -= got)
        if (!ReadFile(pipe, bytes, wanted, &got, NULL) || got == 0)
            return 0;
    return 1;
}

static int from_agent(SOCKET agent, char *bytes, int wanted) {
    for (int got; wanted > 0; bytes += got, wanted -= got)
        if ((got = recv(agent, bytes, wanted, 0)) <= 0)
            return 0;
    return 1;
}

static unsigned length(const char *message) {
    const unsigned char *bytes = (const unsigned char *)message;
    return (unsigned)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* One request to the agent and its answer; each begins with its length. */
static int exchange(HANDLE pipe, SOCKET agent, char *message) {
    DWORD written;
    if (!from_pipe(pipe, message, 4) || length(message) > LONGEST ||
        !from_pipe(pipe, message + 4, length(message)))
        return 0;
    send(agent, message, 4 + (int)length(message), 0);
    if (!from_agent(agent, message, 4) || length(message) > LONGEST ||
        !from_agent(agent, message + 4, (int)length(message)))
        return 0;
    return WriteFile(pipe, message, 4 + length(message), &written, NULL);
}

static DWORD WINAPI serve(void *pipe) {
    SOCKET agent = dial();
    char *message = malloc(4 + LONGEST);
    while (agent != INVALID_SOCKET && exchange(pipe, agent, message))
        ;
    free(message);
    closesocket(agent);
    FlushFileBuffers(pipe);
    CloseHandle(pipe);
    return 0;
}

int main(int count, char **words) {
    WSADATA sockets;
    if (count != 3 || WSAStartup(MAKEWORD(2, 2), &sockets) != 0)
        return 2;
    port = (unsigned short)atoi(words[2]);
    for (int said = 0;; said = 1) {
        HANDLE pipe = CreateNamedPipeA(words[1], PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE | PIPE_WAIT,
                                       PIPE_UNLIMITED_INSTANCES, LONGEST, LONGEST, 0, NULL);
        if (pipe == INVALID_HANDLE_VALUE)
            return 1;
        if (!said) {
            puts("listening");
            fflush(stdout);
        }
        if (!ConnectNamedPipe(pipe, NULL) && GetLastError() != ERROR_PIPE_CONNECTED)
            CloseHandle(pipe);
        else
            CloseHandle(CreateThread(NULL, 0, serve, pipe, 0, NULL));
    }
}
