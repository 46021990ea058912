import { CHEAP_PER_WINDOW, RECORD, RECORD_KINDS, type RecordKind } from "../../model/process-records.ts";
import { Program, type Register } from "./assembler.ts";
import type { KernelTypes } from "./kernel-types.ts";

/** A program for the loader (`gateway/watcher/tap.c`), with the tracepoint that it is attached to. */
export interface KernelProgram {
  readonly tracepoint: string;
  readonly code: Buffer;
}

/** The loader's maps. */
const RING = 0;
const WATCHED = 1;
const SCRATCH = 2;
const COUNTERS = 3;
/** In COUNTERS. */
const LOST = 0;
const SKIPPED = 1;

/** Bytes that are read of a path, and of arguments: powers of two, with which offsets are masked for the kernel's verifier. */
const PATH = 4096;
const ARGUMENTS = 8192;
/** Of a call that failed, whose arguments lie wherever its caller had them. */
const FAILED_ARGUMENTS = 16;
const FAILED_ARGUMENT = 512;
const BELOW_16K = 0x3fff;

/** Places in the frame. */
const POINTER = -8;
const NAMESPACE = -16;
const KEY = -24;
const UPID = -48;
const ADDRESS = -56;
const SECOND = -64;

const PIDTYPE_SID = 3;

/** Numbers of system calls of x86-64, and of i386, which a 32-bit program calls in the same kernel. No number is in both. */
const NATIVE = { connect: 42, accept: 43, accept4: 288, execve: 59, execveat: 322 };
const COMPAT = { connect: 362, accept4: 364, execve: 11, execveat: 358, socketcall: 102 };
const SOCKETCALL_CONNECT = 3;
/** In `thread_info.status`: the call is one of i386. */
const IS_COMPAT = 2;

/**
 * What the kernel does for us at four places: when a program was run, a process began, a process ended, a system call returns. Every
 * program looks at once whether the process lives in a watched process namespace, and ends if not. None changes anything or waits.
 *
 * @throws Error when the kernel's structs are not as they are known.
 */
export function kernelPrograms(types: KernelTypes): KernelProgram[] {
  const make = new Maker(types);
  return [
    { tracepoint: "sched_process_exec", code: make.executed() },
    { tracepoint: "sched_process_fork", code: make.forked() },
    { tracepoint: "sched_process_exit", code: make.exited() },
    { tracepoint: "sys_exit", code: make.returned() },
  ];
}

/** In all programs: 6 is the record that is made, 7 the task that it is about, 9 the place's arguments. */
class Maker {
  readonly #types: KernelTypes;

  constructor(types: KernelTypes) {
    this.#types = types;
  }

  executed(): Buffer {
    const task = (member: string) => this.#types.offset("task_struct", member);
    const mm = (member: string) => this.#types.offset("mm_struct", member);
    const p = this.#begin(new Program().copy(9, 1), "executed", { subject: "current" });
    // The parent, if it is seen inside.
    this.#pointer(p, 7, task("real_parent")).load("u64", 8, 10, POINTER);
    this.#who(p, 8, "no-parent");
    p.load("u32", 1, 10, NAMESPACE).load("u32", 2, 6, RECORD.namespace).combine(1, "-", 2);
    p.when(1, "!=", 0, "no-parent").load("u32", 1, 10, UPID).store("u32", 6, RECORD.parent, 1);
    p.label("no-parent");
    // Whether it leads a session (setsid), as what the SSH server starts for its client does.
    this.#pointer(p, 7, task("signal")).load("u64", 8, 10, POINTER);
    this.#pointer(p, 8, this.#types.offset("signal_struct", "pids") + PIDTYPE_SID * 8).load(
      "u64",
      8,
      10,
      POINTER,
    );
    this.#inside(p, 8, "no-leader");
    p.load("u32", 1, 10, UPID).store("u32", 6, RECORD.leader, 1).label("no-leader");
    p.load("u64", 8, 9, 16); // struct linux_binprm
    this.#pointer(p, 8, this.#types.offset("linux_binprm", "filename"));
    p.copy(1, 6).change(1, "+", RECORD.path).set(2, PATH).load("u64", 3, 10, POINTER).call("readKernelText");
    this.#keepPathLength(p);
    this.#pointer(p, 7, task("mm")).load("u64", 9, 10, POINTER);
    this.#pointer(p, 9, mm("arg_end")).load("u64", 1, 10, POINTER).store("u64", 10, KEY, 1);
    this.#pointer(p, 9, mm("arg_start")).load("u64", 3, 10, POINTER);
    p.load("u64", 2, 10, KEY).combine(2, "-", 3).when(2, "<=", 0x7fff_ffff, "some").set(2, 0).label("some");
    p.store("u32", 6, RECORD.argumentsSize, 2)
      .when(2, "<=", ARGUMENTS, "fits")
      .set(2, ARGUMENTS)
      .label("fits");
    p.copy(9, 2).copy(1, 6).change(1, "+", RECORD.path).combine(1, "+", 8).call("readUser");
    p.when(0, "==", 0, "read").set(9, 0).label("read");
    p.copy(3, 8).combine(3, "+", 9).change(3, "+", RECORD.path);
    return this.#finish(p);
  }

  /** A new process; threads are no news. */
  forked(): Buffer {
    const task = (member: string) => this.#types.offset("task_struct", member);
    const p = this.#begin(new Program().copy(9, 1), "forked", { subject: "child" });
    this.#number(p, 7, task("pid")).load("u32", 8, 10, POINTER);
    this.#number(p, 7, task("tgid")).load("u32", 1, 10, POINTER);
    p.store("u32", 6, RECORD.process, 1).store("u32", 6, RECORD.thread, 8).combine(1, "-", 8);
    p.when(1, "!=", 0, "out");
    p.call("currentTask").copy(8, 0);
    this.#who(p, 8, "no-parent");
    p.load("u32", 1, 10, NAMESPACE).load("u32", 2, 6, RECORD.namespace).combine(1, "-", 2);
    p.when(1, "!=", 0, "no-parent").load("u32", 1, 10, UPID).store("u32", 6, RECORD.parent, 1);
    p.label("no-parent").set(3, RECORD.shortSize);
    return this.#finish(p);
  }

  /** The last thread of a process. */
  exited(): Buffer {
    const task = (member: string) => this.#types.offset("task_struct", member);
    const p = this.#begin(new Program().copy(9, 1), "exited", { subject: "current" });
    this.#pointer(p, 7, task("signal")).load("u64", 8, 10, POINTER);
    this.#number(p, 8, this.#types.offset("signal_struct", "live")).load("u32", 1, 10, POINTER);
    p.when(1, "!=", 0, "out");
    this.#number(p, 7, task("exit_code")).load("u32", 1, 10, POINTER).store("u32", 6, RECORD.result, 1);
    p.set(3, RECORD.shortSize);
    return this.#finish(p);
  }

  /** Connects, accepts that gave something, and execs that failed: those that did not were told by `executed`. */
  returned(): Buffer {
    const p = new Program();
    // The lowest place of the frame first: verifiers of some kernels (seen: 6.18) stumble over one that grows later.
    p.storeValue("u64", 10, SECOND, 0);
    p.copy(9, 1).load("u64", 3, 9, 0).change(3, "+", this.#types.offset("pt_regs", "orig_ax"));
    p.copy(1, 10).change(1, "+", POINTER).set(2, 8).call("readKernel").load("u64", 8, 10, POINTER);
    for (const number of Object.values(NATIVE)) p.when(8, "==", number, "native");
    for (const number of Object.values(COMPAT)) p.when(8, "==", number, "compat");
    p.go("out");

    p.label("native");
    this.#isCompat(p).when(1, "!=", 0, "out");
    this.#registers(p, "si", "dx");
    p.when(8, "==", NATIVE.connect, "connect").when(8, "==", NATIVE.execveat, "execve");
    p.when(8, "!=", NATIVE.execve, "accept");
    this.#registers(p, "di", "si");
    p.go("execve");

    p.label("compat");
    this.#isCompat(p).when(1, "==", 0, "out");
    this.#registers(p, "cx", "dx");
    p.when(8, "==", COMPAT.connect, "connect").when(8, "==", COMPAT.accept4, "accept");
    p.when(8, "==", COMPAT.execveat, "compat-execve");
    this.#registers(p, "bx", "cx");
    p.when(8, "==", COMPAT.execve, "compat-execve");
    p.load("u64", 1, 10, ADDRESS).when(1, "!=", SOCKETCALL_CONNECT, "out");
    for (const [place, index] of [
      [ADDRESS, 1],
      [KEY, 2],
    ] as const) {
      p.storeValue("u64", 10, place, 0).copy(1, 10).change(1, "+", place).set(2, 4);
      p.load("u64", 3, 10, SECOND)
        .change(3, "+", index * 4)
        .call("readUser");
    }
    p.load("u64", 1, 10, KEY).store("u64", 10, SECOND, 1);

    p.label("connect");
    this.#begin(p, "connected", { subject: "current", cheap: true });
    p.load("u64", 1, 9, 8).store("u32", 6, RECORD.result, 1);
    p.load("u64", 2, 10, SECOND).store("u32", 6, RECORD.addressSize, 2);
    p.when(2, "<=", RECORD.longestAddress, "fits").set(2, RECORD.longestAddress).label("fits");
    p.copy(1, 6).change(1, "+", RECORD.address).load("u64", 3, 10, ADDRESS).call("readUser");
    p.when(0, "==", 0, "read").storeValue("u32", 6, RECORD.addressSize, 0).label("read");
    p.set(3, RECORD.address + RECORD.longestAddress).go("put");

    p.label("accept").load("u64", 1, 9, 8).when(1, "s<", 0, "out");
    this.#begin(p, "accepted", { subject: "current", cheap: true });
    p.copy(1, 6).change(1, "+", RECORD.address).set(2, RECORD.acceptedAddress).load("u64", 3, 10, ADDRESS);
    p.call("readUser")
      .when(0, "!=", 0, "out")
      .set(3, RECORD.address + RECORD.acceptedAddress)
      .go("put");

    for (const width of [8, 4]) this.#notExecuted(p, width);
    p.label("put");
    return this.#finish(p);
  }

  /** @param width of a pointer of the caller's, in bytes. */
  #notExecuted(p: Program, width: number): void {
    const read = `read-${width}`;
    p.label(width === 8 ? "execve" : "compat-execve")
      .load("u64", 1, 9, 8)
      .when(1, "s<", 0, `failed-${width}`)
      .go("out");
    p.label(`failed-${width}`);
    this.#begin(p, "not-executed", { subject: "current", cheap: true });
    p.load("u64", 1, 9, 8).store("u32", 6, RECORD.result, 1);
    p.copy(1, 6).change(1, "+", RECORD.path).set(2, PATH).load("u64", 3, 10, ADDRESS).call("readUserText");
    this.#keepPathLength(p);
    p.load("u64", 9, 10, SECOND);
    for (let index = 0; index < FAILED_ARGUMENTS; index++) {
      p.storeValue("u64", 10, POINTER, 0);
      p.copy(1, 10)
        .change(1, "+", POINTER)
        .set(2, width)
        .copy(3, 9)
        .change(3, "+", index * width);
      p.call("readUser").when(0, "!=", 0, read).load("u64", 3, 10, POINTER).when(3, "==", 0, read);
      p.copy(1, 6)
        .change(1, "+", RECORD.path)
        .combine(1, "+", 8)
        .set(2, FAILED_ARGUMENT)
        .call("readUserText");
      p.when(0, "s<", 1, read).when(0, ">", FAILED_ARGUMENT, read);
      p.combine(8, "+", 0).change(8, "&", BELOW_16K);
    }
    p.label(read).copy(3, 8).change(3, "+", RECORD.path).go("put");
  }

  /** Whether the call that returns is one of i386: 0 or not into 1. */
  #isCompat(p: Program): Program {
    p.call("currentTask").copy(7, 0);
    this.#number(p, 7, this.#types.offset("task_struct", "thread_info.status"));
    return p.load("u32", 1, 10, POINTER).change(1, "&", IS_COMPAT);
  }

  /** Two arguments of the call, as the caller's registers have them. */
  #registers(p: Program, first: string, second: string): void {
    for (const [register, place] of [
      [first, ADDRESS],
      [second, SECOND],
    ] as const) {
      p.load("u64", 3, 9, 0).change(3, "+", this.#types.offset("pt_regs", register));
      p.copy(1, 10).change(1, "+", place).set(2, 8).call("readKernel");
    }
  }

  /** Ends a program whose process is not watched; else fills in what every record begins with. */
  #begin(
    p: Program,
    kind: RecordKind,
    { subject, cheap = false }: { subject: "current" | "child"; cheap?: boolean },
  ): Program {
    if (subject === "child") p.load("u64", 7, 9, 8);
    else p.call("currentTask").copy(7, 0);
    this.#who(p, 7, "out");
    p.map(1, WATCHED).copy(2, 10).change(2, "+", NAMESPACE).call("lookup").when(0, "==", 0, "out").copy(8, 0);
    if (cheap) this.#budget(p);
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
    this.#pointer(p, 7, this.#types.offset("task_struct", "cred")).load("u64", 8, 10, POINTER);
    this.#number(p, 8, this.#types.offset("cred", "euid")).load("u32", 1, 10, POINTER);
    p.store("u32", 6, RECORD.uid, 1);
    for (const at of RECORD.filled) p.storeValue("u32", 6, at, 0);
    return p;
  }

  /**
   * What costs a process next to nothing could drown what the others do: so many of one sandbox pass within about a second,
   * the rest is counted. 8 is what is kept of its namespace: the second and the number.
   */
  #budget(p: Program): void {
    const [same, passes] = [p.fresh(), p.fresh()];
    p.call("now").change(0, ">>", 30).load("u64", 1, 8, 0).combine(1, "-", 0).when(1, "==", 0, same);
    p.store("u64", 8, 0, 0).storeValue("u64", 8, 8, 0).label(same);
    p.load("u64", 1, 8, 8).change(1, "+", 1).store("u64", 8, 8, 1).when(1, "<=", CHEAP_PER_WINDOW, passes);
    this.#count(p, SKIPPED);
    p.go("out").label(passes);
  }

  /** The bytes of the record are in 3. */
  #finish(p: Program): Buffer {
    p.map(1, RING).copy(2, 6).set(4, 0).call("output").when(0, "==", 0, "out");
    this.#count(p, LOST);
    return p.label("out").end().bytes();
  }

  #count(p: Program, counter: number): void {
    p.storeValue("u32", 10, KEY, counter).map(1, COUNTERS).copy(2, 10).change(2, "+", KEY).call("lookup");
    p.when(0, "==", 0, "out").set(1, 1).addShared(0, 0, 1);
  }

  /** What a text's reader gave back, its length with the NUL, into 8 and the record. */
  #keepPathLength(p: Program): void {
    const readable = p.fresh();
    p.copy(8, 0).when(8, "<=", PATH, readable).set(8, 0).label(readable);
    p.store("u32", 6, RECORD.pathSize, 8);
  }

  /** Process id and namespace of a task's process as they are seen in the engine's containers: into UPID and NAMESPACE. */
  #who(p: Program, task: Register, absent: string): void {
    this.#pointer(p, task, this.#types.offset("task_struct", "group_leader")).load("u64", 3, 10, POINTER);
    p.change(3, "+", this.#types.offset("task_struct", "thread_pid"));
    p.copy(1, 10).change(1, "+", POINTER).set(2, 8).call("readKernel").load("u64", 5, 10, POINTER);
    p.store("u64", 10, KEY, 5);
    this.#insideOfKey(p, absent);
    p.load("u64", 3, 10, UPID + 8).change(3, "+", this.#types.offset("pid_namespace", "ns.inum"));
    p.copy(1, 10).change(1, "+", NAMESPACE).set(2, 4).call("readKernel");
  }

  #inside(p: Program, pid: Register, absent: string): void {
    p.store("u64", 10, KEY, pid);
    this.#insideOfKey(p, absent);
  }

  /** What a struct pid is called one level below the first namespace: in a container, whatever namespaces are made in it. */
  #insideOfKey(p: Program, absent: string): void {
    const pid = (member: string) => this.#types.offset("pid", member);
    p.load("u64", 3, 10, KEY).change(3, "+", pid("level"));
    p.storeValue("u64", 10, POINTER, 0).copy(1, 10).change(1, "+", POINTER).set(2, 4).call("readKernel");
    p.load("u32", 1, 10, POINTER).when(1, "==", 0, absent);
    p.load("u64", 3, 10, KEY).change(3, "+", pid("numbers") + this.#types.size("upid"));
    p.copy(1, 10).change(1, "+", UPID).set(2, this.#types.size("upid")).call("readKernel");
  }

  /** `*(base + offset)` of the kernel's into POINTER: eight bytes. */
  #pointer(p: Program, base: Register, offset: number): Program {
    return this.#read(p, base, offset, 8);
  }

  #number(p: Program, base: Register, offset: number): Program {
    return this.#read(p, base, offset, 4);
  }

  #read(p: Program, base: Register, offset: number, size: number): Program {
    p.copy(1, 10).change(1, "+", POINTER).set(2, size).copy(3, base).change(3, "+", offset);
    return p.call("readKernel");
  }
}
