/* What the parts of the file witness share. */
#include <stddef.h>
#include <stdint.h>

enum { READY = 1, SEEN = 2, SKIPPED = 3, OVERFLOW = 4, MARKED = 5 };
/* READ: by a process that runs an interpreter, which may have been given it as its script. */
enum { RUN = 1, DELETED = 2, RUN_AND_DELETED = 3, READ = 4 };
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
    /* When the process was seen to do it: microseconds of CLOCK_MONOTONIC. */
    uint64_t seen;
};
#define END 0u
#define BROKEN 0xffffffffu

/* Ends with what the system says of the call that failed. */
void fail(const char *what);

/* The kernel counts fanotify groups as this user's. Every right stays, and so does the way back. */
void pay_as(uint32_t payer);

/* From here on: no right of root, no network, nothing to be opened for writing, no other program. */
void give_up_rights(uint32_t uid);

enum program { ANOTHER = 0, INTERPRETER, ACCOUNT_TOOL };
/* A process runs the open file. Only the image's own unchanged programs are account tools. */
void now_runs(uint32_t pid, int fd, int is_images);
enum program program_run_by(uint32_t pid);
/* Whether that process runs, or ran, an interpreter that has not opened much yet; the second counts it. */
int runs_interpreter(uint32_t pid);
int may_read_script(uint32_t pid);
/* Whether it is one of the files that account tools write anew at each call, or a lock of theirs. */
int is_account_file(const char *path, uint32_t length);
/* Whether two open files of that size have the same content. */
int are_equal(int one, int other, uint64_t size);

void put(const void *bytes, size_t length);
/* Into `path`, at most `room` bytes, the path of an open file as the sandbox sees it. Gives its length, 0 where it is too long to be said. */
uint32_t path_of(int fd, int is_gone, char *path, size_t room);
/* The content of an open file in pieces; BROKEN where there are more bytes than `most`, or they cannot be read. */
void put_content(int fd, uint64_t most);
