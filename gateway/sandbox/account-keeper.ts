import { toByteString, type ByteString } from "../model/bytes.ts";
import { addAccount, findAccount, setPassword, type Account, type AccountFiles } from "./accounts.ts";
import type { Archive } from "./archive.ts";
import { homeOf, type SkelFile } from "./home.ts";
import type { PasswordHasher } from "./password-hash.ts";
import type { Owner, PristineFiles } from "./pristine.ts";
import type { TarFile } from "./tar.ts";

const NAMES = ["passwd", "shadow", "group", "gshadow"] as const;
type Name = (typeof NAMES)[number];

/** One of the files as we last knew it. */
interface Known extends Owner {
  readonly content: ByteString;
  /** Whether anybody but us had changed it. */
  readonly foreign: boolean;
}

/** `made`: there is a new account. `given`: an account that nobody could use got the password. `there`: it has its own. */
export type Ensured = "made" | "given" | "there";

/** Told of what is put into the sandbox for an account, so that it does not count as its source's doing. */
export interface Witness {
  /** Files are about to be put in before anybody can be inside. */
  preparing(): Promise<void>;
  /** They were. */
  prepared(files: readonly TarFile[]): void;
  /** Files were put in while somebody may be inside. `foreign`: those of them that were not as we had left them. */
  wrote(files: readonly TarFile[], foreign: ReadonlySet<string>): void;
}

/** Larger account files than this are an attack on us. */
const MOST_BYTES = 1 << 20;

/**
 * The accounts of one sandbox. What was read is kept; whether it still holds is asked by size and time (2 ms a file), so
 * that a returning source costs no reading (65 ms a file).
 */
export class AccountKeeper {
  readonly #archive: Archive;
  readonly #hasher: PasswordHasher;
  readonly #skel: readonly SkelFile[];
  readonly #known: Map<Name, Known>;
  #witness: Witness | undefined;
  #pristine: PristineFiles | undefined;
  /** Edits of the same files follow each other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    archive: Archive,
    hasher: PasswordHasher,
    pristine: PristineFiles | undefined,
    known: Map<Name, Known>,
    skel: readonly SkelFile[],
  ) {
    this.#archive = archive;
    this.#hasher = hasher;
    this.#pristine = pristine;
    this.#known = known;
    this.#skel = skel;
  }

  static async open(
    archive: Archive,
    hasher: PasswordHasher,
    pristine: PristineFiles | undefined,
  ): Promise<AccountKeeper> {
    const known = new Map<Name, Known>();
    for (const name of NAMES) {
      const file = pristine ? pristine.read(`/etc/${name}`) : await readPlain(archive, `/etc/${name}`);
      known.set(name, { ...file.owner, content: toByteString(file.content), foreign: false });
    }
    return new AccountKeeper(archive, hasher, pristine, known, await readSkel(archive, pristine));
  }

  watchedBy(witness: Witness): void {
    this.#witness = witness;
  }

  /** As the sandbox has it now. `name` is a user name as model/user-name.ts defines it. */
  async find(name: string): Promise<Account | undefined> {
    await this.#refresh(["passwd", "shadow"]);
    return findAccount(this.#files(), name);
  }

  /**
   * Sees to it that the password, which is usable as model/user-name.ts defines it, lets this user in, unless the
   * account has a password already.
   */
  ensure(name: string, password: Uint8Array, sudo: boolean): Promise<Ensured> {
    // The hash is made at once: it takes longer than waiting for one's turn.
    const hash = this.#hasher.hash(password);
    hash.catch(() => undefined);
    const turn = this.#last.then(() => this.#ensure(name, hash, sudo));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #ensure(name: string, hashing: Promise<string>, sudo: boolean): Promise<Ensured> {
    await this.#refresh(NAMES);
    const before = this.#files();
    const found = findAccount(before, name);
    if (found?.hasPassword) return "there";
    // On an untouched system the account is as old as the system; later it cannot be older than what is there.
    const madeAt = wholeSecond(this.#pristine ? this.#of("passwd").modifiedAt : new Date());
    const day = Math.floor(madeAt.getTime() / 86_400_000);
    const [hash] = await Promise.all([hashing, this.#pristine && this.#witness?.preparing()]);
    if (found) {
      await this.#write(setPassword(before, { name, hash, day }), [], madeAt);
      return "given";
    }
    const { files, account } = addAccount(before, { name, hash, day, sudo });
    await this.#write(files, homeOf(account, this.#skel, madeAt), madeAt);
    return "made";
  }

  async #write(after: AccountFiles, home: readonly TarFile[], modifiedAt: Date): Promise<void> {
    const changed = NAMES.filter((name) => after[name] !== this.#of(name).content);
    const files = [
      ...home,
      ...changed.map((name) => {
        const { mode, uid, gid } = this.#of(name);
        return {
          path: `etc/${name}`,
          content: Buffer.from(after[name], "latin1"),
          mode,
          uid,
          gid,
          modifiedAt,
        };
      }),
    ];
    const pristine = this.#pristine;
    // From here on somebody can be in there.
    this.#pristine = undefined;
    if (pristine) pristine.write(files);
    else await this.#archive.write(files);
    const foreign = new Set(changed.filter((name) => this.#of(name).foreign).map((name) => `/etc/${name}`));
    for (const name of changed)
      this.#known.set(name, { ...this.#of(name), content: after[name], modifiedAt });
    if (pristine) this.#witness?.prepared(files);
    else this.#witness?.wrote(files, foreign);
  }

  /** Reads again what is not as it was left. */
  async #refresh(names: readonly Name[]): Promise<void> {
    if (this.#pristine) return;
    await Promise.all(
      names.map(async (name) => {
        const known = this.#of(name);
        const stat = await this.#archive.stat(`/etc/${name}`);
        const same =
          stat?.type === "file" &&
          stat.size === known.content.length &&
          Date.parse(stat.modifiedAt) === known.modifiedAt.getTime();
        if (same) return;
        const { content, owner } = await readPlain(this.#archive, `/etc/${name}`);
        this.#known.set(name, { ...owner, content: toByteString(content), foreign: true });
      }),
    );
  }

  #files(): AccountFiles {
    const content = (name: Name) => this.#of(name).content;
    return {
      passwd: content("passwd"),
      shadow: content("shadow"),
      group: content("group"),
      gshadow: content("gshadow"),
    };
  }

  #of(name: Name): Known {
    const known = this.#known.get(name);
    if (!known) throw new Error(`/etc/${name} was not read`);
    return known;
  }
}

/** A file that an attacker removed, or turned into something else, counts as empty. */
async function readPlain(archive: Archive, path: string): Promise<{ content: Buffer; owner: Owner }> {
  const file = await archive.read(path, MOST_BYTES);
  if (!file)
    return {
      content: Buffer.alloc(0),
      owner: { mode: path.includes("shadow") ? 0o640 : 0o644, uid: 0, gid: 0, modifiedAt: new Date(0) },
    };
  // The time comes from `stat`: an archive's may be cut to seconds.
  const stat = await archive.stat(path);
  const modifiedAt = stat ? new Date(stat.modifiedAt) : file.entry.modifiedAt;
  const { mode, uid, gid } = file.entry;
  return { content: file.content, owner: { mode: mode & 0o7777, uid, gid, modifiedAt } };
}

/** Debian's three; read one by one, since a folder's archive would be of any size. */
const SKEL_FILES = [".bash_logout", ".bashrc", ".profile"];

async function readSkel(archive: Archive, pristine: PristineFiles | undefined): Promise<SkelFile[]> {
  const names = pristine ? pristine.filesIn("/etc/skel") : SKEL_FILES;
  const files: SkelFile[] = [];
  for (const name of names) {
    const path = `/etc/skel/${name}`;
    if (pristine) {
      const { content, owner } = pristine.read(path);
      files.push({ name, content, mode: owner.mode, modifiedAt: owner.modifiedAt });
    } else {
      const found = await archive.read(path, MOST_BYTES);
      if (found)
        files.push({
          name,
          content: found.content,
          mode: found.entry.mode,
          modifiedAt: found.entry.modifiedAt,
        });
    }
  }
  return files;
}

function wholeSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}
