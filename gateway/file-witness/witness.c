/*
 * The file witness of one sandbox: sees what is run or deleted in it, from outside.
 *
 *     witness LARGEST TOTAL BEGAN UID PAYER HINTS FOLDER...
 *
 * FOLDER is a path into each of the sandbox's file systems that can be written, HINTS one into the file system below the first,
 * where that holds nothing else (or -), LARGEST the bytes of the largest content that is told, TOTAL the bytes told in all, BEGAN
 * the second since 1970 before which files are the image's, UID the user to go on as, PAYER the one whose share of the kernel's
 * groups is used: 128 of each user at once (fs.fanotify.max_user_groups), root's too.
 *
 * The kernel hands over with each event an open descriptor of the very file, so it may be deleted the next moment: whoever holds
 * a descriptor has the content. Standard output takes records, contents included (warden/file-witness-records.ts reads them):
 * this process writes no file. A byte on standard input asks for all that was done up to now, at whose end a record is told; it ends
 * when standard input does, after a last look. Nothing that a sandbox does waits for it:
 * no permission events, a bounded queue whose overflow is told.
 */
#define _GNU_SOURCE
#include "witness.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Files written here and still linked, whose descriptor is held; the one that was longest left alone makes room. */
#define MOST_HELD 1024
/* A deletion has it looked at once, but looks never take more than a tenth of the time. */
#define SHARE 10
/* Records told at once, and microseconds for one more afterwards; what is more is counted, and told each second. */
#define BURST 1000ull
#define PAUSE 50000ull
/* Microseconds between two looks at what is held; longer when nothing happens, and never more than a hundredth of the time. */
#define LOOK_EVERY 20000
#define LOOK_EVERY_QUIET 250000
#define QUIET_AFTER 10000000

/* Bytes of the largest script, and of the largest greeting. */
#define LARGEST_SCRIPT (1 << 20)
/* How often one content is looked at as a script. */
#define MOST_READS 4

/* Reads of a queue, one after the other: more than a full queue takes. */
#define MOST_AT_ONCE 100

struct held {
    /* is_told: that content was, under `number`, and nobody has written since. by_tool: an account tool wrote it last. */
    int fd, was_run, is_told, by_tool, reads;
    /* reader: whose reading was told last. */
    uint32_t pid, inside, uid, number, reader;
    dev_t dev;
    ino_t ino;
    uint64_t touched, size;
};

static struct held table[MOST_HELD];
static int held_count;
static uint64_t largest, total_left, began, skipped, lost_events;
static uint32_t numbers;
/* The events themselves; and hints, without descriptors, that some link count changed. overlayfs has none to give, what it lies on does. */
static int group = -1, hints = -1;
/* Files that are opened: apart, so that no flood of them drowns what is written and run. */
static int opens = -1;
static char buffer[16384] __attribute__((aligned(8)));

static uint64_t now_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Whether a record may be told now. */
static int take_turn(void) {
    /* Microseconds saved up. */
    static uint64_t saved = BURST * PAUSE, last;
    uint64_t now = now_of(CLOCK_MONOTONIC);
    saved += last == 0 ? 0 : now - last;
    last = now;
    if (saved > BURST * PAUSE) saved = BURST * PAUSE;
    if (saved < PAUSE) return 0;
    saved -= PAUSE;
    return 1;
}

static void tell_skipped(void) {
    struct record r = {0};
    r.time = now_of(CLOCK_REALTIME);
    if (skipped > 0) {
        r.kind = SKIPPED;
        r.size = skipped;
        put(&r, sizeof r);
    }
    if (lost_events > 0) {
        r.kind = OVERFLOW;
        r.size = lost_events;
        put(&r, sizeof r);
    }
    skipped = lost_events = 0;
}

static void tell(struct held *h, const struct stat *st, int how) {
    char path[PATH_MAX];
    struct record r = {0};
    if (!take_turn()) {
        skipped++;
        return;
    }
    r.kind = SEEN;
    r.how = how;
    r.pid = h->pid;
    r.inside = h->inside;
    r.uid = h->uid;
    r.owner = st->st_uid;
    r.time = now_of(CLOCK_REALTIME);
    r.size = st->st_size;
    r.seen = h->touched;
    r.path_length = path_of(h->fd, st->st_nlink == 0, path, sizeof path);
    if (h->is_told) r.left_out = AS_BEFORE;
    else if ((uint64_t)st->st_size > largest) r.left_out = TOO_LARGE;
    else if ((uint64_t)st->st_size > total_left) r.left_out = TOTAL_REACHED;
    r.number = r.left_out == AS_BEFORE ? h->number : ++numbers;
    put(&r, sizeof r);
    put(path, r.path_length);
    if (r.left_out == KEPT) {
        if (how != READ) total_left -= st->st_size;
        put_content(h->fd, how == READ ? LARGEST_SCRIPT : largest);
    }
    h->number = r.number;
    h->is_told = 1;
}

static void drop(int place) {
    close(table[place].fd);
    table[place] = table[--held_count];
}

/* What the system writes anew each time. Nothing that somebody brought can pass for it. */
static int is_noise(const struct held *h, const struct stat *st) {
    static const char greeting[] = "/run/motd.dynamic";
    char path[PATH_MAX], other[PATH_MAX];
    /* Empty ones are locks and marks. */
    if (st->st_size == 0) return 1;
    if (h->was_run) return 0;
    uint32_t length = path_of(h->fd, 1, path, sizeof path);
    if (h->by_tool && is_account_file(path, length)) return 1;
    /* The greeting of each login; the same content again is told once, if it does not stay. */
    if (length != sizeof greeting - 1 || memcmp(path, greeting, length) != 0) return 0;
    for (int i = 0; i < held_count; i++)
        if (&table[i] != h && table[i].size == (uint64_t)st->st_size && st->st_size <= LARGEST_SCRIPT &&
            path_of(table[i].fd, 1, other, sizeof other) == length && memcmp(path, other, length) == 0)
            return are_equal(h->fd, table[i].fd, st->st_size);
    return 0;
}

/* Tells those that are linked no more, and lets go of them: what they took is free again inside. */
static void look(void) {
    struct stat st;
    for (int i = held_count - 1; i >= 0; i--) {
        struct held *h = &table[i];
        if (fstat(h->fd, &st) == 0 && st.st_nlink > 0) continue;
        if (!is_noise(h, &st)) tell(h, &st, h->was_run ? RUN_AND_DELETED : DELETED);
        drop(i);
    }
}

static struct held *find(const struct stat *st) {
    for (int i = 0; i < held_count; i++)
        if (table[i].ino == st->st_ino && table[i].dev == st->st_dev) return &table[i];
    return NULL;
}

static struct held *hold(int fd, const struct stat *st) {
    struct held *known = find(st);
    if (known) {
        /* The newest has the name by which it was used last. */
        close(known->fd);
        known->fd = fd;
        return known;
    }
    if (held_count == MOST_HELD) look();
    if (held_count == MOST_HELD) {
        int oldest = 0;
        for (int i = 1; i < held_count; i++)
            if (table[i].touched < table[oldest].touched) oldest = i;
        drop(oldest);
    }
    struct held *h = &table[held_count++];
    memset(h, 0, sizeof *h);
    h->fd = fd;
    h->dev = st->st_dev;
    h->ino = st->st_ino;
    return h;
}

/* Whether the process is of this machine itself, not of a sandbox; its user and number there. One that has ended is the sandbox's. */
static int is_ours(uint32_t pid, uint32_t *uid, uint32_t *inside) {
    char name[32], text[4096];
    *uid = 0xffffffffu;
    *inside = 0;
    snprintf(name, sizeof name, "/proc/%u/status", pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return 0;
    text[n] = 0;
    /* The name that stands before these is escaped by the kernel, so that it cannot begin a line. */
    char *line = strstr(text, "\nUid:\t");
    if (line) *uid = strtoul(line + 6, NULL, 10);
    line = strstr(text, "\nNSpid:\t");
    if (!line) return 0;
    /* One number for each namespace, the innermost last. */
    line += 8;
    size_t length = strcspn(line, "\n");
    if (strspn(line, "0123456789") == length) return 1;
    line[length] = 0;
    *inside = strtoul(strrchr(line, '\t') + 1, NULL, 10);
    return 0;
}

/* Whether it was opened as a script is known to who knows the process' arguments. */
static void opened(const struct fanotify_event_metadata *event) {
    struct stat st;
    if (!runs_interpreter(event->pid) || fstat(event->fd, &st) != 0 || !S_ISREG(st.st_mode)) return;
    struct held *h = find(&st);
    if (!h || h->is_told || h->reads >= MOST_READS || st.st_size == 0 || st.st_size > LARGEST_SCRIPT) return;
    /* Who wrote it opened it for that. */
    if (h->pid == event->pid || h->reader == event->pid || !may_read_script(event->pid)) return;
    struct held reader = *h;
    if (is_ours(event->pid, &reader.uid, &reader.inside)) return;
    h->reads++;
    h->reader = event->pid;
    reader.fd = event->fd;
    reader.pid = event->pid;
    reader.touched = now_of(CLOCK_MONOTONIC);
    tell(&reader, &st, READ);
}

static void witness(const struct fanotify_event_metadata *event) {
    struct stat st;
    uint32_t uid, inside;
    int written = (event->mask & FAN_CLOSE_WRITE) != 0;
    int run = (event->mask & FAN_OPEN_EXEC) != 0;
    if (fstat(event->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(event->fd);
        return;
    }
    int is_images = (uint64_t)st.st_ctim.tv_sec < began;
    if (run) now_runs(event->pid, event->fd, is_images);
    /* The image's own programs run all the time. */
    if ((!written && is_images) || is_ours(event->pid, &uid, &inside)) {
        close(event->fd);
        return;
    }
    struct held *h = hold(event->fd, &st);
    h->pid = event->pid;
    h->inside = inside;
    h->uid = uid;
    h->touched = now_of(CLOCK_MONOTONIC);
    h->size = st.st_size;
    if (written) {
        h->is_told = h->reads = 0;
        h->reader = 0;
        h->by_tool = program_run_by(event->pid) == ACCOUNT_TOOL;
    }
    if (run) {
        h->was_run = 1;
        if (!h->is_told) tell(h, &st, st.st_nlink == 0 ? RUN_AND_DELETED : RUN);
    }
}

/* Bytes of events that came; 0: there are none. */
static ssize_t events_of(int from, char *into, size_t room) {
    for (;;) {
        ssize_t n = read(from, into, room);
        if (n >= 0 || errno == EAGAIN) return n < 0 ? 0 : n;
        /* The descriptors of one could not be made. */
        if (errno != EINTR) lost_events++;
    }
}

/* Whether there was any. */
static int read_events(void) {
    ssize_t n = events_of(group, buffer, sizeof buffer);
    const struct fanotify_event_metadata *event = (void *)buffer;
    int any = n > 0;
    for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
        if (event->mask & FAN_Q_OVERFLOW) lost_events++;
        if (event->fd >= 0) witness(event);
    }
    return any;
}

static int read_opens(void) {
    static char some[16384] __attribute__((aligned(8)));
    ssize_t n = events_of(opens, some, sizeof some);
    const struct fanotify_event_metadata *event = (void *)some;
    int any = n > 0;
    /* What was written before it was opened, and by what it was, stands there by now. */
    for (int i = 0; any && i < MOST_AT_ONCE && read_events(); i++) continue;
    for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
        if (event->mask & FAN_Q_OVERFLOW) lost_events++;
        if (event->fd < 0) continue;
        opened(event);
        close(event->fd);
    }
    return any;
}

/* Opening a device does things; there are no scripts. */
static int holds_devices(const char *folder) {
    size_t length = strlen(folder);
    return length >= 4 && strcmp(folder + length - 4, "/dev") == 0;
}

static int mark(int fd, uint64_t mask, const char *folder) {
    return fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, AT_FDCWD, folder);
}

/* All that is queued by now. */
static void catch_up(void) {
    for (int i = 0; i < MOST_AT_ONCE && read_opens(); i++) continue;
    for (int i = 0; i < MOST_AT_ONCE && read_events(); i++) continue;
    look();
    tell_skipped();
}

/* Answers each byte. 0: there will be no more. */
static int answer(void) {
    char asked[256];
    ssize_t n = read(0, asked, sizeof asked);
    if (n <= 0) return n < 0 && errno == EINTR;
    catch_up();
    struct record r = {0};
    r.kind = MARKED;
    while (n-- > 0) put(&r, sizeof r);
    return 1;
}

int main(int argc, char **argv) {
    struct rlimit files = {MOST_HELD + 4096, MOST_HELD + 4096};
    if (argc < 8) return 2;
    largest = strtoull(argv[1], NULL, 10);
    total_left = strtoull(argv[2], NULL, 10);
    began = strtoull(argv[3], NULL, 10);
    /* Whatever who started us had open. */
    syscall(SYS_close_range, 3, ~0u, 0);
    setrlimit(RLIMIT_NOFILE, &files);
    pay_as(strtoul(argv[5], NULL, 10));
    /* What is overwritten in place is lost to who comes late. */
    setpriority(PRIO_PROCESS, 0, -10);
    /* O_NONBLOCK: a named pipe must not hold us up. O_NOATIME: our reading must not be seen. */
    group = fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
    opens = fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
    if (group < 0 || opens < 0) fail("fanotify_init");
    hints = fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_FID, O_RDONLY);
    /* Without hints it is looked at every LOOK_EVERY; overlayfs itself refuses them. */
    if (strcmp(argv[6], "-") != 0) mark(hints, FAN_ATTRIB, argv[6]);
    for (int i = 7; i < argc; i++) {
        if (mark(group, FAN_CLOSE_WRITE | FAN_OPEN_EXEC, argv[i])) fail(argv[i]);
        mark(hints, FAN_ATTRIB, argv[i]);
        if (!holds_devices(argv[i]) && mark(opens, FAN_OPEN, argv[i])) fail(argv[i]);
    }
    give_up_rights(strtoul(argv[4], NULL, 10));
    struct record ready = {0};
    ready.kind = READY;
    put(&ready, sizeof ready);

    struct pollfd ends[] = {{group, POLLIN, 0}, {0, POLLIN, 0}, {hints, POLLIN, 0}, {opens, POLLIN, 0}};
    uint64_t last_event = 0, next_look = 0, soonest_look = 0, next_count = 0;
    while (!ends[1].revents || answer()) {
        uint64_t now = now_of(CLOCK_MONOTONIC);
        int is_idle = held_count == 0 && skipped == 0 && lost_events == 0;
        if (poll(ends, 4, is_idle ? -1 : next_look > now ? (int)((next_look - now) / 1000 + 1) : 0) < 0) continue;
        now = now_of(CLOCK_MONOTONIC);
        if (ends[0].revents) {
            last_event = now;
            read_events();
        }
        if (ends[3].revents) read_opens();
        if (ends[2].revents) {
            read(hints, buffer, sizeof buffer);
            if (next_look > soonest_look) next_look = soonest_look;
        }
        if (now >= next_count) {
            tell_skipped();
            next_count = now + 1000000;
        }
        if (now < next_look) continue;
        look();
        uint64_t after = now_of(CLOCK_MONOTONIC), pause = (after - now) * 100;
        uint64_t least = after - last_event > QUIET_AFTER ? LOOK_EVERY_QUIET : LOOK_EVERY;
        next_look = after + (pause < least ? least : pause > LOOK_EVERY_QUIET ? LOOK_EVERY_QUIET : pause);
        soonest_look = after + (after - now) * SHARE;
    }
    catch_up();
    return 0;
}
