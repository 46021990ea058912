/* What the sandbox's processes were last seen to run, as far as it matters here. */
#include "witness.h"
#include <limits.h>
#include <stddef.h>
#include <string.h>

/* Files that a process may open after it began to run an interpreter and have looked at: its script comes before all others. */
#define FIRST_OPENS 4

/* By the process' number: what has the same place is forgotten, which leaves something untold and invents nothing. */
#define PLACES 4096
static struct {
    uint32_t pid;
    enum program program;
    /* Of the interpreter that it ran last, also if it runs something else by now. */
    unsigned opens_left;
} places[PLACES];

/* Those that read a script by its name; more digits and dots may follow. */
static const char *const interpreters[] = {
    "sh", "ash", "dash", "bash", "rbash", "ksh", "mksh", "zsh", "busybox", "toybox", "python", "perl", "php", "ruby", "lua",
};
static const char *const account_tools[] = {
    "/usr/sbin/useradd", "/usr/sbin/usermod", "/usr/sbin/userdel", "/usr/sbin/groupadd", "/usr/sbin/groupmod", "/usr/sbin/groupdel",
    "/usr/sbin/chpasswd", "/usr/sbin/newusers", "/usr/bin/passwd", "/usr/bin/gpasswd", "/usr/bin/chage", "/usr/bin/chfn", "/usr/bin/chsh",
};
#define COUNT(list) (sizeof (list) / sizeof *(list))

static enum program program_of(const char *path, int is_images) {
    const char *name = strrchr(path, '/');
    for (size_t i = 0; is_images && i < COUNT(account_tools); i++)
        if (strcmp(path, account_tools[i]) == 0) return ACCOUNT_TOOL;
    for (size_t i = 0; name && i < COUNT(interpreters); i++) {
        size_t length = strlen(interpreters[i]);
        if (strncmp(name + 1, interpreters[i], length) == 0 && name[1 + length + strspn(name + 1 + length, "0123456789.")] == 0)
            return INTERPRETER;
    }
    return ANOTHER;
}

void now_runs(uint32_t pid, int fd, int is_images) {
    char path[PATH_MAX];
    uint32_t length = path_of(fd, 0, path, sizeof path - 1);
    path[length] = 0;
    const char *name = strrchr(path, '/');
    /* The kernel opens a dynamic program's loader behind it in the same way. */
    if (name && strncmp(name, "/ld-", 4) == 0) return;
    if (places[pid % PLACES].pid != pid) places[pid % PLACES].opens_left = 0;
    places[pid % PLACES].pid = pid;
    places[pid % PLACES].program = program_of(path, is_images);
    if (places[pid % PLACES].program == INTERPRETER) places[pid % PLACES].opens_left = FIRST_OPENS;
}

enum program program_run_by(uint32_t pid) {
    return places[pid % PLACES].pid == pid ? places[pid % PLACES].program : ANOTHER;
}

int runs_interpreter(uint32_t pid) {
    return places[pid % PLACES].pid == pid && places[pid % PLACES].opens_left > 0;
}

int may_read_script(uint32_t pid) {
    if (!runs_interpreter(pid)) return 0;
    places[pid % PLACES].opens_left--;
    return 1;
}

int is_account_file(const char *path, uint32_t length) {
    static const char *const names[] = {"passwd", "shadow", "group", "gshadow", "subuid", "subgid", "npasswd", "nshadow"};
    static const char folder[] = "/etc/";
    if (length >= PATH_MAX || length < sizeof folder || memcmp(path, folder, sizeof folder - 1) != 0) return 0;
    const char *at = path + sizeof folder - 1, *end = path + length;
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t known = strlen(names[i]), rest = end - at;
        if (rest < known || memcmp(at, names[i], known) != 0) continue;
        const char *suffix = at + known;
        rest -= known;
        if (rest == 0 || (rest == 1 && (*suffix == '-' || *suffix == '+')) || (rest == 5 && memcmp(suffix, ".lock", 5) == 0)) return 1;
        size_t digits = 1;
        while (digits < rest && suffix[digits] >= '0' && suffix[digits] <= '9') digits++;
        if (*suffix == '.' && rest > 1 && digits == rest) return 1;
    }
    return 0;
}
