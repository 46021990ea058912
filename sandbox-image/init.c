/*
 * PID 1 of a sandbox. It shows up as systemd does (`/sbin/init` in ps, "systemd" in /proc/1/comm), starts the server's
 * services, restarts those that fail, and reaps orphans. Linked statically, so that nothing an attacker does to the
 * sandbox's libraries stops it.
 *
 * It lies in the image where systemd's binary belongs; its first act is to move the real one back there, so that
 * the running sandbox's disk is Debian's own (`dpkg --verify` is clean). A sandbox is therefore started once in its life.
 *
 * Before sshd starts for the first time, settings that the gateway needs are put into /etc/ssh/sshd_config.d and taken
 * away as soon as sshd listens: sshd keeps its configuration in memory and hands it to the children it executes
 * (sshd.c, send_rexec_state). Then "ready" is written to standard output, which is closed.
 *
 * Only SIGTERM from outside (the engine's stop) ends it: a signal from within the sandbox has a sender's PID.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYSFS_MAGIC 0x62656572 /* linux/magic.h */
#define SYSTEMD "/usr/lib/systemd/systemd"
#define SYSTEMD_ASIDE "/usr/lib/systemd/.systemd"
#define SNIPPET_FOLDER "/etc/ssh/sshd_config.d"
#define SNIPPET SNIPPET_FOLDER "/00-start.conf"
#define RSYSLOG_CONF "/etc/rsyslog.conf"
#define RSYSLOG_ASIDE "/etc/.rsyslog.conf"
#define JOURNAL_FOLDER "/run/systemd/journal"
#define JOURNAL_TO_SYSLOG JOURNAL_FOLDER "/syslog"
#define UTMP_GROUP 43 /* fixed in Debian's base-passwd */

/* Written by whoever makes the sandbox: its memory in MiB. Without it there is enough. */
#define MEMORY_FILE "/.memory"
#define ENOUGH_MEMORY 1024

/* Since 9.8, when sshd-session came, sshd shuts out for a while whoever guessed wrong: that is the gateway's affair. Older ones do not know the word. */
#define NO_PENALTIES "PerSourcePenalties no\n"
#define SSHD_SESSION "/usr/lib/openssh/sshd-session"

static const char snippet[] =
    "TrustedUserCAKeys /etc/ssh/ssh_host_ed25519_key.pub\n"
    "LoginGraceTime 0\n"
    "MaxAuthTries 100\n"
    "MaxStartups 10:1:100\n"
    "PasswordAuthentication yes\n"
    "PermitRootLogin yes\n"
    "PubkeyAuthentication yes\n"
    "UseDNS no\n"
    NO_PENALTIES;

/* What systemd gives its services. */
static char *const service_environment[] = {"LANG=en_US.UTF-8",
                                            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", NULL};
static char *const sshd_argv[] = {"/usr/sbin/sshd", "-D", NULL};
static char *const cron_argv[] = {"/usr/sbin/cron", "-f", NULL};
static char *const rsyslogd_argv[] = {"/usr/sbin/rsyslogd", "-n", "-iNONE", NULL};
static char *const nginx_argv[] = {"/usr/sbin/nginx", "-g", "daemon on; master_process on;", NULL};
static char *const dbus_argv[] = {"/usr/bin/dbus-daemon", "--system", "--nofork", "--nopidfile", "--syslog-only", NULL};
static char *const journald_argv[] = {"/lib/systemd/systemd-journald", NULL};
static char *const udevd_argv[] = {"/lib/systemd/systemd-udevd", NULL};
static char *const logind_argv[] = {"/lib/systemd/systemd-logind", NULL};

enum restart { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };

struct service {
    char *const *argv;
    int least_memory; /* MiB that the sandbox must have; together they take some 20 */
    enum restart restart;
    int (*is_up_elsewhere)(void);
    int socket; /* handed over as systemd does it, 0: none */
    pid_t pid;
    int64_t started_at, start_again_at; /* milliseconds; 0: not waiting */
    int delay;
};

static int ssh_port_listens(void);

/* In the order of their start. The bus comes before the logs: what it says about its limits is of interest to nobody. */
enum { SSHD, DBUS, JOURNALD, RSYSLOGD, CRON, NGINX, UDEVD, LOGIND, SERVICES };
static struct service services[SERVICES] = {
    [SSHD] = {.argv = sshd_argv, .restart = RESTART_ALWAYS, .is_up_elsewhere = ssh_port_listens},
    [DBUS] = {.argv = dbus_argv, .least_memory = 120, .restart = RESTART_NEVER},
    [JOURNALD] = {.argv = journald_argv, .least_memory = 200, .restart = RESTART_ALWAYS},
    [RSYSLOGD] = {.argv = rsyslogd_argv, .least_memory = 96, .restart = RESTART_ON_FAILURE},
    [CRON] = {.argv = cron_argv, .restart = RESTART_ON_FAILURE},
    [NGINX] = {.argv = nginx_argv, .least_memory = 120, .restart = RESTART_NEVER},
    [UDEVD] = {.argv = udevd_argv, .least_memory = 200, .restart = RESTART_ALWAYS},
    [LOGIND] = {.argv = logind_argv, .least_memory = 200, .restart = RESTART_ALWAYS},
};

static sigset_t handled;
/* What is to be logged arrives at the first and leaves by the second. */
static int log_lines = -1, to_rsyslogd = -1;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(int milliseconds) {
    struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* Writes a whole small file; the folder exists. Never follows a link in the last place. */
static int write_file(const char *path, const void *bytes, size_t length, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) return -1;
    ssize_t written = write(fd, bytes, length);
    close(fd);
    return written == (ssize_t)length ? 0 : -1;
}

/*
 * The gateway makes /dev anew from outside, as the last of what it prepares, and asks for this in the environment; services
 * hold nothing of the former one then. In the engine's own /dev, ptmx is a link.
 */
static void wait_for_devices(void) {
    struct stat status;
    if (getenv("WAIT_FOR_DEV") == NULL) return;
    for (int i = 0; i < 60000; i++, sleep_ms(1))
        if (lstat("/dev/ptmx", &status) == 0 && S_ISCHR(status.st_mode)) return;
    exit(1);
}

/* A folder in which something came and went looks as before. */
static void keep_times(const char *folder, const struct stat *before) {
    struct timespec times[2] = {before->st_atim, before->st_mtim};
    utimensat(AT_FDCWD, folder, times, 0);
}

/* Docker sets its own environment; the kernel gives init these two. Seen in /proc/1/environ. */
static void run_as_the_kernel_would(void) {
    char *const argv[] = {"/sbin/init", NULL}, *const environment[] = {"HOME=/", "TERM=linux", NULL};
    if (getenv("PATH") != NULL) execve("/sbin/init", argv, environment);
    prctl(PR_SET_NAME, "systemd");
}

/* Two records of utmp(5) in glibc's layout on every Linux: `who -b`, `who -r` and `uptime` agree. */
static void write_utmp(void) {
    struct record {
        int16_t type, padding;
        int32_t pid;
        char line[32], id[4], user[32], host[256];
        int16_t exit[2];
        int32_t session, seconds, microseconds, address[4];
        char unused[20];
    } records[] = {{.type = 2 /* BOOT_TIME */, .line = "~", .id = "~~", .user = "reboot"},
                   {.type = 1 /* RUN_LVL */, .pid = '5', .line = "~", .id = "~~", .user = "runlevel"}};
    struct timespec up;
    struct utsname names;
    clock_gettime(CLOCK_BOOTTIME, &up);
    uname(&names);
    for (int i = 0; i < 2; i++) {
        /* As long after the start as wtmp has it (gateway/sandbox/past/login-records.ts). */
        records[i].seconds = (int32_t)(time(NULL) - up.tv_sec + 9 * i);
        snprintf(records[i].host, sizeof records[i].host, "%s", names.release);
    }
    write_file("/run/utmp", records, sizeof records, 0664);
    chown("/run/utmp", 0, UTMP_GROUP);
    chmod("/run/utmp", 0664);
}

static void write_machine_id(void) {
    unsigned char bytes[16];
    char text[34];
    struct stat status;
    if (stat("/etc/machine-id", &status) == 0 && status.st_size > 0) return;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, bytes, sizeof bytes) == sizeof bytes) {
        for (int i = 0; i < 16; i++) sprintf(text + 2 * i, "%02x", bytes[i]);
        text[32] = '\n';
        write_file("/etc/machine-id", text, 33, 0444);
    }
    close(fd);
}

/* What a boot leaves in /run; the rest of a stock Debian's is made by who needs it. */
static void make_runtime_folders(void) {
    static const struct {
        const char *path;
        mode_t mode;
    } folders[] = {{"/run/lock", 01777}, {"/run/sshd", 0755},           {"/run/user", 0755},  {"/run/log", 0755},
                   {"/run/mount", 0755}, {"/run/dbus", 0755},           {"/run/udev", 0755},  {"/run/systemd", 0755},        {"/run/sudo", 0711},  {"/run/sendsigs.omit.d", 0755},
                   {"/run/systemd/system", 0755}, /* sd_booted(3): maintenance jobs then leave work to timers */
                   {JOURNAL_FOLDER, 0755},
                   {"/run/screen", 01777}};
    chmod("/run", 0755);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        mkdir(folders[i].path, folders[i].mode);
        chmod(folders[i].path, folders[i].mode);
    }
}

/* Whether anything listens on port 22, from one of the kernel's two tables. */
static int table_has_ssh(const char *table) {
    char line[256];
    unsigned port, state;
    int found = 0;
    FILE *file = fopen(table, "re");
    if (file == NULL) return 0;
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, " %*d: %*[0-9A-F]:%X %*[0-9A-F]:%*X %X", &port, &state) == 2 && port == 22 && state == 10;
    fclose(file);
    return found;
}

static int ssh_port_listens(void) { return table_has_ssh("/proc/net/tcp") || table_has_ssh("/proc/net/tcp6"); }

/* sd_listen_fds(3): the socket becomes descriptor 3. */
static void hand_over(struct service *service) {
    char pid[32];
    snprintf(pid, sizeof pid, "LISTEN_PID=%d", (int)getpid());
    char *const environment[] = {service_environment[0], service_environment[1], "LISTEN_FDS=1", pid, NULL};
    /* dup2 to itself would leave it to be closed. */
    int socket = service->socket == 3 ? dup(3) : service->socket;
    dup2(socket, 3);
    if (socket != service->socket) close(socket);
    execve(service->argv[0], service->argv, environment);
    _exit(127);
}

static void start(struct service *service) {
    service->start_again_at = 0;
    service->started_at = now();
    service->pid = fork();
    if (service->pid != 0) return;
    sigprocmask(SIG_UNBLOCK, &handled, NULL);
    setsid();
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    if (null > 2) close(null);
    if (service->socket > 0) hand_over(service);
    execve(service->argv[0], service->argv, service_environment);
    _exit(127);
}

/* What systemd calls clean: exit code 0, or one of four signals. */
static int is_clean(int status) {
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
    int signal = WTERMSIG(status);
    return signal == SIGHUP || signal == SIGINT || signal == SIGTERM || signal == SIGPIPE;
}

/* systemd's RestartSec of 100 ms, doubled up to 5 s for what dies at once. */
static void died(struct service *service, int status) {
    service->pid = 0;
    if (service->restart == RESTART_NEVER || (service->restart == RESTART_ON_FAILURE && is_clean(status))) return;
    int at_once = now() - service->started_at < 2000;
    service->delay = !at_once || service->delay == 0 ? 100 : service->delay < 2500 ? 2 * service->delay : 5000;
    service->start_again_at = now() + service->delay;
}

/* Starts sshd with the snippet in place until it listens or fails; without it where it cannot be written. */
static int start_sshd(void) {
    struct stat before;
    struct service *sshd = &services[SSHD];
    int known = stat(SNIPPET_FOLDER, &before) == 0;
    size_t unknown = access(SSHD_SESSION, F_OK) == 0 ? 0 : sizeof NO_PENALTIES - 1;
    if (write_file(SNIPPET, snippet, sizeof snippet - 1 - unknown, 0600) != 0) {
        start(sshd);
        return -1;
    }
    start(sshd);
    int up = 0, gone = 0, status = 0;
    while (!(up = ssh_port_listens()) && !(gone = waitpid(sshd->pid, &status, WNOHANG) != 0) &&
           now() - sshd->started_at < 30000)
        sleep_ms(2);
    if (gone) died(sshd, status);
    unlink(SNIPPET);
    if (known) keep_times(SNIPPET_FOLDER, &before);
    return up ? 0 : -1;
}

/* Threads of a process, to 2; its inputs are threads of their own once rsyslogd has read how to be. */
static int threads_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    if (folder == NULL) return 0;
    int count = 0;
    for (struct dirent *entry; count < 2 && (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/*
 * The kernel's log needs a capability that no sandbox has, and rsyslogd would complain of that in its own log at every
 * start. So it starts by a copy of its configuration without that line, as long as it reads it.
 */
static void start_rsyslogd(void) {
    static char text[1 << 16];
    struct service *rsyslogd = &services[RSYSLOGD];
    int fd = open(RSYSLOG_CONF, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat before, folder;
    ssize_t length = fd < 0 || fstat(fd, &before) != 0 || !S_ISREG(before.st_mode) ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    int swapped = 0;
    if (length > 0 && length < (ssize_t)sizeof text - 1 && stat("/etc", &folder) == 0) {
        text[length] = 0;
        char *line = strstr(text, "\nmodule(load=\"imklog\")");
        if (line != NULL) {
            line[1] = '#';
            swapped = rename(RSYSLOG_CONF, RSYSLOG_ASIDE) == 0 && write_file(RSYSLOG_CONF, text, (size_t)length, 0600) == 0;
        }
    }
    start(rsyslogd);
    if (swapped) {
        for (int i = 0; i < 1000 && threads_of(rsyslogd->pid) == 1; i++) sleep_ms(2);
    }
    if (rename(RSYSLOG_ASIDE, RSYSLOG_CONF) == 0) keep_times("/etc", &folder);
}

static void reap(void) {
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < SERVICES; i++)
            if (services[i].pid == pid) died(&services[i], status);
}

/* Milliseconds until something is to be started, -1 for never. */
static int start_what_is_due(void) {
    int wait = -1;
    for (int i = 0; i < SERVICES; i++) {
        struct service *service = &services[i];
        if (service->start_again_at == 0) continue;
        int64_t left = service->start_again_at - now();
        if (left <= 0) {
            /* Started by hand from within: leave it, and look again. */
            if (service->is_up_elsewhere != NULL && service->is_up_elsewhere()) {
                service->start_again_at = now() + (left = 1000);
            } else {
                if (i == SSHD) start_sshd();
                else if (i == RSYSLOGD) start_rsyslogd();
                else start(service);
                if (service->start_again_at == 0) continue;
                left = service->delay;
            }
        }
        if (wait < 0 || left < wait) wait = (int)left;
    }
    return wait;
}

static void end_all(void) {
    kill(-1, SIGTERM);
    kill(-1, SIGHUP);
    kill(-1, SIGCONT);
    for (int i = 0; i < 50; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0) continue;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) break;
        sleep_ms(10);
    }
    kill(-1, SIGKILL);
    exit(0);
}

/* What the engine and we put there and took away was never there: as old as the installation. */
static void date_root(void) {
    struct stat installed;
    if (stat("/etc/fstab", &installed) == 0) keep_times("/", &installed);
}

static void put_systemd_back(void) {
    struct stat before;
    int known = stat("/usr/lib/systemd", &before) == 0;
    if (rename(SYSTEMD_ASIDE, SYSTEMD) == 0 && known) keep_times("/usr/lib/systemd", &before);
}

static int read_memory(void) {
    int memory = ENOUGH_MEMORY;
    FILE *file = fopen(MEMORY_FILE, "re");
    if (file == NULL) return memory;
    if (fscanf(file, "%d", &memory) != 1) memory = 0;
    fclose(file);
    unlink(MEMORY_FILE);
    return memory;
}

static int unix_socket(int (*take)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_TO_SYSLOG};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && take(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/*
 * journald has /dev/log and passes on to rsyslogd, as on every Debian; without journald all goes to rsyslogd. On the way the lines
 * pass here. rsyslogd takes a socket only if it has the right name, so its own is made first and its name taken over.
 */
static void join_logs(int has_journal) {
    int theirs = unix_socket(bind);
    if (theirs < 0) return;
    to_rsyslogd = unix_socket(connect);
    unlink(JOURNAL_TO_SYSLOG);
    log_lines = unix_socket(bind);
    chmod(JOURNAL_TO_SYSLOG, 0666);
    services[RSYSLOGD].socket = theirs;
    symlink(has_journal ? JOURNAL_FOLDER "/dev-log" : JOURNAL_TO_SYSLOG, "/dev/log");
}

/*
 * A login by key comes in here with a certificate made for it, whose name is the key's own fingerprint:
 *     ssh2: ED25519-CERT SHA256:... ID RSA SHA256:... (serial 0) CA ED25519 SHA256:...
 * On any server the log would say `ssh2: RSA SHA256:...`. Returns the new length.
 */
static size_t without_certificate(char *line, size_t length) {
    line[length] = 0;
    char *begin = strstr(line, " ssh2: ED25519-CERT SHA256:");
    if (begin == NULL || strstr(line, "Accepted publickey for ") == NULL) return length;
    begin += strlen(" ssh2: ");
    char *name = strstr(begin, " ID ");
    if (name == NULL) return length;
    name += strlen(" ID ");
    /* Behind the name: whoever writes a line of their own would otherwise have one of length -1. */
    char *end = strstr(name, " (serial 0) CA ED25519 SHA256:");
    if (end == NULL) return length;
    char *rest = strchr(end + strlen(" (serial 0) CA ED25519 "), '\n');
    if (rest == NULL) rest = line + length;
    size_t kept = (size_t)(end - name), left = (size_t)(line + length - rest);
    memmove(begin, name, kept);
    memmove(begin + kept, rest, left);
    return (size_t)(begin - line) + kept + left;
}

static void pass_log_lines_on(void) {
    static char line[65536];
    ssize_t length;
    for (int i = 0; i < 100 && (length = recv(log_lines, line, sizeof line - 1, MSG_DONTWAIT)) >= 0; i++) {
        size_t size = without_certificate(line, (size_t)length);
        /* Who does not read for so long loses lines, not PID 1. */
        for (int tries = 0; tries < 20 && send(to_rsyslogd, line, size, MSG_DONTWAIT) < 0 && errno == EAGAIN; tries++) sleep_ms(1);
    }
}

/* journald ends at once where no control groups are to be seen, and takes all that is logged with it. */
static int journald_can_live(int memory) {
    struct statfs groups;
    return memory >= services[JOURNALD].least_memory && access(journald_argv[0], X_OK) == 0 &&
           statfs("/sys/fs/cgroup", &groups) == 0 && groups.f_type != SYSFS_MAGIC;
}

/* `memory`: MiB. What does not fit, or is not installed, is not there. */
static void start_the_rest(int memory) {
    int has_journal = journald_can_live(memory);
    if (memory >= services[RSYSLOGD].least_memory && access(rsyslogd_argv[0], X_OK) == 0) join_logs(has_journal);
    for (int i = SSHD + 1; i < SERVICES; i++) {
        if (memory < services[i].least_memory || access(services[i].argv[0], X_OK) != 0) continue;
        if (i == JOURNALD && !has_journal) continue;
        if (i == RSYSLOGD) start_rsyslogd();
        else start(&services[i]);
    }
}

int main(void) {
    if (getpid() != 1) {
        fputs("Not running as PID 1.\n", stderr);
        return 1;
    }
    wait_for_devices();
    run_as_the_kernel_would();
    sigemptyset(&handled);
    sigaddset(&handled, SIGCHLD);
    sigaddset(&handled, SIGTERM);
    sigprocmask(SIG_BLOCK, &handled, NULL);
    umask(022);
    chdir("/");

    put_systemd_back();
    unlink("/.dockerenv");
    int memory = read_memory();
    date_root();
    make_runtime_folders();
    write_machine_id();
    write_utmp();
    if (start_sshd() != 0) {
        fputs("failed: sshd does not listen\n", stderr);
        return 1;
    }
    start_the_rest(memory);
    write(1, "ready\n", 6);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    if (null > 2) close(null);

    int signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    for (;;) {
        struct pollfd sources[] = {{.fd = signals, .events = POLLIN}, {.fd = log_lines, .events = POLLIN}};
        poll(sources, 2, start_what_is_due());
        struct signalfd_siginfo sender;
        while (read(signals, &sender, sizeof sender) == sizeof sender)
            if (sender.ssi_signo == SIGTERM && sender.ssi_pid == 0) end_all();
        if (sources[1].revents & POLLIN) pass_log_lines_on();
        reap();
    }
}
