#!/bin/sh
# Becomes one unprivileged process of the gateway. Started by confine.ts as root, in mount and IPC namespaces of its own:
#
#     enter.sh UID UMASK NODE CODE [NAME ro|rw FOLDER]... -- ARGUMENT...
#
# Builds a root that holds nothing but what the process needs, moves into it for good, gives up every right and runs
# NODE with the arguments. File by file what is there is allowed; all else of the machine (engine sockets, homes,
# configuration, other processes) is not forbidden but absent. Nothing here comes from a stranger.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

uid=$1 mask=$2 node=$3 code=$4
shift 4

root=/run/mitsubako
umask 022
mount -t tmpfs -o mode=0755,size=256k,nr_inodes=256,nosuid,nodev,noexec mitsubako "$root"
cd "$root"
mkdir old jail
cd jail
mkdir usr proc dev run run/mitsubako

# The runtime's libraries and the programs that are run below. Distributions with merged /usr have links here.
mount -o bind,ro,nosuid,nodev /usr usr
ln -s jail/usr jail/proc ..
for folder in bin sbin lib lib32 lib64 libx32; do
    if [ -h "/$folder" ]; then
        ln -s "$(readlink "/$folder")" "$folder"
    elif [ -d "/$folder" ]; then
        mkdir "$folder"
        mount -o bind,ro,nosuid,nodev "/$folder" "$folder"
    else
        continue
    fi
    ln -s "jail/$folder" "../$folder"
done

for device in null urandom; do
    : >"dev/$device"
    mount -o bind,ro,nosuid,noexec "/dev/$device" "dev/$device"
done

# What the process sees of /proc is itself.
mount -t proc -o nosuid,nodev,noexec,hidepid=2 proc proc

: >run/mitsubako/node
mount -o bind,ro,nosuid,nodev "$node" run/mitsubako/node
mkdir run/mitsubako/code
mount -o bind,ro,nosuid,nodev "$code" run/mitsubako/code
while [ "$1" != -- ]; do
    mkdir "run/mitsubako/$1"
    mount -o "bind,$2,nosuid,nodev,noexec" "$3" "run/mitsubako/$1"
    shift 3
done
shift

# Sockets are what a front needs many of: as many as the kernel allows anybody (open-files.ts), else what there is. No dump of
# passwords.
ulimit -c 0
ulimit -n 1048576 2>&- || ulimit -n "$(cat /proc/sys/fs/nr_open)" 2>&- || ulimit -n "$(ulimit -H -n)"
# First to go when memory runs out; the warden and the sandboxes' rules stay.
echo 500 >/proc/self/oom_score_adj

mount -o remount,bind,ro,nosuid,nodev,noexec "$root"
# The new root as it is seen through its own mount, not through the folder below it.
cd "$root"
pivot_root . old
cd /
umount -l /old

umask "$mask"
# A root below that of the namespace: the kernel then refuses user namespaces to the process (user_namespaces(7), EPERM),
# in which it would have capabilities again, if only over itself.
exec prlimit --nproc=256 -- chroot /jail \
    setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
    --no-new-privs --pdeathsig KILL -- \
    /run/mitsubako/node "$@"
