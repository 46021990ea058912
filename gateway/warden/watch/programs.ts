import { RECORD } from "../../model/process-records.ts";
import { Program } from "./assembler.ts";
import type { KernelTypes } from "./kernel-types.ts";
import { ADDRESS, KEY, NAMESPACE, PATH, POINTER, RecordMaker, SECOND, UPID } from "./record-maker.ts";

/** A program for the loader (`gateway/watcher/tap.c`), with the tracepoint that it is attached to. */
export interface KernelProgram {
  readonly tracepoint: string;
  readonly code: Buffer;
}

/** Bytes that are read of a path, and of arguments: powers of two, with which offsets are masked for the kernel's verifier. */
const ARGUMENTS = 8192;
/** Of a call that failed, whose arguments lie wherever its caller had them. */
const FAILED_ARGUMENTS = 16;
const FAILED_ARGUMENT = 512;
const BELOW_16K = 0x3fff;

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

class Maker extends RecordMaker {
  executed(): Buffer {
    const task = (member: string) => this.types.offset("task_struct", member);
    const mm = (member: string) => this.types.offset("mm_struct", member);
    const p = this.begin(new Program().copy(9, 1), "executed", { subject: "current" });
    // The parent, if it is seen inside.
    this.pointer(p, 7, task("real_parent")).load("u64", 8, 10, POINTER);
    this.who(p, 8, "no-parent");
    p.load("u32", 1, 10, NAMESPACE).load("u32", 2, 6, RECORD.namespace).combine(1, "-", 2);
    p.when(1, "!=", 0, "no-parent").load("u32", 1, 10, UPID).store("u32", 6, RECORD.parent, 1);
    p.label("no-parent");
    // Whether it leads a session (setsid), as what the SSH server starts for its client does.
    this.pointer(p, 7, task("signal")).load("u64", 8, 10, POINTER);
    this.pointer(p, 8, this.types.offset("signal_struct", "pids") + PIDTYPE_SID * 8).load(
      "u64",
      8,
      10,
      POINTER,
    );
    this.inside(p, 8, "no-leader");
    p.load("u32", 1, 10, UPID).store("u32", 6, RECORD.leader, 1).label("no-leader");
    p.load("u64", 8, 9, 16); // struct linux_binprm
    this.pointer(p, 8, this.types.offset("linux_binprm", "filename"));
    p.copy(1, 6).change(1, "+", RECORD.path).set(2, PATH).load("u64", 3, 10, POINTER).call("readKernelText");
    this.keepPathLength(p);
    this.pointer(p, 7, task("mm")).load("u64", 9, 10, POINTER);
    this.pointer(p, 9, mm("arg_end")).load("u64", 1, 10, POINTER).store("u64", 10, KEY, 1);
    this.pointer(p, 9, mm("arg_start")).load("u64", 3, 10, POINTER);
    p.load("u64", 2, 10, KEY).combine(2, "-", 3).when(2, "<=", 0x7fff_ffff, "some").set(2, 0).label("some");
    p.store("u32", 6, RECORD.argumentsSize, 2)
      .when(2, "<=", ARGUMENTS, "fits")
      .set(2, ARGUMENTS)
      .label("fits");
    p.copy(9, 2).copy(1, 6).change(1, "+", RECORD.path).combine(1, "+", 8).call("readUser");
    p.when(0, "==", 0, "read").set(9, 0).label("read");
    p.copy(3, 8).combine(3, "+", 9).change(3, "+", RECORD.path);
    return this.finish(p);
  }

  /** A new process; threads are no news. */
  forked(): Buffer {
    const task = (member: string) => this.types.offset("task_struct", member);
    const p = this.begin(new Program().copy(9, 1), "forked", { subject: "child" });
    this.number(p, 7, task("pid")).load("u32", 8, 10, POINTER);
    this.number(p, 7, task("tgid")).load("u32", 1, 10, POINTER);
    p.store("u32", 6, RECORD.process, 1).store("u32", 6, RECORD.thread, 8).combine(1, "-", 8);
    p.when(1, "!=", 0, "out");
    p.call("currentTask").copy(8, 0);
    this.who(p, 8, "no-parent");
    p.load("u32", 1, 10, NAMESPACE).load("u32", 2, 6, RECORD.namespace).combine(1, "-", 2);
    p.when(1, "!=", 0, "no-parent").load("u32", 1, 10, UPID).store("u32", 6, RECORD.parent, 1);
    p.label("no-parent").set(3, RECORD.shortSize);
    return this.finish(p);
  }

  /** The last thread of a process. */
  exited(): Buffer {
    const task = (member: string) => this.types.offset("task_struct", member);
    const p = this.begin(new Program().copy(9, 1), "exited", { subject: "current" });
    this.pointer(p, 7, task("signal")).load("u64", 8, 10, POINTER);
    this.number(p, 8, this.types.offset("signal_struct", "live")).load("u32", 1, 10, POINTER);
    p.when(1, "!=", 0, "out");
    this.number(p, 7, task("exit_code")).load("u32", 1, 10, POINTER).store("u32", 6, RECORD.result, 1);
    p.set(3, RECORD.shortSize);
    return this.finish(p);
  }

  /** Connects, accepts that gave something, and execs that failed: those that did not were told by `executed`. */
  returned(): Buffer {
    const p = new Program();
    // The lowest place of the frame first: verifiers of some kernels (seen: 6.18) stumble over one that grows later.
    p.storeValue("u64", 10, SECOND, 0);
    p.copy(9, 1).load("u64", 3, 9, 0).change(3, "+", this.types.offset("pt_regs", "orig_ax"));
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
    this.begin(p, "connected", { subject: "current", cheap: true });
    p.load("u64", 1, 9, 8).store("u32", 6, RECORD.result, 1);
    p.load("u64", 2, 10, SECOND).store("u32", 6, RECORD.addressSize, 2);
    p.when(2, "<=", RECORD.longestAddress, "fits").set(2, RECORD.longestAddress).label("fits");
    p.copy(1, 6).change(1, "+", RECORD.address).load("u64", 3, 10, ADDRESS).call("readUser");
    p.when(0, "==", 0, "read").storeValue("u32", 6, RECORD.addressSize, 0).label("read");
    p.set(3, RECORD.address + RECORD.longestAddress).go("put");

    p.label("accept").load("u64", 1, 9, 8).when(1, "s<", 0, "out");
    this.begin(p, "accepted", { subject: "current", cheap: true });
    p.copy(1, 6).change(1, "+", RECORD.address).set(2, RECORD.acceptedAddress).load("u64", 3, 10, ADDRESS);
    p.call("readUser")
      .when(0, "!=", 0, "out")
      .set(3, RECORD.address + RECORD.acceptedAddress)
      .go("put");

    for (const width of [8, 4]) this.#notExecuted(p, width);
    p.label("put");
    return this.finish(p);
  }

  /** @param width of a pointer of the caller's, in bytes. */
  #notExecuted(p: Program, width: number): void {
    const read = `read-${width}`;
    p.label(width === 8 ? "execve" : "compat-execve")
      .load("u64", 1, 9, 8)
      .when(1, "s<", 0, `failed-${width}`)
      .go("out");
    p.label(`failed-${width}`);
    this.begin(p, "not-executed", { subject: "current", cheap: true });
    p.load("u64", 1, 9, 8).store("u32", 6, RECORD.result, 1);
    p.copy(1, 6).change(1, "+", RECORD.path).set(2, PATH).load("u64", 3, 10, ADDRESS).call("readUserText");
    this.keepPathLength(p);
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
    this.number(p, 7, this.types.offset("task_struct", "thread_info.status"));
    return p.load("u32", 1, 10, POINTER).change(1, "&", IS_COMPAT);
  }

  /** Two arguments of the call, as the caller's registers have them. */
  #registers(p: Program, first: string, second: string): void {
    for (const [register, place] of [
      [first, ADDRESS],
      [second, SECOND],
    ] as const) {
      p.load("u64", 3, 9, 0).change(3, "+", this.types.offset("pt_regs", register));
      p.copy(1, 10).change(1, "+", place).set(2, 8).call("readKernel");
    }
  }
}
