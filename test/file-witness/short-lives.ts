import type { SandboxRoom, Told } from "./sandbox-room.ts";

export interface ShortLives {
  readonly files: number;
  /** Milliseconds from when a file is whole to when it is deleted. */
  readonly lifetime: number;
}

/** Each is a script of its own, which is run at once. Those that live long live beside each other. */
const PROGRAM = String.raw`
use Time::HiRes qw(time sleep);
my ($files, $lifetime) = @ARGV;
my @living;
sub bury { my ($name, $born) = @{shift @living}; my $left = $born + $lifetime / 1000 - time; sleep $left if $left > 0; unlink $name or die }
for my $n (1 .. $files) {
  my $name = "life-$lifetime-$n";
  open my $file, ">", $name or die; print $file "#!/bin/true\n$name\n"; chmod 0755, $file; close $file;
  my $born = time;
  my $child = fork; if ($child == 0) { exec "./$name"; exit 1 } waitpid $child, 0; die if $?;
  push @living, [$name, $born];
  bury() if $lifetime < 100;
}
bury() while @living;
`;

/** Makes them in the room; resolves when the last is gone. */
export async function liveShortly(room: SandboxRoom, { files, lifetime }: ShortLives): Promise<void> {
  await room.run(`perl -e '${PROGRAM}' ${files} ${lifetime}`);
}

/** How many of them were told with their whole contents, and as deleted. */
export function caught(told: readonly Told[], { files, lifetime }: ShortLives): number {
  const contents = new Map(
    told.flatMap(({ number, content }) =>
      typeof content === "string" ? [] : [[number, content.toString()]],
    ),
  );
  const deleted = new Set(
    told.filter(({ how }) => how === "run-and-deleted").map(({ number }) => contents.get(number)),
  );
  return Array.from({ length: files }, (_, n) => `life-${lifetime}-${n + 1}`).filter((name) =>
    deleted.has(`#!/bin/true\n${name}\n`),
  ).length;
}
