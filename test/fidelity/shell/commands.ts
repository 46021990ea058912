/**
 * What is asked on either side, one a line: what bots ask first, what a suspicious person asks, what a working day asks. None
 * changes the machine that it runs on: the plain machine's root is this machine's.
 */
const LINES = String.raw`
uname -a
uname -s
uname -m
uname -o
cat /proc/version
cat /proc/sys/kernel/osrelease
cat /proc/sys/kernel/version
cat /proc/sys/kernel/ostype
hostname
hostname -f
hostnamectl --static
cat /etc/hostname
cat /etc/hosts
cat /etc/resolv.conf
cat /etc/issue
cat /etc/issue.net
cat /etc/os-release
cat /etc/debian_version
cat /etc/fstab
cat /etc/machine-id | wc -c
cat /etc/motd
cat /etc/nsswitch.conf
cat /etc/shells
cat /etc/group | wc -l
cat /etc/passwd | head -20
cat /etc/crontab
cat /etc/sudoers
cat /etc/ssh/sshd_config
ls /etc/ssh /etc/ssh/sshd_config.d
cat /etc/apt/sources.list
whoami
id
id -un
groups
pwd
echo $HOME $USER $LOGNAME $SHELL
echo $PATH
umask
ulimit -a
tty
locale
env | cut -d= -f1 | sort
getent passwd root
getent hosts localhost
echo -n test
echo -e '\x6F\x6B'
printf '%d\n' 0x2a
expr 6 \* 7
echo $((2**31))
echo $BASH_VERSION
busybox
which busybox wget curl nano vim python3 perl gcc
type ls
command -v sshd systemctl
true; echo $?
false; echo $?
nosuchcommand
/bin/nosuchcommand
ls /nosuchfile
cat /etc/shadow | wc -l
cat /root/.bashrc
ls -a /root
ls -la /home
ls -ld / /bin /etc /home /proc /root /run /sys /tmp /usr /var /dev
ls /
ls -a /
ls -la / | tail -n +2 | awk '{print $1, $2, $3, $4, $NF}'
stat -c '%A %u %g %h %F' /
stat -c '%i %d' /
stat -f -c '%T %S' /
stat -f -c %T /proc /sys /dev /dev/pts /run /tmp
stat -c '%U %G %a' /proc /sys /dev /dev/null /dev/pts /run /tmp
ls /bin/ | wc -l
ls /usr/bin | md5sum
ls /sbin/ | md5sum
md5sum /bin/ls /bin/bash /usr/sbin/sshd
file /bin/ls /bin/sh
ls -l /sbin/init
ls -la /dev | awk '{print $1, $3, $4, $NF}'
ls /dev
ls -l /dev/null /dev/zero /dev/random /dev/tty
ls -l /dev/fd /dev/stdin /dev/ptmx
ls -l /dev/vda1
ls /dev/disk
ls /dev/pts
test -b /dev/vda1; echo $?
echo x > /dev/null; echo $?
head -c 4 /dev/zero | xxd -p || head -c 4 /dev/zero | od -An -tx1
head -c 65000 /dev/urandom | wc -c
ls -a /.dock* /run/.cont*
mount
mount | wc -l
mount | head -3
mount -t ext4
cat /proc/mounts
cat /proc/self/mounts
cat /proc/1/mounts
cat /etc/mtab
cat /proc/self/mountinfo
cat /proc/1/mountinfo
cat /proc/self/mountstats
findmnt
findmnt -n -o SOURCE,FSTYPE /
findmnt -T /etc/hosts
mountpoint / /proc /etc/hosts
df
df -h
df -h /
df -T /
df -i /
df -a
df /etc/hosts /dev/null
lsblk
lsblk -f
blkid
ls /sys
ls /sys/block
ls /sys/class
ls /sys/class/net
ls /sys/class/block
ls /sys/fs/cgroup
ls /sys/firmware
ls /sys/devices
ls /sys/kernel
ls /sys/class/dmi/id
cat /sys/class/dmi/id/product_name /sys/class/dmi/id/sys_vendor
cat /sys/class/net/eth0/address | cut -c1-8
cat /sys/class/net/eth0/type /sys/class/net/eth0/mtu
cat /sys/class/net/eth0/iflink /sys/class/net/eth0/ifindex | uniq | wc -l
readlink /sys/class/net/eth0
ls -l /sys/class/net/eth0/device
ls /proc | grep -v '^[0-9]'
ls /proc | grep -c '^[0-9]'
cat /proc/1/cmdline | tr '\0' ' '
cat /proc/1/comm
cat /proc/1/environ | tr '\0' '\n'
cat /proc/1/cgroup
cat /proc/self/cgroup
head -1 /proc/1/sched
cat /proc/1/limits
cat /proc/1/status
cat /proc/self/status
ls -l /proc/1/exe /proc/1/root /proc/1/cwd
ls -l /proc/1/ns
cat /proc/self/uid_map
cat /proc/self/gid_map
cat /proc/self/setgroups
cat /proc/self/oom_score_adj
cat /proc/self/loginuid
cat /proc/self/attr/current
cat /proc/cmdline
cat /proc/cpuinfo
cat /proc/meminfo | cut -d: -f1
head -1 /proc/meminfo
cat /proc/stat | cut -d' ' -f1
cat /proc/uptime | cut -d. -f1 | cut -c1-3
cat /proc/loadavg | wc -w
cat /proc/swaps
cat /proc/partitions
cat /proc/diskstats | wc -l
cat /proc/modules | wc -l
cat /proc/filesystems
cat /proc/cgroups
cat /proc/devices
cat /proc/interrupts | wc -l
cat /proc/kallsyms | wc -l
cat /proc/keys | wc -l
cat /proc/timer_list | wc -l
ls /proc/acpi
ls /proc/bus
ls /proc/irq | wc -l
ls /proc/fs
ls -l /proc/kcore
ls -l /proc/sysrq-trigger
ls /proc/scsi
ls /proc/sys
ls /proc/sys/kernel | wc -l
ls /proc/sys/net
test -w /proc/sys/kernel/hostname; echo $?
cat /proc/sys/kernel/hostname
cat /proc/sys/kernel/pid_max /proc/sys/kernel/random/entropy_avail
cat /proc/sys/fs/file-max
cat /proc/sys/vm/swappiness
cat /proc/net/dev | wc -l
cat /proc/net/route | wc -l
cat /proc/net/arp | wc -l
cat /proc/net/tcp | head -1
cat /proc/net/if_inet6 | wc -l
free -m
free -h | head -1
nproc
nproc --all
getconf _NPROCESSORS_ONLN
getconf PAGE_SIZE
lscpu
lscpu | grep -i model
lspci
lsmod | head -3
lsusb
dmidecode | head -3
dmesg | head -3
journalctl -n 1
uptime -s | cut -c1-10
uptime -p
w | head -1 | wc -w
w -h | wc -l
who -b | wc -l
who | wc -l
last -n 1 | tail -1
lastlog -u root | head -1
date +%Z
date +%Y
timedatectl | head -3
timedatectl | tail -3
hostnamectl | cut -d: -f1
hostnamectl status | tail -4
localectl
systemctl list-timers | wc -l
systemctl status cron | head -3
systemctl status networking | head -3
who -r
mail -H 2>&1 | head -1
cat /etc/timezone
ps -p 1 -o pid,comm,args
ps -e -o comm= | sort -u
ps aux | head -1
ps aux | grep -c '\['
ps -ef | wc -l
pstree -A -p 1 >/dev/null; echo $?
pidof sshd | wc -w
top -bn1 | sed -n 3p | cut -c1-8
pgrep -l cron
lsof -v 2>&1 | head -2
lsof -p $$ | head -1
ip addr
ip -o link
ip link show eth0
ip route
ip neigh
ip rule
ip -6 addr
ifconfig
ifconfig eth0 | head -1
route -n
arp -n
netstat -tln
netstat -rn
ss -tln
ss -s | head -1
ss -xl | wc -l
iptables -L -n
iptables -V
nft list ruleset
sysctl kernel.ostype kernel.randomize_va_space
sysctl -a 2>/dev/null | wc -l
sysctl net.ipv4.ip_forward
ethtool eth0
ping -c 1 -W 1 127.0.0.1 | head -1
systemctl is-system-running
systemctl status | head -2
systemctl status ssh | head -1
systemctl list-units --no-pager | head -2
service --status-all
service ssh status
systemd-detect-virt
systemd-detect-virt -c
systemd-detect-virt -r
ischroot; echo $?
virt-what
runlevel
dpkg -l | wc -l
dpkg -l | tail -n +6 | md5sum
dpkg --verify openssh-server coreutils
dpkg --print-architecture
apt --version
apt list --installed 2>/dev/null | wc -l
apt-cache policy | head -1
crontab -l
ls /var/spool/cron/crontabs
ls /var/log
ls /var/lib
ls /var/cache
ls /run
ls /run/systemd
ls /tmp /var/tmp
ls /boot
ls /lib/modules
ls /mnt /media /opt /srv
ls /usr/local /usr/local/bin
ls /snap
find / -maxdepth 1 | sort
find / -xdev -perm -4000 -type f 2>/dev/null | sort
find / -xdev -name '*docker*' 2>/dev/null
find /etc -newer /etc/debian_version -type f 2>/dev/null | wc -l
du -s /bin/ 2>/dev/null
grep -rlE 'docker|mitsubako|containerd' /etc /root /usr/local /var/log 2>/dev/null
strings -n 8 /sbin/init | head -3
sudo -n true
sudo -V | head -1
su -c id root < /dev/null
passwd -S
chage -l root
history | wc -l
touch /tmp/.f && ls -l /tmp/.f | cut -c1-10 && rm /tmp/.f
touch /etc/.f && rm /etc/.f && echo made
mkdir -p /tmp/d/e && cd /tmp/d/e && ls -ld ../.. && pwd -P && rm -r /tmp/d
ls /etc/.. /usr/..
ls -id / /etc/.. /.. | awk '{print $1}' | uniq | wc -l
cd / && ls -d .. && pwd
ln -s /etc/hosts /tmp/.l && readlink -f /tmp/.l && rm /tmp/.l
dd if=/dev/zero of=/tmp/.z bs=1M count=4 2>&1 | head -2 && rm /tmp/.z
python3 -c 'import os, platform; print(os.uname().sysname, platform.machine(), os.getuid(), os.cpu_count())'
python3 -c 'import os; print(os.statvfs("/").f_namemax, os.path.ismount("/"), os.path.ismount("/etc/hosts"))'
perl -e 'print "$^O $>\n"'
perl -v | head -2
openssl version
ssh -V
bash --version | head -1
strace -c true 2>&1 | head -1
strace -f -o /dev/null true; echo $?
unshare -U true
unshare -m true
nsenter -t 1 -m true
chroot / true; echo $?
capsh --print
grep Cap /proc/self/status
grep Seccomp /proc/self/status
nice -n 5 nice
taskset -p $$ | cut -d: -f2
ipcs -l | head -4
losetup -a
swapon --show
fdisk -l
modprobe nosuchmodule
insmod /nosuchmodule.ko
modinfo ext4 | head -1
mknod /tmp/.n c 1 3; ls -l /tmp/.n; rm -f /tmp/.n
chown nobody /tmp/.nosuchfile
quota
aa-status
getenforce
lsns | head -1
lsns -t mnt -n | wc -l
loginctl list-sessions | tail -1
tput cols
stty size
wget --version | head -1
curl --version | head -1
nslookup -version
dig -v
nc -h 2>&1 | head -1
telnet 127.0.0.1 1 2>&1 | tail -1
curl -sS -m 2 http://127.0.0.1:1/
`;

export const COMMANDS: readonly string[] = LINES.trim().split("\n");
