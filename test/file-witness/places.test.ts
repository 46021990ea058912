import assert from "node:assert/strict";
import { test } from "node:test";
import { birthOf, parseMounts, placesOf } from "../../gateway/warden/file-witness-places.ts";

test("the machine's own root, and a process that is none, are never watched", () => {
  assert.equal(placesOf(process.pid), undefined);
  assert.equal(placesOf(1), undefined);
  assert.equal(placesOf(2 ** 22 + 1), undefined);
});

test("a process is told from a later one of the same number", () => {
  assert.match(birthOf(process.pid), /^\d+$/);
  assert.equal(birthOf(process.pid), birthOf(process.pid));
  assert.throws(() => birthOf(2 ** 22 + 1));
});

test("mounts: what can be written, whole ones, and names with blanks", () => {
  const text = `203 125 0:75 / / rw,relatime master:6 - overlay overlay rw,lowerdir=/l,upperdir=/u/diff,workdir=/u/work
204 203 0:78 / /proc rw,nosuid - proc proc rw
205 203 0:83 / /with\\040blank rw,nosuid - tmpfs shm rw,size=65536k
222 203 254:0 /var/lib/docker/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
133 207 0:86 / /sys/firmware ro,relatime - tmpfs tmpfs ro
`;
  assert.deepEqual(
    parseMounts(text).map(({ at, type, isWritable, isWhole }) => [at, type, isWritable, isWhole]),
    [
      ["/", "overlay", true, true],
      ["/proc", "proc", true, true],
      ["/with blank", "tmpfs", true, true],
      ["/etc/hosts", "ext4", true, false],
      ["/sys/firmware", "tmpfs", false, true],
    ],
  );
});
