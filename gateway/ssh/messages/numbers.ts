/** Message numbers (RFC 4250 section 4.1.2; 60 and 61 mean different things to different authentication methods). */
export const MSG = {
  DISCONNECT: 1,
  IGNORE: 2,
  UNIMPLEMENTED: 3,
  DEBUG: 4,
  SERVICE_REQUEST: 5,
  SERVICE_ACCEPT: 6,
  EXT_INFO: 7,
  USERAUTH_REQUEST: 50,
  USERAUTH_FAILURE: 51,
  USERAUTH_SUCCESS: 52,
  USERAUTH_BANNER: 53,
  USERAUTH_PK_OK: 60,
  USERAUTH_PASSWD_CHANGEREQ: 60,
  USERAUTH_INFO_REQUEST: 60,
  USERAUTH_INFO_RESPONSE: 61,
  USERAUTH_GSSAPI_TOKEN: 61,
  USERAUTH_GSSAPI_EXCHANGE_COMPLETE: 63,
  GLOBAL_REQUEST: 80,
  REQUEST_SUCCESS: 81,
  REQUEST_FAILURE: 82,
  CHANNEL_OPEN: 90,
  CHANNEL_OPEN_CONFIRMATION: 91,
  CHANNEL_OPEN_FAILURE: 92,
  CHANNEL_WINDOW_ADJUST: 93,
  CHANNEL_DATA: 94,
  CHANNEL_EXTENDED_DATA: 95,
  CHANNEL_EOF: 96,
  CHANNEL_CLOSE: 97,
  CHANNEL_REQUEST: 98,
  CHANNEL_SUCCESS: 99,
  CHANNEL_FAILURE: 100,
  /** OpenSSH's PROTOCOL, section 1.9; since 9.5. */
  PING: 192,
  PONG: 193,
} as const;

/** SSH_MSG_DISCONNECT reason codes that are used here (RFC 4250 section 4.2.2). OpenSSH uses 2 for nearly everything it says itself. */
export const DISCONNECT_CODE = { PROTOCOL_ERROR: 2, BY_APPLICATION: 11 } as const;

/** The types that `sshd` handles once a user is in (`server_init_dispatch`): 83 to 89 are not among them. */
export function isConnectionMessage(type: number): boolean {
  return (type >= 90 && type <= 100) || (type >= 80 && type <= 82);
}
