/*
 * PID 1 of a sandbox. It shows up as systemd does (`/sbin/init` in ps, "systemd" in /proc/1/comm), starts sshd and
 * cron, restarts them when they die, and reaps orphans. Linked statically, so that nothing an attacker does to the
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
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYSTEMD "/usr/lib/systemd/systemd"
#define SYSTEMD_ASIDE "/usr/lib/systemd/.systemd"
#define SNIPPET_FOLDER "/etc/ssh/sshd_config.d"
#define SNIPPET SNIPPET_FOLDER "/00-start.conf"
#define UTMP_GROUP 43 /* fixed in Debian's base-passwd */

static const char snippet[] =
    "TrustedUserCAKeys /etc/ssh/ssh_host_ed25519_key.pub\n"
    "LoginGraceTime 0\n"
    "MaxAuthTries 100\n"
    "MaxStartups 500:30:1000\n"
    "PasswordAuthentication yes\n"
    "PermitRootLogin yes\n"
    "PubkeyAuthentication yes\n"
    "UseDNS no\n";

/* What systemd gives its services. */
static char *const service_environment[] = {"LANG=en_US.UTF-8",
                                            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", NULL};
static char *const sshd_argv[] = {"/usr/sbin/sshd", "-D", NULL};
static char *const cron_argv[] = {"/usr/sbin/cron", "-f", NULL};

struct service {
    char *const *argv;
    int (*is_up_elsewhere)(void);
    pid_t pid;
    int64_t started_at, start_again_at; /* milliseconds; 0: not waiting */
    int delay;
};

static int ssh_port_listens(void);
static struct service services[] = {
    {.argv = sshd_argv, .is_up_elsewhere = ssh_port_listens},
    {.argv = cron_argv},
};
#define SERVICES (int)(sizeof services / sizeof *services)

static sigset_t handled;

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

/* Docker sets its own environment; the kernel gives init these two. Seen in /proc/1/environ. */
static void run_as_the_kernel_would(void) {
    char *const argv[] = {"/sbin/init", NULL}, *const environment[] = {"HOME=/", "TERM=linux", NULL};
    if (getenv("PATH") != NULL) execve("/sbin/init", argv, environment);
    prctl(PR_SET_NAME, "systemd");
}

/* One record of utmp(5) in glibc's layout on every Linux: `who -b` and `uptime` agree. */
static void write_utmp(void) {
    struct {
        int16_t type, padding;
        int32_t pid;
        char line[32], id[4], user[32], host[256];
        int16_t exit[2];
        int32_t session, seconds, microseconds, address[4];
        char unused[20];
    } boot = {.type = 2 /* BOOT_TIME */, .line = "~", .id = "~~", .user = "reboot"};
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    boot.seconds = (int32_t)(time(NULL) - up.tv_sec);
    write_file("/run/utmp", &boot, sizeof boot, 0664);
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
                   {"/run/mount", 0755}, {"/run/systemd", 0755},        {"/run/sudo", 0711},  {"/run/sendsigs.omit.d", 0755},
                   {"/run/systemd/system", 0755}, /* sd_booted(3): maintenance jobs then leave work to timers */
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
    execve(service->argv[0], service->argv, service_environment);
    _exit(127);
}

/* systemd's RestartSec of 100 ms, doubled up to 5 s for what dies at once. */
static void died(struct service *service) {
    int at_once = now() - service->started_at < 2000;
    service->delay = !at_once || service->delay == 0 ? 100 : service->delay < 2500 ? 2 * service->delay : 5000;
    service->start_again_at = now() + service->delay;
    service->pid = 0;
}

/* Starts sshd with the snippet in place until it listens or fails; without it where it cannot be written. */
static int start_sshd(void) {
    struct stat before;
    struct service *sshd = &services[0];
    int known = stat(SNIPPET_FOLDER, &before) == 0;
    if (write_file(SNIPPET, snippet, sizeof snippet - 1, 0600) != 0) {
        start(sshd);
        return -1;
    }
    start(sshd);
    int up = 0, gone = 0;
    while (!(up = ssh_port_listens()) && !(gone = waitpid(sshd->pid, NULL, WNOHANG) != 0) &&
           now() - sshd->started_at < 30000)
        sleep_ms(2);
    if (gone) died(sshd);
    unlink(SNIPPET);
    if (known) {
        struct timespec times[2] = {before.st_atim, before.st_mtim};
        utimensat(AT_FDCWD, SNIPPET_FOLDER, times, 0);
    }
    return up ? 0 : -1;
}

static void reap(void) {
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        for (int i = 0; i < SERVICES; i++)
            if (services[i].pid == pid) died(&services[i]);
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
                if (i == 0) start_sshd();
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

    rename(SYSTEMD_ASIDE, SYSTEMD);
    unlink("/.dockerenv");
    make_runtime_folders();
    write_machine_id();
    write_utmp();
    if (start_sshd() != 0) {
        fputs("failed: sshd does not listen\n", stderr);
        return 1;
    }
    start(&services[1]);
    write(1, "ready\n", 6);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    if (null > 2) close(null);

    for (;;) {
        int wait = start_what_is_due();
        struct timespec timeout = {wait / 1000, wait % 1000 * 1000000L};
        siginfo_t sender;
        int signal = wait < 0 ? sigwaitinfo(&handled, &sender) : sigtimedwait(&handled, &sender, &timeout);
        if (signal == SIGTERM && sender.si_pid == 0) end_all();
        reap();
    }
}
