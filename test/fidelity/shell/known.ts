/** What is known to differ, why, and what a sceptic learns from it: docs/fidelity.md tells each at length. */
export interface Known {
  readonly what: string;
  readonly commands: RegExp;
}

export const KNOWN: readonly Known[] = [
  {
    what: "the root is an overlay: its type, its sizes without the image's own, one link to each folder",
    commands:
      /mount\b|mounts|mountinfo|findmnt|\bdf\b|mtab|mountstats|^stat|^ls -(la|ld) |ls -ld|python3 .*ismount|^lsblk|^ls -id/,
  },
  { what: "/dev has the nodes that may be used and no disks", commands: /\/dev\b|blkid|losetup|fdisk/ },
  { what: "owners that are the machine's are nobody's inside", commands: /%U %G|uid_map|gid_map|^ls -l/ },
  {
    what: "root has not every capability, and calls are filtered",
    commands:
      /unshare|nsenter|capsh|Cap |Seccomp|mknod|dmesg|nft|iptables|\/status|kernel\/hostname|ethtool|nice|sudo/,
  },
  { what: "limits are the policy's", commands: /limits|ulimit/ },
  { what: "control groups are not shown", commands: /cgroup/ },
  {
    what: "/proc and /sys tell nothing of firmware, keys and timers",
    commands: /firmware|keys|timer_list|dmi/,
  },
  {
    what: "the network: a cable with another end, no IPv6, another address; the plain machine has no neighbour",
    commands: /^ip |ifconfig|\barp|if_inet6|net\/route|iflink|route -n|netstat|\bss\b|class\/net|sysctl -a/,
  },
  {
    what: "the plain machine has just been made: nothing is in its journal and mail",
    commands: /journalctl|^mail/,
  },
  // Other processes and disks of this machine come and go between the two answers.
  {
    what: "moments",
    commands: /^ls \/run|pgrep|partitions|diskstats|^find \/etc -newer|grep -c|ps -ef|lsof|interrupts/,
  },
];

/** Words that are still said, and where. */
export const KNOWN_WORDS: readonly { readonly word: RegExp; readonly commands: RegExp }[] = [
  {
    word: /overlay|upperdir/,
    commands:
      /mount\b|mounts|mountinfo|mountstats|findmnt|\bdf\b|mtab|^stat -f|\/proc\/filesystems|modules|lsmod/,
  },
  { word: /100000/, commands: /uid_map|gid_map/ },
];
