/** What is said first, and what comes back: scanners look no further. */
import type { Phase, Probe } from "../compare.ts";

const LINES: Record<string, string> = {
  // Of the wrong protocol.
  "an HTTP request": "GET / HTTP/1.0\r\n\r\n",
  "an HTTP request with a host": "GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: x\r\n\r\n",
  "an HTTP OPTIONS": "OPTIONS / HTTP/1.0\r\n\r\n",
  "an RTSP OPTIONS": "OPTIONS / RTSP/1.0\r\n\r\n",
  "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
  "a TLS hello without a line feed": "\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + "a".repeat(40),
  "an RDP request": "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
  "an SMB negotiation": "\x00\x00\x00\x2f\xffSMBr\x00\x00\x00\x00\x08\x01\x40",
  "a DNS version request": "\x00\x1e\x00\x06\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind",
  "an RPC call": "\x80\x00\x00\x28\x72\xfe\x1d\x13\x00\x00\x00\x00",
  "an X11 hello": "l\x00\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00",
  "a SIP OPTIONS": "OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\n\r\n",
  "an FTP user": "USER anonymous\r\n",
  "an SMTP hello": "EHLO example.org\r\n",
  "a POP login": "USER x\r\nPASS y\r\n",
  "an IMAP login": "a001 LOGIN x y\r\n",
  "an LDAP bind": "0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00",
  "a Telnet negotiation": "\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18",
  "a Redis question": "*1\r\n$4\r\nINFO\r\n",
  "a memcached question": "stats\r\n",
  "a MySQL packet": "\x20\x00\x00\x01\x85\xa6\x03\x00",
  "a PostgreSQL start": "\x00\x00\x00\x08\x04\xd2\x16\x2f",
  "an MQTT hello": "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
  "a SOCKS 5 hello": "\x05\x01\x00",
  "a Java RMI hello": "JRMI\x00\x02K",
  "a question for help": "HELP\r\n",
  "a generic line": "\r\n\r\n",
  // Known scanners and finders of honeypots.
  "honeydet's line": "SSH-1111-OpenSSH_9.0\r\n",
  "honeydet's line alone": "SSH-1111-\n",
  "SSH-1337": "SSH-1337\r\n",
  "SSH-1337-": "SSH-1337-x\r\n",
  "SSH-1337.0": "SSH-1337.0-x\r\n",
  "eight carriage returns": "\r\r\r\r\r\r\r\r",
  "eight carriage returns and a line feed": "\r\r\r\r\r\r\r\r\n",
  "a banner and eight line feeds": "SSH-2.0-OpenSSH\n\n\n\n\n\n\n\n\n\n",
  "a banner and eight ends of line": "SSH-2.0-OpenSSH_7.4\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
  "two banners": "SSH-2.0-OpenSSH_8.0\r\nSSH-2.0-OpenSSH_8.0\r\n",
  "two banners in one line": "SSH-2.0-OpenSSH_8.0SSH-2.0-OpenSSH_8.0\r\n",
  SSH_Version_Mapper: "SSH-2.0-SSH_Version_Mapper\r\n",
  "SSH_Version_Mapper of version 1": "SSH-1.0-SSH_Version_Mapper\r\n",
  ScanSSH: "SSH-1.0-ScanSSH\r\n",
  "a probe": "SSH-2.0-Probe-1\r\n",
  "a probe in the middle": "SSH-2.0-x-Probe-1\r\n",
  "nmap's hostkey line": "SSH-2.0-Nmap-SSH2-Hostkey\r\n",
  "nmap's first version line": "SSH-1.5-Nmap-SSH1-Hostkey\r\n",
  zgrab: "SSH-2.0-ZGrab ZGrab SSH Survey\r\n",
  Go: "SSH-2.0-Go\r\n",
  libssh: "SSH-2.0-libssh_0.9.6\r\n",
  "libssh2, as Hydra": "SSH-2.0-libssh2_1.10.0\r\n",
  Paramiko: "SSH-2.0-paramiko_3.4.0\r\n",
  AsyncSSH: "SSH-2.0-AsyncSSH_2.14.0\r\n",
  Medusa: "SSH-2.0-MEDUSA_1.0\r\n",
  JSCH: "SSH-2.0-JSCH-0.1.54\r\n",
  Russh: "SSH-2.0-russh_0.40\r\n",
  sshj: "SSH-2.0-SSHJ_0.27.0\r\n",
  Twisted: "SSH-2.0-Twisted_22.4.0\r\n",
  Renci: "SSH-2.0-Renci.SshNet.SshClient.0.0.1\r\n",
  // The line's own form.
  "lower case": "ssh-2.0-x\r\n",
  "SSH-1.5": "SSH-1.5-x\r\n",
  "SSH-1.99": "SSH-1.99-x\r\n",
  "SSH-1.98": "SSH-1.98-x\r\n",
  "SSH-3.0": "SSH-3.0-x\r\n",
  "SSH-0.0": "SSH-0.0-x\r\n",
  "SSH--2.0": "SSH--2.0-x\r\n",
  "SSH-2.2": "SSH-2.2-x\r\n",
  "SSH-2.00": "SSH-2.00-x\r\n",
  "SSH-02.0": "SSH-02.0-x\r\n",
  "SSH-2.99": "SSH-2.99-x\r\n",
  hexadecimal: "SSH-0x2.0-x\r\n",
  "no software": "SSH-2.0-\r\n",
  "no dash": "SSH-2.0\r\n",
  "software of one space": "SSH-2.0- \r\n",
  "a comment": "SSH-2.0-x a comment\r\n",
  "a sign and a space before the number": "SSH- +2.0-x\r\n",
  "a tab before the number": "SSH-\t2.0-x\r\n",
  "a space before the dot": "SSH-2 .0-x\r\n",
  "a number that overflows to 2": "SSH-4294967298.0-x\r\n",
  "a number over 64 bits": "SSH-99999999999999999999999.0-x\r\n",
  "no minor": "SSH-2-x\r\n",
  "no number": "SSH-.-x\r\n",
  "SSH- alone": "SSH-\r\n",
  "SSH alone": "SSH\r\n",
  "line feed alone": "SSH-2.0-x\n",
  "two carriage returns": "SSH-2.0-x\r\r\n",
  "a carriage return alone": "SSH-2.0-x\r",
  "text after a carriage return": "SSH-2.0-x\rabc\r\n",
  "a NUL": "SSH-2.0-x\0\r\n",
  "only NULs": "\0\0\0\0",
  "a line before": "hello\r\nSSH-2.0-x\r\n",
  "an empty line before": "\r\nSSH-2.0-x\r\n",
  "a space before": " SSH-2.0-x\r\n",
  "high bytes": "SSH-2.0-\xff\xfe\r\n",
  "control characters": "SSH-2.0-\x01\x02\x1b[31m\r\n",
  "255 bytes": `SSH-2.0-${"a".repeat(245)}\r\n`,
  "256 bytes": `SSH-2.0-${"a".repeat(246)}\r\n`,
  "1000 bytes": `SSH-2.0-${"a".repeat(990)}\r\n`,
  "8191 bytes": `SSH-2.0-${"a".repeat(8183)}\r\n`,
  "8192 bytes": `SSH-2.0-${"a".repeat(8184)}\r\n`,
  "8193 bytes": `SSH-2.0-${"a".repeat(8185)}\r\n`,
  "9000 bytes without an end": "a".repeat(9000),
  "100 kB without an end": "a".repeat(100_000),
  "many lines": "x\r\n".repeat(2000),
  "a packet behind it": "SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x15" + "\0".repeat(10),
  "noise behind it": "SSH-2.0-x\r\nGET / HTTP/1.0\r\n\r\n",
};

/** What compat.c of OpenSSH knows by name. What is offered to them may differ. */
const OLD_CLIENTS = [
  "OpenSSH_2.3.0p1",
  "OpenSSH_2.5.0p1",
  "OpenSSH_3.0.2p1",
  "OpenSSH_3.9p1",
  "OpenSSH_4.3",
  "OpenSSH_5.3",
  "OpenSSH_6.4",
  "OpenSSH_6.5",
  "OpenSSH_6.6",
  "OpenSSH_6.6.1p1 Ubuntu-2ubuntu2.13",
  "OpenSSH_6.7p1",
  "OpenSSH_7.1",
  "OpenSSH_7.4",
  "OpenSSH_7.7",
  "OpenSSH_8.9p1",
  "OpenSSH_9.6p1 Ubuntu-3ubuntu13",
  "OpenSSH_10.0p2 Debian-7",
  "Sun_SSH_1.0",
  "Sun_SSH_1.0.1",
  "Sun_SSH_1.1.4",
  "PuTTY_Release_0.52",
  "PuTTY_Local:_Dec_12_2001",
  "PuTTY-Release-0.58",
  "PuTTY_Release_0.63",
  "PuTTY_Release_0.70",
  "PuTTY_Release_0.78",
  "WinSCP_release_5.7.2",
  "WinSCP_release_5.9",
  "WinSCP_release_4.3.9",
  "FileZilla_3.60.2",
  "TTSSH/2.46 Win32",
  "TTSSH/2.72 Win32",
  "TTSSH/1.5.4 Win32",
  "dropbear_2012.55",
  "dropbear_2020.81",
  "Cisco-1.25",
  "Cisco-2.0",
  "CiscoIOS_12.1XYZ",
  "FuTTY",
  "WRQReflectionForSecureIT_8.2",
  "ConfD-4.3",
  "RouterOS",
  "2.0.13 (non-commercial)",
  "3.2.0 SSH Secure Shell",
  "3.0.1 SSH Secure Shell",
  "1.7.1 SSH",
  "1.2.18 SSH",
  "Twisted",
  "Maverick_SSHD",
  "NetScreen",
];

const CUTS: Record<string, (line: string) => string[]> = {
  "in single bytes": (line) => Array.from(line),
  "in two, in the middle": (line) => [line.slice(0, 5), line.slice(5)],
  "in three": (line) => [line.slice(0, 3), line.slice(3, 9), line.slice(9)],
  "before its end": (line) => [line.slice(0, -2), line.slice(-2)],
  "within its end": (line) => [line.slice(0, -1), line.slice(-1)],
};

export const identification: Phase = {
  name: "identification",
  concurrency: 24,
  probes: [
    ...Object.entries(LINES).map(([name, text]): Probe => ({
      name,
      script: (prober) => {
        prober.raw(text);
      },
    })),
    ...Object.entries(CUTS).map(([name, cut]): Probe => ({
      name: `cut ${name}`,
      options: { identification: "SSH-2.0-slow" },
      script: async (prober) => {
        for (const part of cut("SSH-2.0-slow\r\n")) {
          prober.raw(part);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      },
    })),
    { name: "nothing at all", script: (prober) => prober.quiet() },
    {
      name: "the end at once",
      script: async (prober) => {
        prober.endInput();
        await prober.until(() => prober.ended);
      },
    },
    {
      name: "the end within the line",
      script: async (prober) => {
        prober.raw("SSH-2.");
        await prober.quiet();
        prober.endInput();
        await prober.until(() => prober.ended);
      },
    },
    {
      name: "the end after the line",
      script: async (prober) => {
        await prober.greet();
        prober.endInput();
        await prober.until(() => prober.ended);
      },
    },
  ],
};

export const offers: Phase = {
  name: "what is offered, to whom",
  concurrency: 16,
  probes: OLD_CLIENTS.map((software) => ({
    name: software,
    offers: true,
    options: { identification: `SSH-2.0-${software}` },
    script: (prober) => prober.greet(),
  })),
};
