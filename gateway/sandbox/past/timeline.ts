import type { Cast, Person } from "./cast.ts";
import { strangersAddress } from "./cast.ts";
import type { Dice } from "./dice.ts";

/** Milliseconds since 1970. */
export type Moment = number;
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** Logs are kept that long: five weekly files. */
export const KEPT = 35 * DAY;

export interface Visit {
  readonly who: "admin" | "deploy" | "root";
  readonly person: Person;
  readonly from: Moment;
  readonly to: Moment;
  readonly port: number;
  /** With a terminal, or one command. */
  readonly terminal: boolean;
}

export interface Knock {
  readonly at: Moment;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly known: boolean;
}

export interface Timeline {
  readonly boots: readonly Moment[];
  readonly visits: readonly Visit[];
  readonly knocks: readonly Knock[];
}

const TRIED = [
  "admin", "test", "user", "ubuntu", "oracle", "postgres", "git", "ftpuser", "hadoop", "mysql", "pi", "support",
  "guest", "nagios", "jenkins", "minecraft", "steam", "es", "dev", "www", "tomcat", "zabbix", "sysadmin",
] as const; // prettier-ignore

/** Everything lies between `installed` and `now`, and is the same for the same dice up to an earlier `now`. */
export function timelineOf(dice: Dice, cast: Cast, installed: Moment, booted: Moment, now: Moment): Timeline {
  const boots = bootsOf(dice.for("boots"), installed, booted);
  const isUp = (from: Moment, to: Moment) =>
    to < now &&
    boots.every((boot) => boot <= installed + HOUR || to < boot - 5 * MINUTE || from > boot + MINUTE);
  const visits = [
    ...visitsOf(dice.for("admin"), cast, installed, now),
    ...deliveriesOf(dice.for("deploy"), cast, installed, now),
  ].filter(({ from, to }) => isUp(from, to));
  const knocks = knocksOf(dice, Math.max(installed + HOUR, now - KEPT), now).filter(({ at }) =>
    isUp(at, at + MINUTE),
  );
  return { boots, visits: visits.sort((one, other) => one.from - other.from), knocks };
}

/** The first after the installation, one for a new kernel now and then, the last. */
function bootsOf(dice: Dice, installed: Moment, booted: Moment): Moment[] {
  const boots = [installed + 20 * MINUTE];
  for (
    let at = installed + dice.between(30, 60) * DAY;
    at < booted - 7 * DAY;
    at += dice.between(40, 90) * DAY
  )
    boots.push(at + dice.between(0, 3 * HOUR));
  // The machine may have been up for longer than its disk is old.
  if (booted > installed + HOUR) boots.push(booted);
  return boots;
}

function visitsOf(dice: Dice, { admin }: Cast, installed: Moment, now: Moment): Visit[] {
  const visit = (who: Visit["who"], from: Moment, minutes: number): Visit => ({
    who,
    person: admin,
    from,
    to: from + minutes * MINUTE + dice.between(1, 59_999),
    port: dice.between(32_768, 60_999),
    terminal: true,
  });
  // Who sets a server up does so as root, and makes an account for every day.
  const visits = [visit("root", installed + 25 * MINUTE, 30), visit("admin", installed + 70 * MINUTE, 45)];
  for (let day = 1; installed + day * DAY < now; day += day < 5 ? 1 : dice.between(2, 9)) {
    const midnight = Math.floor((installed + day * DAY) / DAY) * DAY;
    const from = midnight + dice.between(7 * HOUR, 17 * HOUR);
    // Nobody has just been here.
    if (from < now - 5 * HOUR) visits.push(visit("admin", from, dice.between(2, 70)));
  }
  return visits;
}

function deliveriesOf(dice: Dice, { deploy }: Cast, installed: Moment, now: Moment): Visit[] {
  const visits: Visit[] = [];
  for (let day = 2; installed + day * DAY < now; day += dice.between(3, 12)) {
    const from = Math.floor((installed + day * DAY) / DAY) * DAY + dice.between(8 * HOUR, 16 * HOUR);
    const to = from + dice.between(2, 25) * SECOND + dice.between(0, 999);
    visits.push({
      who: "deploy",
      person: deploy,
      from,
      to,
      port: dice.between(32_768, 60_999),
      terminal: false,
    });
  }
  return visits;
}

/** Day by day with dice of its own, so that what a day had does not change with the next. */
function knocksOf(dice: Dice, since: Moment, now: Moment): Knock[] {
  const knocks: Knock[] = [];
  for (let day = Math.floor(since / DAY); day * DAY < now; day++) {
    const today = dice.for(`knocks ${day}`);
    const strangers = today.between(2, 6);
    for (let count = 0; count < strangers; count++) {
      const address = strangersAddress(today);
      let at = day * DAY + today.between(0, DAY - HOUR);
      for (let tries = today.between(1, 5); tries > 0; tries--) {
        const known = today.falls(0.4);
        const user = known ? "root" : today.pick(TRIED);
        knocks.push({ at, address, port: today.between(1024, 65_000), user, known });
        at += today.between(2 * SECOND, 90 * SECOND);
      }
    }
  }
  return knocks.filter(({ at }) => at > since && at < now - MINUTE).sort((one, other) => one.at - other.at);
}
