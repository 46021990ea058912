import type { ByteString } from "../../model/bytes.ts";
import type { Found, IndicatorKind } from "./indicator.ts";
import { baseName } from "./verb.ts";

/** Kinds that a file is by where it lies: whoever writes there wants to stay, or to become root again. */
export type PathKind = Extract<
  IndicatorKind,
  "cron" | "service" | "startup" | "preload" | "sudoers" | "kernel-module"
>;

/**
 * What a file at this path makes happen. Paths of commands count as they were said: `~` and `$HOME` are anybody's home, a relative one
 * only where its name alone says it (`.bashrc`).
 */
export function kindOfPath(path: string): PathKind | undefined {
  return RULES.find(([, pattern]) => pattern.test(path))?.[0];
}

/** The indicator of a file whose content is not known, or tells no more. A unit goes by its name, everything else by its path. */
export function pathIndicator(path: string): Found | undefined {
  const kind = kindOfPath(path);
  if (kind === undefined) return undefined;
  const name = kind === "service" || kind === "kernel-module" ? baseName(path) : path;
  const value = (kind === "service" ? name.replace(/^.*\.wants\//, "") : name) as ByteString;
  return { kind, value, ...(name === path ? {} : { details: { path: path as ByteString } }) };
}

/** Whose crontab it is: that of `/var/spool/cron/crontabs/NAME`. */
export function crontabAccount(path: string): string | undefined {
  return /^\/var\/spool\/cron\/(?:crontabs\/)?([^/]+)$/.exec(path)?.[1];
}

/** Whose keys, or whose home: `root`, or the name below `/home`; undefined where the path does not tell. */
export function accountOfPath(path: string): string | undefined {
  return path.startsWith("/root/") ? "root" : /^\/home\/([^/]+)\//.exec(path)?.[1];
}

const RULES: readonly (readonly [PathKind, RegExp])[] = [
  ["cron", /^\/etc\/(?:cron\.(?:d|hourly|daily|weekly|monthly)\/.|(?:ana)?crontab$)|^\/var\/spool\/cron\/./],
  [
    "service",
    /^(?:\/etc|\/usr\/lib|\/lib|\/run|\/usr\/local\/lib)\/systemd\/(?:system|user)\/.*\.(?:service|timer|socket|path)$|\/\.config\/systemd\/user\/.*\.(?:service|timer|socket|path)$/,
  ],
  [
    "startup",
    /^\/etc\/(?:rc\.local|rc\.d\/.+|init\.d\/.+|rc[S0-6]\.d\/.+|inittab|profile|profile\.d\/.+|bash\.bashrc|environment|update-motd\.d\/.+|xdg\/autostart\/.+)$|(?:^|\/)\.(?:bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zprofile)$|\/\.config\/autostart\/./,
  ],
  ["preload", /^\/etc\/ld\.so\.(?:preload|conf\.d\/.+)$/],
  ["sudoers", /^\/etc\/sudoers(?:\.d\/.+)?$/],
  ["kernel-module", /\.ko(?:\.[gx]z|\.zst)?$|^\/etc\/modules(?:-load\.d\/.+)?$/],
];
