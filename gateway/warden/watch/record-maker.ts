import { CHEAP_PER_WINDOW, RECORD, RECORD_KINDS, type RecordKind } from "../../model/process-records.ts";
import type { Program, Register } from "./assembler.ts";
import type { KernelTypes } from "./kernel-types.ts";

/** The loader's maps. */
const RING = 0;
const WATCHED = 1;
const SCRATCH = 2;
const COUNTERS = 3;
/** In COUNTERS. */
const LOST = 0;
const SKIPPED = 1;

/** Places in the frame. */
export const POINTER = -8;
export const NAMESPACE = -16;
export const KEY = -24;
export const UPID = -48;
export const ADDRESS = -56;
export const SECOND = -64;

/** Bytes that are read of a path. */
export const PATH = 4096;

/**
 * What all programs have in common: how a record begins and leaves. In all of them 6 is the record that is made, 7 the task that it is
 * about, 9 the place's arguments.
 */
export class RecordMaker {
  protected readonly types: KernelTypes;

  constructor(types: KernelTypes) {
    this.types = types;
  }

  /** Ends a program whose process is not watched; else fills in what every record begins with. */
  protected begin(
    p: Program,
    kind: RecordKind,
    { subject, cheap = false }: { subject: "current" | "child"; cheap?: boolean },
  ): Program {
    if (subject === "child") p.load("u64", 7, 9, 8);
    else p.call("currentTask").copy(7, 0);
    this.who(p, 7, "out");
    p.map(1, WATCHED).copy(2, 10).change(2, "+", NAMESPACE).call("lookup").when(0, "==", 0, "out").copy(8, 0);
    if (cheap) this.budget(p);
    p.storeValue("u32", 10, KEY, 0).map(1, SCRATCH).copy(2, 10).change(2, "+", KEY).call("lookup");
    p.when(0, "==", 0, "out").copy(6, 0);
    p.storeValue("u32", 6, RECORD.kind, RECORD_KINDS[kind]);
    p.load("u32", 1, 10, NAMESPACE).store("u32", 6, RECORD.namespace, 1);
    p.load("u32", 1, 10, UPID).store("u32", 6, RECORD.inside, 1);
    p.call("now").store("u64", 6, RECORD.time, 0);
    p.call("currentIds")
      .store("u32", 6, RECORD.thread, 0)
      .change(0, ">>", 32)
      .store("u32", 6, RECORD.process, 0);
    this.pointer(p, 7, this.types.offset("task_struct", "cred")).load("u64", 8, 10, POINTER);
    this.number(p, 8, this.types.offset("cred", "euid")).load("u32", 1, 10, POINTER);
    p.store("u32", 6, RECORD.uid, 1);
    for (const at of RECORD.filled) p.storeValue("u32", 6, at, 0);
    return p;
  }

  /**
   * What costs a process next to nothing could drown what the others do: so many of one sandbox pass within about a second,
   * the rest is counted. 8 is what is kept of its namespace: the second and the number.
   */
  protected budget(p: Program): void {
    const [same, passes] = [p.fresh(), p.fresh()];
    p.call("now").change(0, ">>", 30).load("u64", 1, 8, 0).combine(1, "-", 0).when(1, "==", 0, same);
    p.store("u64", 8, 0, 0).storeValue("u64", 8, 8, 0).label(same);
    p.load("u64", 1, 8, 8).change(1, "+", 1).store("u64", 8, 8, 1).when(1, "<=", CHEAP_PER_WINDOW, passes);
    this.count(p, SKIPPED);
    p.go("out").label(passes);
  }

  /** The bytes of the record are in 3. */
  protected finish(p: Program): Buffer {
    p.map(1, RING).copy(2, 6).set(4, 0).call("output").when(0, "==", 0, "out");
    this.count(p, LOST);
    return p.label("out").end().bytes();
  }

  protected count(p: Program, counter: number): void {
    p.storeValue("u32", 10, KEY, counter).map(1, COUNTERS).copy(2, 10).change(2, "+", KEY).call("lookup");
    p.when(0, "==", 0, "out").set(1, 1).addShared(0, 0, 1);
  }

  /** What a text's reader gave back, its length with the NUL, into 8 and the record. */
  protected keepPathLength(p: Program): void {
    const readable = p.fresh();
    p.copy(8, 0).when(8, "<=", PATH, readable).set(8, 0).label(readable);
    p.store("u32", 6, RECORD.pathSize, 8);
  }

  /** Process id and namespace of a task's process as they are seen in the engine's containers: into UPID and NAMESPACE. */
  protected who(p: Program, task: Register, absent: string): void {
    this.pointer(p, task, this.types.offset("task_struct", "group_leader")).load("u64", 3, 10, POINTER);
    p.change(3, "+", this.types.offset("task_struct", "thread_pid"));
    p.copy(1, 10).change(1, "+", POINTER).set(2, 8).call("readKernel").load("u64", 5, 10, POINTER);
    p.store("u64", 10, KEY, 5);
    this.insideOfKey(p, absent);
    p.load("u64", 3, 10, UPID + 8).change(3, "+", this.types.offset("pid_namespace", "ns.inum"));
    p.copy(1, 10).change(1, "+", NAMESPACE).set(2, 4).call("readKernel");
  }

  protected inside(p: Program, pid: Register, absent: string): void {
    p.store("u64", 10, KEY, pid);
    this.insideOfKey(p, absent);
  }

  /** What a struct pid is called one level below the first namespace: in a container, whatever namespaces are made in it. */
  protected insideOfKey(p: Program, absent: string): void {
    const pid = (member: string) => this.types.offset("pid", member);
    p.load("u64", 3, 10, KEY).change(3, "+", pid("level"));
    p.storeValue("u64", 10, POINTER, 0).copy(1, 10).change(1, "+", POINTER).set(2, 4).call("readKernel");
    p.load("u32", 1, 10, POINTER).when(1, "==", 0, absent);
    p.load("u64", 3, 10, KEY).change(3, "+", pid("numbers") + this.types.size("upid"));
    p.copy(1, 10).change(1, "+", UPID).set(2, this.types.size("upid")).call("readKernel");
  }

  /** `*(base + offset)` of the kernel's into POINTER: eight bytes. */
  protected pointer(p: Program, base: Register, offset: number): Program {
    return this.read(p, base, offset, 8);
  }

  protected number(p: Program, base: Register, offset: number): Program {
    return this.read(p, base, offset, 4);
  }

  protected read(p: Program, base: Register, offset: number, size: number): Program {
    p.copy(1, 10).change(1, "+", POINTER).set(2, size).copy(3, base).change(3, "+", offset);
    return p.call("readKernel");
  }
}
