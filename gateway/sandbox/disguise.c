/*
 * What a container shows of itself in its mounts, made to look like a server's, from outside and before anybody is in it.
 *
 *     disguise root FOLDER LOWER...
 *     disguise inside PID ROOT UID GID SHM NAMESERVER HOSTNAME
 *     disguise groups PID ROOT
 *
 * "root" mounts the container's root where the engine (overlay2) would: it takes what it finds there for its own. The kernel tells
 * the folders of an overlay as they were named when it was mounted, so they get names in a namespace of ours: those of a machine
 * whose read-only root an initramfs has covered. FOLDER is the engine's folder of the container, LOWER what it starts from,
 * uppermost first.
 *
 * "inside" works in the mounts of the container whose first process is PID, which has ROOT for its root, and whose root is UID and GID
 * on the machine: the engine's files over /etc are replaced by files of the container's own, /dev becomes one file system with the
 * nodes that the engine has in there and no others. /dev comes last, whole: the first process waits for it (sandbox-image/init.c).
 * What the engine masks stays masked, unless it guards itself.
 *
 * "groups" takes the control groups away, once the services have started: journald does not start without them, and needs none
 * later. Any failure ends it with a sentence and 1; the sandbox is then not given to anybody.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The kernel's, which musl does not name. */
#define CLOSE_ON_EXEC 1
#define SET_STRING 1
#define CREATE 6
#define FROM_DESCRIPTOR 4

static void must(int result, const char *what) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* The kernel takes 255 bytes for the names of all of them. */
#define MOST_LAYERS 26

static void option(int fs, const char *key, const char *value) {
    must(syscall(SYS_fsconfig, fs, SET_STRING, key, value, 0), key);
}

static int root(const char *folder, char **lowers) {
    char text[64], names[1024] = "", merged[4096];
    int machine = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    must(machine, "own mounts");
    must(snprintf(merged, sizeof merged, "%s/merged", folder) < (int)sizeof merged ? 0 : -1, "name");
    must(unshare(CLONE_NEWNS), "namespace");
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
    /* Over the machine's own, whatever it holds, in this namespace alone. */
    must(chdir(folder), "folder");
    int own = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(own, "folder");
    int lower[MOST_LAYERS], count = 0;
    for (; lowers[count] != NULL && count < MOST_LAYERS; count++)
        must(lower[count] = open(lowers[count], O_RDONLY | O_DIRECTORY | O_CLOEXEC), "lower");
    if (lowers[count] != NULL) {
        fprintf(stderr, "the image has more than %d layers\n", MOST_LAYERS - 1);
        return 1;
    }
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(proc, "/proc");
    must(mount("names", "/mnt", "tmpfs", 0, "mode=700"), "names");
    must(mkdir("/mnt/lower", 0755) | mkdir("/mnt/upper", 0755) | mkdir("/mnt/proc", 0755), "names");
    must(mount("/proc", "/mnt/proc", NULL, MS_BIND, NULL), "/proc");
    must(chroot("/mnt"), "chroot");
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(text, sizeof text, "/proc/self/fd/%d", lower[i]);
        snprintf(name, sizeof name, "/lower/%d", count - i);
        must(symlink(text, name), "lower");
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i == 0 ? "" : ":", name);
    }
    char upper[128];
    snprintf(upper, sizeof upper, "/proc/self/fd/%d/diff", own);
    must(symlink(upper, "/upper/data"), "upper");
    snprintf(upper, sizeof upper, "/proc/self/fd/%d/work", own);
    must(symlink(upper, "/upper/work"), "work");
    int fs = syscall(SYS_fsopen, "overlay", CLOSE_ON_EXEC);
    must(fs, "overlay");
    option(fs, "source", "overlay");
    option(fs, "lowerdir", names);
    option(fs, "upperdir", "/upper/data");
    option(fs, "workdir", "/upper/work");
    /* One device number for all: df and find compare it, and it is otherwise that of the layer a file lies in. */
    option(fs, "xino", "on");
    must(syscall(SYS_fsconfig, fs, CREATE, NULL, NULL, 0), "overlay");
    int made = syscall(SYS_fsmount, fs, CLOSE_ON_EXEC, 0);
    must(made, "mount");
    /* Back to the machine's mounts, and its root. */
    must(setns(machine, CLONE_NEWNS), "own mounts");
    if (mkdir(merged, 0700) != 0 && errno != EEXIST) must(-1, "merged");
    must(syscall(SYS_move_mount, made, "", AT_FDCWD, merged, FROM_DESCRIPTOR), "merged");
    return 0;
}

static uid_t uid;
static gid_t gid;

/* Takes away what is mounted there, if anything is. */
static void uncover(const char *path) {
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) must(-1, path);
}

#define MOST_COVERS 128
struct cover {
    int is_folder, is_mask;
    char path[256];
};
static struct cover covers[MOST_COVERS];
static int cover_count;

/* What the engine mounted below /proc and /sys, from the kernel's table of that process. */
static void read_covers(const char *table) {
    static char line[8192];
    char root[256], path[256];
    FILE *file = fopen(table, "re");
    must(file == NULL ? -1 : 0, table);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%*d %*d %*s %255s %255s", root, path) != 2) continue;
        if (strncmp(path, "/proc/", 6) != 0 && strncmp(path, "/sys/", 5) != 0) continue;
        if (strncmp(path, "/sys/fs/cgroup", 14) == 0) continue;
        must(cover_count < MOST_COVERS ? 0 : -1, "covers");
        struct cover *cover = &covers[cover_count++];
        cover->is_folder = strstr(line, " - tmpfs ") != NULL && strcmp(root, "/") == 0;
        cover->is_mask = cover->is_folder || strcmp(root, "/null") == 0;
        strcpy(cover->path, path);
    }
    fclose(file);
}

/* As old as the image's own: the day of the installation. Nothing is dated where there is no such file. */
static struct timespec installed[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};

static void date_from(const char *path) {
    struct stat status;
    if (lstat(path, &status) == 0) installed[0] = installed[1] = status.st_mtim;
}

static void own_file(const char *path, const char *text) {
    uncover(path);
    if (unlink(path) != 0 && errno != ENOENT) must(-1, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    must(fd, path);
    must(write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1, path);
    must(fchown(fd, uid, gid) | fchmod(fd, 0644) | futimens(fd, installed), path);
    close(fd);
}

/*
 * What the engine covers or makes read-only although root in a user namespace could do nothing with it: its owner is the machine's root,
 * so the modes of these files hold. What is left covered tells about the machine (firmware), names every
 * container (keys), is the sandbox's own to write (sys), or would be too much if modes were all that held (kcore, sysrq-trigger).
 */
static int guards_itself(const char *path) {
    static const char *const paths[] = {"/proc/bus",  "/proc/fs",         "/proc/irq",         "/proc/acpi",
                                        "/proc/scsi", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(path, paths[i]) == 0) return uid != 0;
    return 0;
}

/* The engine's empty folders name the owner's number on the machine, its empty files the machine's own /dev. */
static void mask_again(const struct cover *cover) {
    uncover(cover->path);
    if (cover->is_folder) must(mount("tmpfs", cover->path, "tmpfs", MS_RDONLY, "size=0,mode=555"), cover->path);
    else must(mount("/mnt/null", cover->path, NULL, MS_BIND, NULL), cover->path);
}

/* The engine's own link is nobody's, and of today. */
static void own_link(const char *target, const char *path) {
    if (unlink(path) != 0 && errno != ENOENT) must(-1, path);
    must(symlink(target, path) | lchown(path, uid, gid), path);
    must(utimensat(AT_FDCWD, path, installed, AT_SYMLINK_NOFOLLOW), path);
}

static void node(const char *path, unsigned major, unsigned minor) {
    must(mknod(path, S_IFCHR | 0666, makedev(major, minor)), path);
    must(chmod(path, 0666) | chown(path, uid, gid), path);
}

static void link_to(const char *target, const char *path) {
    must(symlink(target, path) | lchown(path, uid, gid), path);
}

static void folder(const char *path) { must(mkdir(path, 0755) | chown(path, uid, gid), path); }

static void devices(const char *shm) {
    char options[64];
    must(mount("udev", "/mnt", "tmpfs", MS_NOSUID, "mode=755,size=65536k"), "udev");
    must(chown("/mnt", uid, gid), "udev");
    node("/mnt/null", 1, 3);
    node("/mnt/zero", 1, 5);
    node("/mnt/full", 1, 7);
    node("/mnt/random", 1, 8);
    node("/mnt/urandom", 1, 9);
    node("/mnt/tty", 5, 0);
    node("/mnt/ptmx", 5, 2);
    link_to("/proc/self/fd", "/mnt/fd");
    link_to("/proc/self/fd/0", "/mnt/stdin");
    link_to("/proc/self/fd/1", "/mnt/stdout");
    link_to("/proc/self/fd/2", "/mnt/stderr");
    folder("/mnt/pts");
    folder("/mnt/shm");
    folder("/mnt/mqueue");
    must(mount("devpts", "/mnt/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=000"), "devpts");
    must(chown("/mnt/pts", uid, gid) | chown("/mnt/pts/ptmx", uid, gid), "devpts");
    snprintf(options, sizeof options, "mode=1777,size=%s", shm);
    must(mount("tmpfs", "/mnt/shm", "tmpfs", MS_NOSUID | MS_NODEV, options), "shm");
    must(chown("/mnt/shm", uid, gid) | chmod("/mnt/shm", 01777), "shm");
    /* It belongs to the container's own queues: no other can be made from here. */
    must(mount("/dev/mqueue", "/mnt/mqueue", NULL, MS_BIND, NULL), "mqueue");
    must(chown("/mnt/mqueue", uid, gid), "mqueue");
}

/* A number that has become another process's would lead anywhere, the machine's own mounts included: the root tells. */
static void enter(const char *pid, const char *root) {
    struct stat meant, found;
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/ns/mnt", strtol(pid, NULL, 10));
    int mounts = open(path, O_RDONLY | O_CLOEXEC);
    must(mounts, "the container's mounts");
    must(stat(root, &meant), root);
    must(setns(mounts, CLONE_NEWNS), "the container's mounts");
    must(stat("/", &found), "/");
    if (meant.st_dev == found.st_dev && meant.st_ino == found.st_ino) return;
    fputs("the process is none of the container's\n", stderr);
    exit(1);
}

static int groups(char **arguments) {
    enter(arguments[0], arguments[1]);
    uncover("/sys/fs/cgroup");
    return 0;
}

static int inside(char **arguments) {
    char path[64], text[512];
    const char *shm = arguments[4], *nameserver = arguments[5], *hostname = arguments[6];
    uid = (uid_t)strtoul(arguments[2], NULL, 10);
    gid = (gid_t)strtoul(arguments[3], NULL, 10);
    snprintf(path, sizeof path, "/proc/%ld/mountinfo", strtol(arguments[0], NULL, 10));
    read_covers(path);
    enter(arguments[0], arguments[1]);
    umask(0);

    struct stat etc;
    must(stat("/etc", &etc), "/etc");
    date_from("/etc/fstab");
    snprintf(text, sizeof text, "%s\n", hostname);
    own_file("/etc/hostname", text);
    snprintf(text, sizeof text, "nameserver %s\n", nameserver);
    own_file("/etc/resolv.conf", text);
    snprintf(text, sizeof text,
             "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n\n"
             "# The following lines are desirable for IPv6 capable hosts\n"
             "::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n",
             hostname);
    own_file("/etc/hosts", text);
    own_link("../proc/self/mounts", "/etc/mtab");
    struct timespec times[2] = {etc.st_atim, etc.st_mtim};
    must(utimensat(AT_FDCWD, "/etc", times, 0), "/etc");
    /* Without it, ping asks for a right that nobody has here; with the kernel's own sockets for it (spec.ts) it needs none. */
    if (removexattr("/usr/bin/ping", "security.capability") != 0 && errno != ENODATA && errno != ENOENT) must(-1, "ping");

    devices(shm);
    for (struct cover *cover = covers; cover < covers + cover_count; cover++)
        if (guards_itself(cover->path)) uncover(cover->path);
        else if (cover->is_mask) mask_again(cover);
    uncover("/dev");
    must(mount("/mnt", "/dev", NULL, MS_MOVE, NULL), "/dev");
    return 0;
}

int main(int count, char **arguments) {
    if (count >= 4 && strcmp(arguments[1], "root") == 0) return root(arguments[2], arguments + 3);
    if (count == 9 && strcmp(arguments[1], "inside") == 0) return inside(arguments + 2);
    if (count == 4 && strcmp(arguments[1], "groups") == 0) return groups(arguments + 2);
    fputs("usage: disguise root FOLDER LOWER... | disguise inside PID ROOT UID GID SHM NAMESERVER HOSTNAME | disguise groups PID ROOT\n",
          stderr);
    return 2;
}
