/** What computes ciphers and MACs, for the line that is logged at start. No native addon is needed or used: why is in docs/decisions/own-transport.md. */
export const CRYPTO_BACKEND = `node:crypto (OpenSSL ${process.versions.openssl})`;
