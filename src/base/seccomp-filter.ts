// Makes the filters of system calls for what runs in isolation: a program of the kernel's classic BPF, as bytes. Pure.
// The method is that of seccomp(2); the numbers are those of the kernel's tables (asm/unistd_64.h, asm-generic/unistd.h).

/** Calls by their number on x64 and arm64; null where a call does not exist there. */
type Calls = Readonly<Record<string, readonly [x64: number | null, arm64: number | null]>>;

/** Whoever can make namespaces and mounts has memory without a size, as a file system. */
const NAMESPACES: Calls = {
  unshare: [272, 97],
  setns: [308, 268],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_by_handle_at: [304, 265],
  name_to_handle_at: [303, 264],
};

/** Memory that belongs to no process and no file system, and so is seen by no look at either. */
const NOBODYS_MEMORY: Calls = {
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  shmget: [29, 194],
  msgget: [68, 186],
  semget: [64, 190],
  mq_open: [240, 180],
};

/** What else programs of strangers need not have. */
const OTHERS: Calls = {
  // other processes
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  // parts of the kernel that errors are found in and nobody needs here
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  fanotify_init: [300, 262],
  lookup_dcookie: [212, 18],
  vhangup: [153, 58],
  modify_ldt: [154, null],
  uselib: [134, null],
  iopl: [172, null],
  ioperm: [173, null],
  // the machine itself
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  syslog: [103, 116],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  adjtimex: [159, 171],
  clock_adjtime: [305, 266],
};

/** Answered as if the kernel were too old for them; programs then do without. */
const UNKNOWN: Calls = {
  // Its flags lie in memory, where no filter can read them; the C library then calls clone.
  clone3: [435, 435],
  // Its rings are counted for the whole machine, not for a namespace.
  io_setup: [206, 0],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
};

/**
 * Where nobody but a look at the processes bounds memory: pages that leave a process for a pipe or a socket are seen by no such look. Answered
 * as if the kernel had no such calls; programs then copy.
 */
const HIDING: Calls = {
  splice: [275, 76],
  tee: [276, 77],
  vmsplice: [278, 75],
  sendfile: [40, 71],
};

/** Judged by their first arguments. */
const CLONE = [56, 220] as const;
const SOCKET = [41, 198] as const;
const IOCTL = [16, 29] as const;
const FCNTL = [72, 25] as const;
const SETSOCKOPT = [54, 208] as const;
const PERSONALITY = [135, 92] as const;

/** CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACE = 0x7e020080;
/** AF_UNIX, AF_INET, AF_INET6. Not AF_VSOCK, which leads to the host of a virtual machine past every network namespace. */
const FAMILIES = [1, 2, 10];
/** Of those the one whose buffers can be bounded by counting sockets. */
const COUNTED_FAMILIES = [1];
/** AF_VSOCK. */
const PAST_NAMESPACES = [40];
/** F_SETPIPE_SZ: a pipe that holds more. SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE: the same of sockets. */
const LARGER_PIPE = [1031];
const LARGER_BUFFER = [7, 8, 32, 33];
/** TIOCSTI and TIOCLINUX: words put into somebody's terminal. */
const TERMINAL_WORDS = [0x5412, 0x541c];
/** PER_LINUX, and the question which one it is. */
const PERSONALITIES = [0, 0xffffffff];

const AUDIT_ARCH = [0xc000003e, 0xc00000b7] as const;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

const LOAD = 0x20;
const IF_EQUAL = 0x15;
const IF_NOT_LESS = 0x35;
const IF_ANY_BIT = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const errno = (number: number) => 0x00050000 | number;

/** Offsets in struct seccomp_data; arguments by their lower half, which is all that these calls look at. */
const NUMBER = 0;
const ARCH = 4;
const argument = (index: number) => 16 + 8 * index;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

/**
 * The filter for programs of strangers on a processor as Node names it; undefined for one that it does not know.
 * @param bounded whether the system bounds the memory of all processes together; else what hides memory from a look is refused too
 */
export function seccompFilter(arch: string, bounded = true): Uint8Array | undefined {
  return filterFor(arch, (at) => [
    ...answer(NAMESPACES, at, errno(EPERM)),
    ...answer(NOBODYS_MEMORY, at, errno(EPERM)),
    ...answer(OTHERS, at, errno(EPERM)),
    ...(bounded
      ? []
      : [
          ...answer(HIDING, at, errno(ENOSYS)),
          ...judge(FCNTL[at], 1, refuse(LARGER_PIPE)),
          // Asked for often and needed by nobody here: it is said to be done.
          ...judge(SETSOCKOPT[at], 2, refuse(LARGER_BUFFER, errno(0))),
        ]),
    ...judge(SOCKET[at], 0, oneOf(bounded ? FAMILIES : COUNTED_FAMILIES, errno(EAFNOSUPPORT))),
    ...judge(PERSONALITY[at], 0, oneOf(PERSONALITIES, errno(EPERM))),
    ...judge(IOCTL[at], 1, refuse(TERMINAL_WORDS)),
  ]);
}

/** The filter for commands that the owner allows: nothing that leads out of their namespaces or past the bound of what they write. */
export function commandFilter(arch: string): Uint8Array | undefined {
  return filterFor(arch, (at) => [
    ...answer(NAMESPACES, at, errno(EPERM)),
    ...answer(NOBODYS_MEMORY, at, errno(EPERM)),
    ...judge(SOCKET[at], 0, refuse(PAST_NAMESPACES, errno(EAFNOSUPPORT))),
  ]);
}

type Column = 0 | 1;

/** What every filter has: one numbering of calls, no namespace by way of clone, nothing that no filter can look into. */
function filterFor(arch: string, rules: (at: Column) => readonly Instruction[]): Uint8Array | undefined {
  const at = arch === 'x64' ? 0 : arch === 'arm64' ? 1 : undefined;
  if (at === undefined) return undefined;
  return encode([
    [LOAD, 0, 0, ARCH],
    ...unless(AUDIT_ARCH[at], KILL),
    [LOAD, 0, 0, NUMBER],
    // The x32 calls of x64 have other numbers for the same things.
    ...(at === 0 ? X32_UNKNOWN : []),
    ...answer(UNKNOWN, at, errno(ENOSYS)),
    ...rules(at),
    ...judge(CLONE[at], 0, [
      [IF_ANY_BIT, 0, 1, NEW_NAMESPACE],
      [RETURN, 0, 0, errno(EPERM)],
      [RETURN, 0, 0, ALLOW],
    ]),
    [RETURN, 0, 0, ALLOW],
  ]);
}

const X32_UNKNOWN: readonly Instruction[] = [
  [IF_NOT_LESS, 0, 1, 0x40000000],
  [RETURN, 0, 0, errno(ENOSYS)],
];

const answer = (calls: Calls, at: Column, verdict: number): Instruction[] =>
  Object.values(calls).flatMap((numbers) => when(numbers[at] ?? undefined, verdict));

const when = (value: number | undefined, answer: number): Instruction[] =>
  value === undefined
    ? []
    : [
        [IF_EQUAL, 0, 1, value],
        [RETURN, 0, 0, answer],
      ];

const unless = (value: number, answer: number): Instruction[] => [
  [IF_EQUAL, 1, 0, value],
  [RETURN, 0, 0, answer],
];

const oneOf = (values: readonly number[], otherwise: number): Instruction[] => [
  ...values.flatMap((value) => when(value, ALLOW)),
  [RETURN, 0, 0, otherwise],
];

const refuse = (values: readonly number[], answer = errno(EPERM)): Instruction[] => [
  ...values.flatMap((value) => when(value, answer)),
  [RETURN, 0, 0, ALLOW],
];

/** For one call: looks at an argument and ends there. */
const judge = (call: number, index: number, body: readonly Instruction[]): Instruction[] => [
  [IF_EQUAL, 0, body.length + 1, call],
  [LOAD, 0, 0, argument(index)],
  ...body,
];

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, k], i) => {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(ifTrue, i * 8 + 2);
    bytes.writeUInt8(ifFalse, i * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4);
  });
  return bytes;
}
