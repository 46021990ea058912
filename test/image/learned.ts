import type { Learned } from "../../gateway/model/learned.ts";

/** What Debian 12's sshd said of itself. */
export const DEBIAN_12: Learned = {
  identification: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10",
  kex: [
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
    "kex-strict-s-v00@openssh.com",
  ],
  hostKey: ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"],
  cipher: [
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
  ],
  mac: [
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
  ],
  compression: ["none", "zlib@openssh.com"],
  withheld: ["curve25519-sha256@libssh.org", "diffie-hellman-group-exchange-sha256"],
  extensions: [
    {
      name: "server-sig-algs",
      value:
        "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-dss,ssh-rsa,rsa-sha2-256,rsa-sha2-512",
    },
    { name: "publickey-hostbound@openssh.com", value: "0" },
  ],
  methods: ["publickey", "password"],
  hostKeys: [
    { type: "ssh-ed25519", bits: 256 },
    { type: "ecdsa-sha2-nistp256", bits: 256 },
    { type: "ssh-rsa", bits: 3072 },
  ],
  afterLogin: ["global-request hostkeys-00@openssh.com"],
};
