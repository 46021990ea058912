/*
 * Puts the warden's programs into the kernel, becomes the user that it was given with CAP_BPF alone, and copies what the programs write to
 * standard output, for the watcher. It understands nothing of what it copies. When it ends, in whatever way, the kernel takes
 * programs and buffers away: nothing stays. It ends with the warden.
 *
 * Standard input: the programs (struct image), then commands (struct command) until its end, which ends it.
 * A mark comes back among the records, behind all that the kernel's programs had begun to tell when it came.
 * Standard output: records, each with its length before it (gateway/model/process-records.ts).
 * Standard error: "ready", or why nothing came of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* linux/bpf.h, which musl's headers do not bring. */
enum { MAP_CREATE = 0, MAP_LOOKUP = 1, MAP_UPDATE = 2, MAP_DELETE = 3, PROG_LOAD = 5, RAW_TRACEPOINT_OPEN = 17 };
enum { RAW_TRACEPOINT = 17 };
enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_PERCPU_ARRAY = 6, MAP_RINGBUF = 27 };

#define RING_SIZE (4u << 20)
#define RECORD_SIZE 24576u
#define MOST_WATCHED 4096u
#define MOST_PROGRAMS 32u
#define MOST_INSTRUCTIONS 4096u
#define BUSY (1u << 31)
#define DISCARDED (1u << 30)
/* Between two looks while much is going on, so that many records leave in one write. */
#define PAUSE_NS 4000000L

struct image {
    uint32_t count;
    char name[28];
};
enum { UNWATCH = 0, WATCH = 1, MARK = 2 };
struct command {
    uint32_t what, name_space;
    uint64_t number;
};
/* Marks that wait for the ring to be read so far; what is over it gets no answer. */
#define MOST_MARKS 256
struct mark {
    struct command command;
    uint64_t at;
};
struct insn {
    uint8_t code, registers;
    int16_t offset;
    int32_t value;
};

static int maps[4];
static char log_text[1 << 16];
static unsigned char out[1 << 18];
static size_t filled;
static struct mark marks[MOST_MARKS];
static unsigned marked;

static long bpf(int command, void *attributes, unsigned size)
{
    return syscall(SYS_bpf, command, attributes, size);
}

static void fail(const char *what)
{
    size_t length = strlen(log_text);
    dprintf(2, "failed: %s: %s\n%s\n", what, strerror(errno), length > 600 ? log_text + length - 600 : log_text);
    exit(1);
}

static void read_all(void *to, size_t size)
{
    for (char *at = to; size > 0;) {
        ssize_t got = read(0, at, size);
        if (got <= 0)
            exit(got == 0 ? 0 : 1);
        at += got;
        size -= got;
    }
}

static int create_map(uint32_t type, uint32_t key, uint32_t value, uint32_t most)
{
    struct { uint32_t type, key, value, most, flags, pad[13]; } attributes = { type, key, value, most };
    long fd = bpf(MAP_CREATE, &attributes, sizeof attributes);
    if (fd < 0)
        fail("a map could not be made");
    return fd;
}

static void map_call(int command, int map, const void *key, void *value)
{
    struct { uint32_t map, pad; uint64_t key, value, flags; } attributes = {
        map, 0, (uintptr_t)key, (uintptr_t)value, 0
    };
    bpf(command, &attributes, sizeof attributes);
}

static long load(const struct image *image, struct insn *code)
{
    struct {
        uint32_t type, count;
        uint64_t code, license;
        uint32_t log_level, log_size;
        uint64_t log;
        uint32_t version, flags;
        char name[16];
    } attributes = {
        RAW_TRACEPOINT, image->count, (uintptr_t)code, (uintptr_t)"Dual MIT/GPL", 0, 0, 0, 0, 0, "mitsubako"
    };
    long fd;
    for (uint32_t i = 0; i < image->count; i++)
        if (code[i].code == 0x18 && code[i].registers >> 4 == 1)
            code[i].value = maps[code[i].value & 3];
    fd = bpf(PROG_LOAD, &attributes, sizeof attributes);
    if (fd < 0) {
        int why = errno;
        attributes.log_level = 1;
        attributes.log = (uintptr_t)log_text;
        attributes.log_size = sizeof log_text;
        bpf(PROG_LOAD, &attributes, sizeof attributes);
        errno = why;
    }
    return fd;
}

static int attach(const struct image *image, int program)
{
    struct { uint64_t name; uint32_t program, pad; } attributes = {
        (uintptr_t)image->name, program, 0
    };
    return bpf(RAW_TRACEPOINT_OPEN, &attributes, sizeof attributes);
}

static void take_programs(void)
{
    static struct insn code[MOST_INSTRUCTIONS];
    uint32_t count;
    read_all(&count, sizeof count);
    if (count > MOST_PROGRAMS)
        exit(1);
    for (uint32_t i = 0; i < count; i++) {
        struct image image;
        long program;
        read_all(&image, sizeof image);
        if (image.count > MOST_INSTRUCTIONS)
            exit(1);
        read_all(code, image.count * sizeof *code);
        image.name[sizeof image.name - 1] = 0;
        program = load(&image, code);
        if (program < 0 || attach(&image, program) < 0)
            fail(image.name);
    }
}

/* All that it may do from here on is change the table of what is watched. */
static void become(unsigned user)
{
    struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
    /* Effective, permitted and inheritable of capabilities 0 to 31, then of 32 to 63: CAP_BPF is 39. */
    uint32_t sets[6] = { 0, 0, 0, 1u << 7, 1u << 7, 0 };
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, 0) || setresgid(user, user, user) || setresuid(user, user, user))
        fail("its user could not be changed");
    if (syscall(SYS_capset, &header, sets) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        fail("its rights could not be given up");
}

static void flush(void)
{
    for (size_t at = 0; at < filled;) {
        ssize_t wrote = write(1, out + at, filled - at);
        if (wrote <= 0)
            exit(0);
        at += wrote;
    }
    filled = 0;
}

static void put(const void *record, uint32_t size)
{
    if (filled + sizeof size + size > sizeof out)
        flush();
    memcpy(out + filled, &size, sizeof size);
    memcpy(out + filled + sizeof size, record, size);
    filled += sizeof size + size;
}

/* Loads and stores of x86-64 keep the order that the ring needs; the warden starts this nowhere else. */
static int drain(volatile uint64_t *consumer, const volatile uint64_t *producer, const unsigned char *data)
{
    uint64_t at = *consumer;
    int any = 0;
    while (at < *producer) {
        uint32_t head = *(const volatile uint32_t *)(data + (at & (RING_SIZE - 1)));
        uint32_t size = head & ~(BUSY | DISCARDED);
        if (head & BUSY)
            break;
        if (!(head & DISCARDED))
            put(data + (at & (RING_SIZE - 1)) + 8, size);
        at += (size + 8 + 7) & ~7u;
        *consumer = at;
        any = 1;
    }
    return any;
}

/* Tells how many records were lost, and how many were over the budget, since the last time. */
static void tell_lost(void)
{
    static uint64_t told[2];
    struct { uint32_t kind, pad; uint64_t counts[2]; } record = { 0, 0, { 0, 0 } };
    uint64_t now[2] = { 0, 0 };
    for (uint32_t i = 0; i < 2; i++) {
        map_call(MAP_LOOKUP, maps[3], &i, &now[i]);
        record.counts[i] = now[i] - told[i];
        told[i] = now[i];
    }
    if (record.counts[0] || record.counts[1])
        put(&record, sizeof record);
}

static void take_command(uint64_t produced)
{
    struct command command;
    uint64_t value[2] = { 0, 0 };
    read_all(&command, sizeof command);
    if (command.what != MARK)
        map_call(command.what == WATCH ? MAP_UPDATE : MAP_DELETE, maps[1], &command.name_space, value);
    else if (marked < MOST_MARKS)
        marks[marked++] = (struct mark){ command, produced };
}

static void put_marks(uint64_t consumed)
{
    unsigned done = 0;
    for (; done < marked && marks[done].at <= consumed; done++) {
        struct { uint32_t kind, name_space; uint64_t number, zero; } record = {
            7, marks[done].command.name_space, marks[done].command.number, 0
        };
        put(&record, sizeof record);
    }
    marked -= done;
    memmove(marks, marks + done, marked * sizeof *marks);
}

int main(int count, char **arguments)
{
    size_t page = sysconf(_SC_PAGESIZE);
    struct timespec pause = { 0, PAUSE_NS };
    uint64_t *consumer;
    unsigned char *producer;
    if (count != 2)
        return 2;
    maps[0] = create_map(MAP_RINGBUF, 0, 0, RING_SIZE);
    maps[1] = create_map(MAP_HASH, 4, 16, MOST_WATCHED);
    maps[2] = create_map(MAP_PERCPU_ARRAY, 4, RECORD_SIZE, 1);
    maps[3] = create_map(MAP_ARRAY, 4, 8, 2);
    take_programs();
    consumer = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, maps[0], 0);
    producer = mmap(0, page + 2 * (size_t)RING_SIZE, PROT_READ, MAP_SHARED, maps[0], page);
    if (consumer == MAP_FAILED || producer == MAP_FAILED)
        fail("the ring could not be mapped");
    become(strtoul(arguments[1], 0, 10));
    dprintf(2, "ready\n");
    for (;;) {
        struct pollfd ends[2] = { { 0, POLLIN, 0 }, { maps[0], POLLIN, 0 } };
        /* A record that another processor is still writing holds up a mark for a moment. */
        int any, ready = poll(ends, 2, marked ? 1 : 1000);
        if (ready < 0 && errno != EINTR)
            return 1;
        if (ends[0].revents)
            take_command(*(const volatile uint64_t *)producer);
        any = drain(consumer, (const uint64_t *)producer, producer + page);
        tell_lost();
        put_marks(*consumer);
        flush();
        if (any)
            nanosleep(&pause, 0);
    }
}
