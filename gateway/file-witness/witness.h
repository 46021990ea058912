/* What the parts of the file witness share. */
#include <stddef.h>
#include <stdint.h>

enum { READY = 1, SEEN = 2, SKIPPED = 3, OVERFLOW = 4 };
enum { RUN = 1, DELETED = 2, RUN_AND_DELETED = 3 };
enum { KEPT = 0, TOO_LARGE = 1, TOTAL_REACHED = 4, AS_BEFORE = 5 };

/* Before every record; the path's bytes follow, then for KEPT the content in pieces, each after its length (END: whole, BROKEN: not). */
struct record {
    uint8_t kind, how, left_out, zero;
    uint32_t path_length, pid, uid;
    /* The number of this record's content, or for AS_BEFORE of that of the same file. */
    uint32_t number, owner;
    /* The process as the sandbox numbers it, 0 where it had ended. */
    uint32_t inside, zeros;
    /* Microseconds since 1970; bytes. For SKIPPED, size is the number of files. */
    uint64_t time, size;
};
#define END 0u
#define BROKEN 0xffffffffu

/* Ends with what the system says of the call that failed. */
void fail(const char *what);

/* The kernel counts fanotify groups as this user's. Every right stays, and so does the way back. */
void pay_as(uint32_t payer);

/* From here on: no right of root, no network, nothing to be opened for writing, no other program. */
void give_up_rights(uint32_t uid);

void put(const void *bytes, size_t length);
/* Into `path`, at most `room` bytes, the path of an open file as the sandbox sees it. Gives its length, 0 where it is too long to be said. */
uint32_t path_of(int fd, int is_gone, char *path, size_t room);
/* The content of an open file in pieces; BROKEN where there are more bytes than `most`, or they cannot be read. */
void put_content(int fd, uint64_t most);
