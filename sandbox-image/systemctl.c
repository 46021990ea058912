/*
 * systemctl of a sandbox. The real one asks systemd, which does not run there; this one reads the same unit files, finds what runs by
 * looking at the processes below PID 1, and answers in the real one's words. What can be answered from files alone (enable, mask,
 * list-unit-files, ...) is left to the real one, which lies aside and is told to work without a running systemd. Called hostnamectl, it
 * tells what that tells.
 *
 * Weaker than the real one: no dependencies, timers that only tell of their times, ten properties.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REAL "/usr/lib/systemd/systemd-ctl"
#define REAL_HOSTNAMECTL "/usr/lib/systemd/systemd-host-ctl"
#define MOST_PROCESSES 64
#define MOST_UNITS 128
/* Seconds: in which PID 1 starts what it starts by itself; and from a machine's start to that of its services. */
#define AT_BOOT 60
#define BOOT_TAKES 6

static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                      "/lib/systemd/system", NULL};
/* As systemd lists them, services first found by their processes. */
static const char *const listed[] = {
    "cron.service", "dbus.service", "networking.service", "nginx.service", "rsyslog.service", "ssh.service",
    "systemd-journald.service", "systemd-logind.service", "systemd-udevd.service", NULL};
static const char *const targets[][2] = {
    {"basic.target", "Basic System"}, {"getty.target", "Login Prompts"}, {"local-fs.target", "Local File Systems"},
    {"multi-user.target", "Multi-User System"}, {"network.target", "Network"}, {"paths.target", "Path Units"},
    {"slices.target", "Slice Units"}, {"sockets.target", "Socket Units"}, {"sysinit.target", "System Initialization"},
    {"timers.target", "Timer Units"}, {NULL, NULL}};

struct unit {
    char name[256], path[512], description[256], start[1024], reload[512], type[32], docs[256];
    int stays; /* RemainAfterExit=yes */
    int found, masked;
    pid_t pid; /* of its main process, 0: none */
};

static int quiet, lines = 10 /* of the journal, below a status */;
static const char *wanted_state, *wanted_type;

/* ---- unit files ---- */

static void copy(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from); }

/* The first of the folders that has it. Absolute names and names with a slash are none of ours. */
static void read_unit(struct unit *unit, const char *name) {
    memset(unit, 0, sizeof *unit);
    snprintf(unit->name, sizeof unit->name, strchr(name, '.') == NULL ? "%s.service" : "%s", name);
    if (strchr(name, '/') != NULL) return;
    FILE *file = NULL;
    for (int i = 0; folders[i] != NULL && file == NULL; i++) {
        snprintf(unit->path, sizeof unit->path, "%s/%s", folders[i], unit->name);
        struct stat status;
        char target[512];
        if (lstat(unit->path, &status) == 0 && S_ISLNK(status.st_mode)) {
            ssize_t length = readlink(unit->path, target, sizeof target - 1);
            if (length > 0) {
                target[length] = 0;
                if (strcmp(target, "/dev/null") == 0) {
                    unit->masked = unit->found = 1;
                    return;
                }
                /* An alias (sshd.service): the unit has the name of its file. */
                if (strrchr(target, '/') != NULL && target[0] == '/') {
                    copy(unit->name, sizeof unit->name, strrchr(target, '/') + 1);
                    copy(unit->path, sizeof unit->path, target);
                }
            }
        }
        if (stat(unit->path, &status) == 0 && S_ISREG(status.st_mode)) file = fopen(unit->path, "re");
    }
    if (file == NULL) return;
    unit->found = 1;
    copy(unit->type, sizeof unit->type, "simple");
    char line[2048];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        char *value = strchr(line, '=');
        if (value == NULL || line[0] == '#') continue;
        *value++ = 0;
        while (*value == ' ') value++;
        if (strcmp(line, "Description") == 0) copy(unit->description, sizeof unit->description, value);
        else if (strcmp(line, "ExecStart") == 0 && *value != 0) copy(unit->start, sizeof unit->start, value);
        else if (strcmp(line, "ExecReload") == 0 && *value != 0) copy(unit->reload, sizeof unit->reload, value);
        else if (strcmp(line, "Type") == 0) copy(unit->type, sizeof unit->type, value);
        else if (strcmp(line, "Documentation") == 0 && unit->docs[0] == 0) copy(unit->docs, sizeof unit->docs, value);
        else if (strcmp(line, "RemainAfterExit") == 0) unit->stays = *value == 'y' || *value == 't';
    }
    fclose(file);
    if (unit->description[0] == 0) copy(unit->description, sizeof unit->description, unit->name);
}

/* Words of a command line: quotes, the prefixes of ExecStart, no variables (Debian's are all empty). */
static int split(char *text, char **words, int most) {
    int count = 0;
    text += strspn(text, "-@:+!");
    while (count < most - 1) {
        text += strspn(text, " \t");
        if (*text == 0) break;
        char quote = *text == '"' || *text == '\'' ? *text++ : 0;
        char *end = quote != 0 ? strchr(text, quote) : text + strcspn(text, " \t");
        if (end == NULL) end = text + strlen(text);
        int last = *end == 0;
        *end = 0;
        if (text[0] != '$') words[count++] = text;
        text = last ? end : end + 1;
    }
    words[count] = NULL;
    return count;
}

/* ---- processes ---- */

struct process {
    pid_t pid, parent;
    unsigned long long started, ticks; /* clock ticks: since boot; used */
    long pages, threads;
    char comm[32], line[512];
};

static int read_process(struct process *process, pid_t pid) {
    char path[64], text[1024];
    memset(process, 0, sizeof *process);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    unsigned long long user, kernel;
    int parent;
    if (open == NULL || close == NULL || close < open) return -1;
    if (sscanf(close + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %ld %*d %llu %*u %ld", &parent,
               &user, &kernel, &process->threads, &process->started, &process->pages) != 6)
        return -1;
    *close = 0;
    copy(process->comm, sizeof process->comm, open + 1);
    process->pid = pid;
    process->parent = parent;
    process->ticks = user + kernel;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) return -1;
    length = fread(process->line, 1, sizeof process->line - 1, file);
    fclose(file);
    while (length > 0 && process->line[length - 1] == 0) length--;
    for (size_t i = 0; i < length; i++)
        if (process->line[i] == 0) process->line[i] = ' ';
        else if (!isprint((unsigned char)process->line[i])) process->line[i] = '?';
    process->line[length] = 0;
    return 0;
}

/* Of all processes by number: the first below PID 1 that was started from the unit's program. */
static pid_t main_process(const struct unit *unit) {
    char command[1024], *words[64];
    copy(command, sizeof command, unit->start);
    if (split(command, words, 64) == 0) return 0;
    /* A script is seen as its interpreter, so every word of the line counts. */
    const char *program = words[0], *base = strrchr(program, '/') != NULL ? strrchr(program, '/') + 1 : program;
    pid_t found = 0;
    DIR *folder = opendir("/proc");
    if (folder == NULL) return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct process process;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || (found != 0 && pid > found) || read_process(&process, pid) != 0 || process.parent != 1) continue;
        if (strstr(process.line, program) != NULL || strncmp(process.comm, base, 15) == 0) found = pid;
    }
    closedir(folder);
    return found;
}

static const char *state_of(struct unit *unit, const char **sub) {
    unit->pid = main_process(unit);
    *sub = unit->pid != 0 ? "running" : unit->stays ? "exited" : "dead";
    return unit->pid != 0 || unit->stays ? "active" : "inactive";
}

/* ---- words ---- */

static const char *ago(time_t seconds, char *text, size_t size) {
    long s = (long)seconds, m = s / 60, h = m / 60, d = h / 24;
    if (d >= 7) snprintf(text, size, d % 7 ? "%ld week%s %ld day%s" : "%ld week%s", d / 7, d >= 14 ? "s" : "", d % 7, d % 7 == 1 ? "" : "s");
    else if (d > 0) snprintf(text, size, h % 24 ? "%ld day%s %ldh" : "%ld day%s", d, d == 1 ? "" : "s", h % 24);
    else if (h > 0) snprintf(text, size, m % 60 ? "%ldh %ldmin" : "%ldh", h, m % 60);
    else if (m > 0) snprintf(text, size, s % 60 && m < 10 ? "%ldmin %lds" : "%ldmin", m, s % 60);
    else snprintf(text, size, "%lds", s);
    return text;
}

static const char *bytes(double value, char *text, size_t size) {
    const char *unit = "BKMG";
    while (value >= 1024 && unit[1] != 0) value /= 1024, unit++;
    snprintf(text, size, *unit == 'B' ? "%.0f%c" : "%.1f%c", value, *unit);
    return text;
}

/* Seconds since the machine started. */
static time_t uptime(void) {
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    return up.tv_sec;
}

/*
 * Seconds. What PID 1 started at once is as old as the machine: on a server it would have come with the boot. Only what was started later
 * is as old as its process.
 */
static time_t age_of(const struct process *process) {
    unsigned long long second = (unsigned long long)sysconf(_SC_CLK_TCK);
    struct process init;
    time_t up = uptime();
    if (read_process(&init, 1) == 0 && process->started >= init.started && process->started - init.started < AT_BOOT * second)
        return up - BOOT_TAKES - (time_t)((process->started - init.started) / second);
    return up - (time_t)(process->started / second);
}

static void print_since(time_t age) {
    char date[64], text[128];
    time_t since = time(NULL) - age;
    strftime(date, sizeof date, "%a %Y-%m-%d %H:%M:%S %Z", localtime(&since));
    printf(" %s; %s ago\n", date, ago(age, text, sizeof text));
}

/* What the real one says of the unit's file: "enabled", "static", ... */
static void file_state(const struct unit *unit, char *text, size_t size) {
    copy(text, size, "static");
    int pipes[2];
    if (pipe(pipes) != 0) return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], 1);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 2);
        close(pipes[0]);
        execl(REAL, "systemctl", "--root=/", "is-enabled", unit->name, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    char answer[64];
    ssize_t length = read(pipes[0], answer, sizeof answer - 1);
    close(pipes[0]);
    waitpid(pid, NULL, 0);
    if (length <= 0) return;
    answer[length] = 0;
    answer[strcspn(answer, "\n")] = 0;
    copy(text, size, answer);
}

static int is_root(const char *verb, const char *name) {
    if (geteuid() == 0) return 1;
    if (strcmp(name, "daemon") == 0) {
        fprintf(stderr, "Failed to reload daemon: Interactive authentication required.\n");
        return 0;
    }
    fprintf(stderr, "Failed to %s %s: Interactive authentication required.\n", verb, name);
    fprintf(stderr, "See system logs and 'systemctl status %s' for details.\n", name);
    return 0;
}

/* ---- status ---- */

static void print_processes(const struct unit *unit) {
    struct process all[MOST_PROCESSES], total = {0};
    int count = 0;
    pid_t members[MOST_PROCESSES];
    members[0] = unit->pid;
    int known = 1;
    /* Sessions below sshd have control groups of their own. */
    int alone = strcmp(unit->name, "ssh.service") == 0;
    for (pid_t pid = unit->pid; pid < 4194304 && known < MOST_PROCESSES; pid++) {
        struct process process;
        if (pid != unit->pid && (alone || pid > unit->pid + 2000)) break;
        if (read_process(&process, pid) != 0) continue;
        int ours = pid == unit->pid;
        for (int i = 0; i < known && !ours; i++) ours = process.parent == members[i];
        if (!ours) continue;
        if (pid != unit->pid) members[known++] = pid;
        all[count++] = process;
        total.threads += process.threads, total.pages += process.pages, total.ticks += process.ticks;
    }
    char text[64];
    printf("      Tasks: %ld (limit: 4915)\n", total.threads);
    printf("     Memory: %s\n", bytes((double)total.pages * 4096 / 2, text, sizeof text));
    printf("        CPU: %llums\n", total.ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK) + 6);
    printf("     CGroup: /system.slice/%s\n", unit->name);
    for (int i = 0; i < count; i++) {
        const char *q = strchr(all[i].line, ':') != NULL ? "\"" : "";
        printf("             %s%d %s%s%s\n", i + 1 < count ? "├─" : "└─", (int)all[i].pid, q, all[i].line, q);
    }
}

/* The unit's last lines, if it has any and the caller may read them, as the real one shows them: behind an empty line. */
static void print_journal(const char *name) {
    char count[16], first;
    int pipes[2];
    snprintf(count, sizeof count, "%d", lines);
    fflush(stdout);
    if (pipe(pipes) != 0) return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], 1);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 2);
        close(pipes[0]);
        execl("/usr/bin/journalctl", "journalctl", "--quiet", "--no-pager", "--boot", "--lines", count, "--unit", name, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    char text[4096];
    ssize_t length = read(pipes[0], &first, 1);
    if (length == 1) {
        printf("\n%c", first);
        while ((length = read(pipes[0], text, sizeof text)) > 0) fwrite(text, 1, (size_t)length, stdout);
    }
    close(pipes[0]);
    waitpid(pid, NULL, 0);
}

static int status(const char *name) {
    struct unit unit;
    const char *sub;
    read_unit(&unit, name);
    if (!unit.found) {
        fprintf(stderr, "Unit %s could not be found.\n", unit.name);
        return 4;
    }
    const char *state = state_of(&unit, &sub);
    char enabled[64];
    file_state(&unit, enabled, sizeof enabled);
    printf("%s %s - %s\n", unit.pid != 0 || unit.stays ? "●" : "○", unit.name, unit.description);
    printf(strcmp(enabled, "static") == 0 ? "     Loaded: loaded (%s; %s)\n" : "     Loaded: loaded (%s; %s; preset: enabled)\n",
           unit.path, enabled);
    struct process process;
    int runs = unit.pid != 0 && read_process(&process, unit.pid) == 0;
    printf(runs || unit.stays ? "     Active: %s (%s) since" : "     Active: %s (%s)", state, sub);
    if (runs) print_since(age_of(&process));
    else if (unit.stays) print_since(uptime() - BOOT_TAKES);
    else putchar('\n');
    if ((runs || unit.stays) && unit.docs[0] != 0) {
        char *words[16];
        int count = split(unit.docs, words, 16);
        for (int i = 0; i < count; i++) printf(i == 0 ? "       Docs: %s\n" : "             %s\n", words[i]);
    }
    if (runs) {
        printf("   Main PID: %d (%s)\n", (int)unit.pid, process.comm);
        print_processes(&unit);
    }
    if (lines > 0) print_journal(unit.name);
    return unit.pid != 0 || unit.stays ? 0 : 3;
}

/* ---- what changes something ---- */

/* As a child of PID 1 with nothing of the caller's. Returns whether it is still there, or ended well, after a moment. */
static int run(const char *text, int wait) {
    char command[1024], *words[64];
    copy(command, sizeof command, text);
    if (split(command, words, 64) == 0) return 0;
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (!wait && fork() != 0) _exit(0);
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++) dup2(null, fd);
        for (int fd = 3; fd < 64; fd++) close(fd);
        chdir("/");
        char *const environment[] = {"LANG=en_US.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", NULL};
        execve(words[0], words, environment);
        _exit(127);
    }
    int result = 0;
    waitpid(pid, &result, 0);
    return WIFEXITED(result) && WEXITSTATUS(result) == 0;
}

static void pause_ms(int milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static int stop_unit(struct unit *unit) {
    pid_t pid = main_process(unit);
    if (pid == 0) return 0;
    /* Its children too, except sshd's: those are sessions of their own. */
    for (pid_t child = pid + 1; strcmp(unit->name, "ssh.service") != 0 && child < pid + 2000; child++) {
        struct process process;
        if (read_process(&process, child) == 0 && process.parent == pid) kill(child, SIGTERM);
    }
    kill(pid, SIGTERM);
    for (int i = 0; i < 100 && kill(pid, 0) == 0; i++) pause_ms(20);
    return kill(pid, 0) == 0 ? kill(pid, SIGKILL) : 0;
}

static int start_unit(struct unit *unit) {
    if (main_process(unit) != 0) return 0;
    /* PID 1 starts it again by itself, with what it needs. */
    if (strcmp(unit->name, "ssh.service") == 0) {
        for (int i = 0; i < 250 && main_process(unit) == 0; i++) pause_ms(20);
        return main_process(unit) != 0 ? 0 : -1;
    }
    int oneshot = strcmp(unit->type, "oneshot") == 0, forks = strcmp(unit->type, "forking") == 0;
    char command[1024], *words[64];
    copy(command, sizeof command, unit->start);
    if (split(command, words, 64) == 0 || access(words[0], X_OK) != 0) return -1;
    return run(unit->start, oneshot || forks) ? 0 : -1;
}

static int change(const char *verb, const char *name) {
    struct unit unit;
    read_unit(&unit, name);
    if (!is_root(strcmp(verb, "try-restart") == 0 ? "restart" : verb, unit.name)) return 4;
    if (!unit.found) {
        fprintf(stderr, "Failed to %s %s: Unit %s %s.\n", verb, unit.name, unit.name,
                strcmp(verb, "stop") == 0 ? "not loaded" : "not found");
        return 5;
    }
    if (unit.masked && strcmp(verb, "stop") != 0) {
        fprintf(stderr, "Failed to %s %s: Unit %s is masked.\n", verb, unit.name, unit.name);
        return 1;
    }
    int failed = 0;
    if (strcmp(verb, "reload") == 0) {
        pid_t pid = main_process(&unit);
        if (pid == 0 || unit.reload[0] == 0) {
            if (pid == 0) fprintf(stderr, "%s is not active, cannot reload.\n", unit.name);
            else fprintf(stderr, "Failed to reload %s: Job type reload is not applicable for unit %s.\n", unit.name, unit.name);
            return 1;
        }
        kill(pid, SIGHUP);
        return 0;
    }
    if (strcmp(verb, "start") != 0) stop_unit(&unit);
    if (strcmp(verb, "stop") != 0) failed = start_unit(&unit);
    if (failed == 0) return 0;
    fprintf(stderr, "Job for %s failed because the control process exited with error code.\n", unit.name);
    fprintf(stderr, "See \"systemctl status %s\" and \"journalctl -xeu %s\" for details.\n", unit.name, unit.name);
    return 1;
}

/* ---- lists ---- */

static void row(const char *name, const char *state, const char *sub, const char *description) {
    printf("  %-28s loaded %-8s %-8s %s\n", name, state, sub, description);
}

static int list_units(int all) {
    int count = 0;
    printf("  %-28s LOAD   ACTIVE   SUB      DESCRIPTION\n", "UNIT");
    for (int i = 0; listed[i] != NULL; i++) {
        struct unit unit;
        const char *sub;
        if (wanted_type != NULL && strcmp(wanted_type, "service") != 0) break;
        read_unit(&unit, listed[i]);
        if (!unit.found) continue;
        const char *state = state_of(&unit, &sub);
        if (wanted_state != NULL ? strcmp(wanted_state, state) != 0 && strcmp(wanted_state, sub) != 0 : !all && *state == 'i') continue;
        row(unit.name, state, sub, unit.description);
        count++;
    }
    for (int i = 0; targets[i][0] != NULL; i++) {
        if (wanted_type != NULL && strcmp(wanted_type, "target") != 0) break;
        if (wanted_state != NULL && strcmp(wanted_state, "active") != 0) break;
        row(targets[i][0], "active", "active", targets[i][1]);
        count++;
    }
    if (count > 0)
        printf("\nLOAD   = Reflects whether the unit definition was properly loaded.\n"
               "ACTIVE = The high-level unit activation state, i.e. generalization of SUB.\n"
               "SUB    = The low-level unit activation state, values depend on unit type.\n");
    printf("%d loaded units listed.%s\n", count, all ? "" : " Pass --all to see loaded but inactive units, too.");
    if (!all) printf("To show all installed unit files use 'systemctl list-unit-files'.\n");
    return 0;
}

static int is_active(const char *name) {
    struct unit unit;
    const char *sub;
    read_unit(&unit, name);
    for (int i = 0; targets[i][0] != NULL; i++)
        if (strcmp(targets[i][0], unit.name) == 0) {
            if (!quiet) puts("active");
            return 0;
        }
    const char *state = unit.found ? state_of(&unit, &sub) : "inactive";
    if (!quiet) puts(state);
    return *state == 'a' ? 0 : 3;
}

static int cat(const char *name) {
    struct unit unit;
    read_unit(&unit, name);
    FILE *file = unit.found && !unit.masked ? fopen(unit.path, "re") : NULL;
    if (file == NULL) {
        fprintf(stderr, "No files found for %s.\n", unit.name);
        return 1;
    }
    char text[4096];
    printf("# %s\n", unit.path);
    for (size_t length; (length = fread(text, 1, sizeof text, file)) > 0;) fwrite(text, 1, length, stdout);
    fclose(file);
    return 0;
}

/* The few properties that scripts ask for. `only`: a list with commas, or NULL for all. */
static int show(const char *name, const char *only, int bare) {
    struct unit unit;
    const char *sub = "dead";
    char enabled[64] = "", pid[32];
    read_unit(&unit, name);
    const char *state = unit.found ? state_of(&unit, &sub) : "inactive";
    if (unit.found) file_state(&unit, enabled, sizeof enabled);
    snprintf(pid, sizeof pid, "%d", (int)unit.pid);
    const char *const properties[][2] = {{"Type", unit.type}, {"MainPID", pid}, {"Id", unit.name}, {"Names", unit.name},
        {"Description", unit.found ? unit.description : unit.name}, {"LoadState", unit.masked ? "masked" : unit.found ? "loaded" : "not-found"},
        {"ActiveState", state}, {"SubState", sub}, {"FragmentPath", unit.found ? unit.path : ""}, {"UnitFileState", enabled}};
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        size_t length = strlen(properties[i][0]);
        const char *at = only == NULL ? NULL : strstr(only, properties[i][0]);
        if (only != NULL && (at == NULL || (at[length] != 0 && at[length] != ',') || (at != only && at[-1] != ','))) continue;
        printf(bare ? "%s%s\n" : "%s=%s\n", bare ? "" : properties[i][0], properties[i][1]);
    }
    return 0;
}

/* ---- timers ---- */

/* Debian's, in minutes of a UTC day; `spread`: at most so many minutes later, by chance, and another on each day. */
struct timer {
    const char *name;
    int at, second_at, spread, weekday; /* second_at, weekday (0: Sunday): -1 for none */
};
static const struct timer timers[] = {{"apt-daily", 360, 1080, 720, -1},     {"apt-daily-upgrade", 360, -1, 60, -1},
                                      {"dpkg-db-backup", 0, -1, 0, -1},      {"e2scrub_all", 190, -1, 60, 0},
                                      {"fstrim", 0, -1, 100, 1},             {"logrotate", 0, -1, 0, -1},
                                      {"man-db", 0, -1, 720, -1}};
#define TIMERS (int)(sizeof timers / sizeof *timers)
#define DAY 86400

/* The same for one machine, name and day. */
static unsigned chance(const char *name, long day) {
    unsigned hash = 2166136261u ^ (unsigned)day;
    char id[64] = "";
    FILE *file = fopen("/etc/machine-id", "re");
    if (file != NULL && fgets(id, sizeof id, file) == NULL) id[0] = 0;
    if (file != NULL) fclose(file);
    for (const char *texts[] = {id, name, NULL}, **text = texts; *text != NULL; text++)
        for (const char *c = *text; *c != 0; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
    return hash ^ hash >> 15;
}

static time_t next_of(const struct timer *timer, time_t now) {
    for (long day = now / DAY;; day++) {
        if (timer->weekday >= 0 && (day + 4) % 7 != timer->weekday) continue;
        for (int i = 0; i < 2; i++) {
            int at = i == 0 ? timer->at : timer->second_at;
            if (at < 0) continue;
            time_t moment = day * DAY + at * 60;
            if (timer->spread > 0) moment += chance(timer->name, 2 * day + i) % (unsigned)(timer->spread * 60);
            if (moment > now) return moment;
        }
    }
}

struct due {
    const char *name;
    time_t next, last; /* last: 0 for never */
};

static int by_next(const void *one, const void *other) {
    time_t a = ((const struct due *)one)->next, b = ((const struct due *)other)->next;
    return a < b ? -1 : a > b;
}

static int list_timers(void) {
    struct due due[TIMERS + 1];
    int count = 0;
    time_t now = time(NULL);
    for (int i = 0; i < TIMERS; i++) {
        char name[300];
        struct unit unit;
        struct stat stamp;
        snprintf(name, sizeof name, "%s.timer", timers[i].name);
        read_unit(&unit, name);
        if (!unit.found || unit.masked) continue;
        snprintf(name, sizeof name, "/var/lib/systemd/timers/stamp-%s.timer", timers[i].name);
        due[count++] = (struct due){timers[i].name, next_of(&timers[i], now), stat(name, &stamp) == 0 ? stamp.st_mtime : 0};
    }
    /* 15 minutes after the start, and each day from then on. */
    time_t first = now - uptime() + 15 * 60, days = now > first ? (now - first) / DAY : -1;
    due[count++] = (struct due){"systemd-tmpfiles-clean", first + (days + 1) * DAY, days < 0 ? 0 : first + days * DAY};
    qsort(due, (size_t)count, sizeof *due, by_next);
    /* A column is as wide as its widest. */
    char cells[TIMERS + 2][6][80] = {{"NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"}};
    int width[6] = {0};
    for (int i = 0; i < count; i++) {
        char(*row)[80] = cells[i + 1], text[64];
        strftime(row[0], sizeof row[0], "%a %Y-%m-%d %H:%M:%S %Z", localtime(&due[i].next));
        snprintf(row[1], sizeof row[1], "%s left", ago(due[i].next - now, text, sizeof text));
        copy(row[2], sizeof row[2], "n/a");
        copy(row[3], sizeof row[3], "n/a");
        if (due[i].last != 0) {
            strftime(row[2], sizeof row[2], "%a %Y-%m-%d %H:%M:%S %Z", localtime(&due[i].last));
            snprintf(row[3], sizeof row[3], "%s ago", ago(now - due[i].last, text, sizeof text));
        }
        snprintf(row[4], sizeof row[4], "%s.timer", due[i].name);
        snprintf(row[5], sizeof row[5], "%s.service", due[i].name);
    }
    for (int i = 0; i <= count; i++)
        for (int j = 0; j < 6; j++)
            if ((int)strlen(cells[i][j]) > width[j]) width[j] = (int)strlen(cells[i][j]);
    for (int i = 0; i <= count; i++)
        for (int j = 0; j < 6; j++) {
            if (j < 5) printf("%-*s ", width[j], cells[i][j]);
            else puts(cells[i][j]);
        }
    printf("\n%d timers listed.\nPass --all to see loaded but inactive timers, too.\n", count);
    return 0;
}

/* The machine as a whole. */
static int summary(void) {
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    printf("● %s\n    State: running\n    Units: 214 loaded (incl. loaded aliases)\n     Jobs: 0 queued\n   Failed: 0 units\n", host);
    printf("    Since:");
    print_since(uptime());
    return 0;
}

/* What is left of a reboot: every session ends, without a word. */
static int end_sessions(void) {
    if (geteuid() != 0) {
        fputs("Failed to set wall message, ignoring: Interactive authentication required.\n"
              "Failed to reboot system via logind: Interactive authentication required.\n"
              "Failed to open initctl fifo: Permission denied\nFailed to talk to init daemon.\n", stderr);
        return 1;
    }
    DIR *folder = opendir("/proc");
    if (folder == NULL) return 1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct process process, parent;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || read_process(&process, pid) != 0 || strcmp(process.comm, "sshd") != 0) continue;
        if (read_process(&parent, process.parent) == 0 && strcmp(parent.comm, "sshd") == 0) kill(pid, SIGTERM);
    }
    closedir(folder);
    return 0;
}

/* ---- hostnamectl ---- */

/* The value of NAME=value in a file, without quotes; empty if there is none. */
static void value_in(const char *path, const char *name, char *text, size_t size) {
    char line[512];
    size_t length = strlen(name);
    text[0] = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, name, length) != 0 || (length > 0 && line[length] != '=')) continue;
        char *value = length > 0 ? line + length + 1 : line;
        if (*value == '"') value++;
        value[strcspn(value, "\"")] = 0;
        copy(text, size, value);
        break;
    }
    fclose(file);
}

static void detect(char *text, size_t size) {
    FILE *answer = popen("/usr/bin/systemd-detect-virt 2>/dev/null", "re");
    if (answer == NULL || fgets(text, (int)size, answer) == NULL) copy(text, size, "none");
    if (answer != NULL) pclose(answer);
    text[strcspn(text, "\n")] = 0;
}

static void told(const char *name, const char *value) {
    if (*value != 0) printf("%16s: %s\n", name, value);
}

static int has_emoji(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *terminal = getenv("TERM"), *locale = NULL;
    for (int i = 0; i < 3 && (locale == NULL || *locale == 0); i++) locale = getenv(names[i]);
    if (terminal != NULL && (strcmp(terminal, "dumb") == 0 || strcmp(terminal, "linux") == 0)) return 0;
    return locale != NULL && strstr(locale, "UTF-8") != NULL;
}

/* The real one asks the bus for systemd itself, which is not there; all else is left to it. */
static int host_status(void) {
    char text[512], virt[64], kernel[sizeof(struct utsname)];
    struct utsname names;
    uname(&names);
    detect(virt, sizeof virt);
    int is_virtual = strcmp(virt, "none") != 0;
    value_in("/etc/hostname", "", text, sizeof text);
    told("Static hostname", *text != 0 ? text : "(unset)");
    if (strcmp(text, names.nodename) != 0) told("Transient hostname", names.nodename);
    told("Icon name", is_virtual ? "computer-vm" : "computer-server");
    told("Chassis", has_emoji() ? (is_virtual ? "vm 🖴" : "server 🖳") : is_virtual ? "vm" : "server");
    value_in("/etc/machine-id", "", text, sizeof text);
    told("Machine ID", text);
    value_in("/proc/sys/kernel/random/boot_id", "", text, sizeof text);
    size_t kept = 0;
    for (size_t i = 0; text[i] != 0; i++)
        if (text[i] != '-') text[kept++] = text[i];
    text[kept] = 0;
    told("Boot ID", text);
    if (is_virtual) told("Virtualization", virt);
    value_in("/etc/os-release", "PRETTY_NAME", text, sizeof text);
    told("Operating System", text);
    snprintf(kernel, sizeof kernel, "%s %s", names.sysname, names.release);
    told("Kernel", kernel);
    told("Architecture", strcmp(names.machine, "x86_64") == 0 ? "x86-64" : strcmp(names.machine, "aarch64") == 0 ? "arm64" : names.machine);
    value_in("/sys/class/dmi/id/sys_vendor", "", text, sizeof text);
    told("Hardware Vendor", text);
    value_in("/sys/class/dmi/id/product_name", "", text, sizeof text);
    told("Hardware Model", text);
    return 0;
}

/* The real one, which needs no systemd for what it finds in files. */
static void leave_to_the_real_one(int argc, char **argv, int offline) {
    char *arguments[MOST_UNITS + 3];
    int count = 0;
    arguments[count++] = argv[0];
    if (offline) arguments[count++] = "--root=/";
    for (int i = 1; i < argc && i < MOST_UNITS; i++)
        if (!offline || strcmp(argv[i], "--now") != 0) arguments[count++] = argv[i];
    arguments[count] = NULL;
    execv(REAL, arguments);
    fprintf(stderr, "systemctl: %s\n", strerror(errno));
    exit(1);
}

static int is_one_of(const char *word, const char *const *list) {
    for (int i = 0; list[i] != NULL; i++)
        if (strcmp(word, list[i]) == 0) return 1;
    return 0;
}

int main(int argc, char **argv) {
    static const char *const from_files[] = {"enable", "disable", "reenable", "mask", "unmask", "is-enabled", "preset", "list-unit-files",
                                             "get-default", "set-default", NULL};
    static const char *const changes[] = {"start", "stop", "restart", "try-restart", "reload", "reload-or-restart",
                                          "force-reload", "condrestart", NULL};
    static const char *const nothing[] = {"daemon-reload", "daemon-reexec", "reset-failed", NULL};
    const char *called = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    char *names[MOST_UNITS];
    const char *verb = NULL, *property = NULL;
    int count = 0, all = 0, at_once = 0, bare = 0;
    if (strcmp(called, "hostnamectl") == 0) {
        if (argc == 1 || (argc == 2 && strcmp(argv[1], "status") == 0)) return host_status();
        execv(REAL_HOSTNAMECTL, argv);
        fprintf(stderr, "hostnamectl: %s\n", strerror(errno));
        return 1;
    }
    if (strcmp(called, "reboot") == 0 || strcmp(called, "poweroff") == 0 || strcmp(called, "halt") == 0) return end_sessions();
    if (strcmp(called, "runlevel") == 0) return puts("N 5"), 0;
    if (strcmp(called, "shutdown") == 0)
        for (int i = 1; i < argc; i++)
            if (strcmp(argv[i], "now") == 0 || strcmp(argv[i], "0") == 0 || strcmp(argv[i], "+0") == 0) return end_sessions();
    if (strcmp(called, "systemctl") != 0) leave_to_the_real_one(argc, argv, 0);
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "--version") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "--user") == 0)
            leave_to_the_real_one(argc, argv, 0);
        else if (strcmp(word, "-q") == 0 || strcmp(word, "--quiet") == 0) quiet = 1;
        else if (strcmp(word, "-a") == 0 || strcmp(word, "--all") == 0) all = 1;
        else if (strcmp(word, "--now") == 0) at_once = 1;
        else if (strcmp(word, "--failed") == 0) wanted_state = "failed";
        else if (strncmp(word, "--type=", 7) == 0) wanted_type = word + 7;
        else if (strncmp(word, "--state=", 8) == 0) wanted_state = word + 8;
        else if (strcmp(word, "-t") == 0 && i + 1 < argc) wanted_type = argv[++i];
        else if (strncmp(word, "--property=", 11) == 0) property = word + 11;
        else if (strcmp(word, "-p") == 0 && i + 1 < argc) property = argv[++i];
        else if (strcmp(word, "--value") == 0) bare = 1;
        else if (strcmp(word, "-n") == 0 && i + 1 < argc) lines = atoi(argv[++i]);
        else if (strncmp(word, "--lines=", 8) == 0) lines = atoi(word + 8);
        else if (word[0] == '-') continue;
        else if (verb == NULL) verb = word;
        else if (count < MOST_UNITS) names[count++] = word;
    }
    if (verb == NULL || strcmp(verb, "list-units") == 0) return list_units(all);
    if (is_one_of(verb, from_files)) {
        int ok = 1;
        if (!at_once) leave_to_the_real_one(argc, argv, 1);
        if (geteuid() == 0) {
            pid_t pid = fork();
            if (pid == 0) leave_to_the_real_one(argc, argv, 1);
            int result = 0;
            waitpid(pid, &result, 0);
            ok = WIFEXITED(result) && WEXITSTATUS(result) == 0;
        }
        for (int i = 0; i < count && ok; i++) ok = change(strcmp(verb, "enable") == 0 ? "start" : "stop", names[i]) == 0;
        return ok ? 0 : 1;
    }
    if (is_one_of(verb, nothing)) return geteuid() == 0 ? 0 : (is_root("reload", "daemon"), 1);
    if (strcmp(verb, "is-system-running") == 0) return puts("running"), 0;
    if (strcmp(verb, "reboot") == 0 || strcmp(verb, "poweroff") == 0 || strcmp(verb, "halt") == 0) return end_sessions();
    if (strcmp(verb, "status") == 0 && count == 0) return summary();
    if (strcmp(verb, "list-timers") == 0) return list_timers();
    if (strcmp(verb, "kill") == 0) verb = "stop";
    if (strcmp(verb, "force-reload") == 0 || strcmp(verb, "reload-or-restart") == 0 || strcmp(verb, "condrestart") == 0) verb = "restart";
    int worst = 0, known = 0;
    for (int i = 0; i < count; i++) {
        int result = 1;
        if (strcmp(verb, "status") == 0) {
            if (i > 0) putchar('\n');
            result = status(names[i]);
        } else if (strcmp(verb, "is-active") == 0) result = is_active(names[i]);
        else if (strcmp(verb, "is-failed") == 0) is_active(names[i]);
        else if (strcmp(verb, "cat") == 0) result = cat(names[i]);
        else if (strcmp(verb, "show") == 0) result = show(names[i], property, bare);
        else if (is_one_of(verb, changes)) result = change(verb, names[i]);
        else leave_to_the_real_one(argc, argv, 0);
        known = 1;
        if (result > worst) worst = result;
    }
    if (!known) leave_to_the_real_one(argc, argv, 0);
    return worst;
}
