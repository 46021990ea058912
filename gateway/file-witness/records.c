/* What the file witness says, on standard output. */
#include "witness.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = write(1, at, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(0); /* The warden is gone. */
        at += n;
        length -= n;
    }
}

/* The path as the sandbox sees it: the descriptor's mount is the sandbox's own. */
uint32_t path_of(int fd, int is_gone, char *path, size_t room) {
    static const char suffix[] = " (deleted)";
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, room);
    if (n <= 0) return 0; /* Longer than the kernel can say. */
    size_t tail = sizeof suffix - 1;
    if (is_gone && (size_t)n > tail && memcmp(path + n - tail, suffix, tail) == 0) n -= tail;
    return n;
}

void put_content(int fd, uint64_t most) {
    static char piece[1 << 16];
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(fd, piece, sizeof piece, at);
        if (n < 0 && errno == EINTR) continue;
        uint32_t length = n < 0 || (uint64_t)n > most ? BROKEN : n;
        put(&length, sizeof length);
        if (length == BROKEN || length == END) break;
        put(piece, n);
        at += n;
        most -= n;
    }
}

int are_equal(int one, int other, uint64_t size) {
    static char pieces[2][4096];
    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(one, pieces[0], sizeof pieces[0], at);
        if (n <= 0 || pread(other, pieces[1], n, at) != n || memcmp(pieces[0], pieces[1], n) != 0) return 0;
        at += n;
    }
    return 1;
}
