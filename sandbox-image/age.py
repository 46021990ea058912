"""
Makes a root file system that was built a minute ago that of a server which has been up for months. Runs inside it, last of all:

    chroot ROOT python3 - BUILT < age.py          (BUILT: when the build began, seconds since 1970)

A day of installation is chosen by chance, once a build. Whatever the build wrote is dated to it, in its order; packages
that Debian released later were upgraded on a day after their release; dpkg's and apt's logs tell of both.
"""

import glob
import gzip
import os
import random
import re
import subprocess
import sys
import time
from email.utils import mktime_tz, parsedate_tz

DAY = 86400
# A build takes a minute, an installation by hand ten.
STRETCH = 8
CHOSEN_BY_THE_ADMINISTRATOR = "nginx rsync htop tmux lsof strace whois"


def stamp(seconds, between=" "):
    return time.strftime(f"%Y-%m-%d{between}%H:%M:%S", time.gmtime(seconds))


class Past:
    def __init__(self, built):
        self.built = built
        self.now = int(time.time())
        days_ago = random.randint(60, 240)
        self.installed = (self.now // DAY - days_ago) * DAY + random.randint(8 * 3600, 18 * 3600)

    def when(self, seconds):
        """The time of installation that stands for a time of the build."""
        return self.installed + (seconds - self.built) * STRETCH


def releases(package):
    """Versions and their dates, newest first, as the package's changelog has them."""
    name = package.split(":")[0]
    for path in (f"/usr/share/doc/{name}/changelog.Debian.gz", f"/usr/share/doc/{name}/changelog.gz"):
        if os.path.exists(path):
            with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
                text = file.read()
            break
    else:
        return []
    versions = re.findall(r"^\S+ \(([^)\s]+)\) .*;", text, re.M)
    dates = [parsedate_tz(date) for date in re.findall(r"^ -- .*>  ?(.+)$", text, re.M)]
    return [(version, mktime_tz(date)) for version, date in zip(versions, dates) if date]


def upgrades_of(past):
    """By day of upgrade: package, former version, version."""
    found = {}
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${binary:Package} ${Architecture} ${Version}\n"],
        check=True, capture_output=True, text=True,
    ).stdout
    for line in listed.splitlines():
        package, architecture, version = line.split(" ")
        known = releases(package)
        if not known or known[0][0] != version or known[0][1] <= past.installed:
            continue
        former = next((v for v, date in known if date <= past.installed), None)
        if former is None:
            continue
        # Point releases reach everybody on one day; a few days later somebody upgrades.
        week = known[0][1] // (7 * DAY) + 1
        moment = week * 7 * DAY + 2 * DAY + 9 * 3600 + (week * 7919) % 3000
        name = package if ":" in package else f"{package}:{architecture}"
        found.setdefault(min(moment, past.now - 2 * DAY), []).append((name, former, version))
    return found


def dpkg_lines(past, upgrades):
    former = {name: old for packages in upgrades.values() for name, old, _ in packages}
    lines = []
    with open("/var/log/dpkg.log", encoding="utf-8") as file:
        for line in file:
            date, rest = line[:19], line[20:].rstrip("\n")
            words = rest.split(" ")
            for name in words:
                if name in former:
                    words = [former[name] if re.match(r"[\d:.]+.*\d", word) and word != name else word for word in words]
                    break
            seconds = time.mktime(time.strptime(date, "%Y-%m-%d %H:%M:%S"))
            lines.append((past.when(seconds), " ".join(words)))
    for moment, packages in sorted(upgrades.items()):
        at = moment
        lines.append((at, "startup archives unpack"))
        for name, old, new in packages:
            at += 1
            lines += [
                (at, f"upgrade {name} {old} {new}"),
                (at, f"status half-configured {name} {old}"),
                (at, f"status unpacked {name} {old}"),
                (at, f"status half-installed {name} {old}"),
                (at, f"status unpacked {name} {new}"),
            ]
        lines.append((at + 1, "startup packages configure"))
        for name, _, new in packages:
            at += 1
            lines += [
                (at, f"configure {name} {new} <none>"),
                (at, f"status unpacked {name} {new}"),
                (at, f"status half-configured {name} {new}"),
                (at, f"status installed {name} {new}"),
            ]
            redate_lists(name, at)
    return [(at, f"{stamp(at)} {text}\n") for at, text in sorted(lines, key=lambda line: line[0])]


def alternatives_lines(past):
    """update-alternatives' own log, dated to the installation."""
    lines = []
    path = "/var/log/alternatives.log"
    if not os.path.exists(path):
        return lines
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"update-alternatives (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d): (.*)", line)
            if match:
                at = past.when(time.mktime(time.strptime(match[1], "%Y-%m-%d %H:%M:%S")))
                lines.append((at, f"update-alternatives {stamp(at)}: {match[2]}\n"))
    return lines


def redate_lists(name, at):
    for candidate in (name, name.split(":")[0]):
        for path in glob.glob(f"/var/lib/dpkg/info/{glob.escape(candidate)}.*"):
            os.utime(path, (at, at))


def apt_entries(lines, upgrades):
    """Blocks of history.log and of term.log."""
    started = next((at for at, line in lines if " install nginx:" in line), None)
    history, terminal = [], []
    if started is not None:
        chosen = []
        for package in CHOSEN_BY_THE_ADMINISTRATOR.split():
            match = next((re.search(r" install (\S+) <none> (\S+)", line) for _, line in lines if f" install {package}:" in line), None)
            if match:
                chosen.append(f"{match[1]} ({match[2]})")
        history.append((started, block(started, 19, f"apt-get install {CHOSEN_BY_THE_ADMINISTRATOR}", "Install", chosen)))
    for moment, packages in sorted(upgrades.items()):
        took = 2 * len(packages) + 3
        changed = [f"{name} ({old}, {new})" for name, old, new in packages]
        history.append((moment, block(moment - 2, took, "apt-get upgrade", "Upgrade", changed)))
        text = "".join(
            f"Preparing to unpack .../{name.split(':')[0]}_{new}_{name.split(':')[1]}.deb ...\r\nUnpacking {name.removesuffix(':all')} ({new}) over ({old}) ...\r\n"
            for name, old, new in packages
        ) + "".join(f"Setting up {name.removesuffix(':all')} ({new}) ...\r\n" for name, _, new in packages)
        terminal.append((moment, f"\nLog started: {stamp(moment - 2, '  ')}\n{text}Log ended: {stamp(moment - 2 + took, '  ')}\n"))
    return history, terminal


def block(start, took, command, what, packages):
    return (
        f"\nStart-Date: {stamp(start, '  ')}\nCommandline: {command}\n"
        f"{what}: {', '.join(packages)}\nEnd-Date: {stamp(start + took, '  ')}\n"
    )


def write_by_month(past, path, entries, mode, group):
    """As logrotate leaves it: this month's, last month's, and older ones compressed."""
    by_age = {}
    this_month = time.gmtime(past.now)
    for at, text in entries:
        then = time.gmtime(at)
        age = (this_month.tm_year - then.tm_year) * 12 + this_month.tm_mon - then.tm_mon
        by_age.setdefault(age, []).append((at, text))
    # Months without an entry are not rotated (notifempty), so names have no gaps.
    older = sorted(age for age in by_age if age > 0)
    names = {0: path, **{age: f"{path}.{n}" + (".gz" if n > 1 else "") for n, age in enumerate(older, 1)}}
    by_age.setdefault(0, [(past.now // DAY * DAY - (this_month.tm_mday - 1) * DAY, "")])
    for age, lines in by_age.items():
        name = names[age]
        content = "".join(text for _, text in lines).encode()
        if name.endswith(".gz"):
            content = gzip.compress(content, mtime=int(lines[-1][0]))
        if age == 0:
            name = path
        with open(name, "wb") as file:
            file.write(content)
        os.chmod(name, mode)
        os.chown(name, 0, group)
        os.utime(name, (lines[-1][0], lines[-1][0]))


def redate_files(past):
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys", "dev", "run", "tmp")]
        for name in folders + files:
            path = os.path.join(folder, name)
            mtime = os.lstat(path).st_mtime
            if mtime >= past.built:
                then = past.when(mtime)
                os.utime(path, (then, then), follow_symlinks=False)
    for path in ("/", "/tmp", "/run"):
        os.utime(path, (past.installed, past.installed))


past = Past(float(sys.argv[1]))
os.environ["TZ"] = "UTC"
time.tzset()
upgrades = upgrades_of(past)
lines = dpkg_lines(past, upgrades)
history, terminal = apt_entries(lines, upgrades)
write_by_month(past, "/var/log/dpkg.log", lines, 0o644, 0)
write_by_month(past, "/var/log/alternatives.log", alternatives_lines(past), 0o644, 0)
write_by_month(past, "/var/log/apt/history.log", history, 0o644, 0)
write_by_month(past, "/var/log/apt/term.log", terminal, 0o640, 4)
redate_files(past)
if upgrades:
    last = max(upgrades)
    for path in ("/var/lib/dpkg/status", "/var/lib/dpkg", "/var/cache/apt", "/var/lib/apt/extended_states", "/var/log/apt"):
        if os.path.exists(path):
            os.utime(path, (last + 60, last + 60))
