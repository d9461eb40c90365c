// What one seed does: which faults hit what and when, and which load runs meanwhile. Pure: the same seed and the same shape
// of the cluster give the same plan.
import { seeded } from '../support/seeded.ts';

/** How many of each program the cluster has, and whether Redis is one of its parts. */
export interface Shape {
  readonly controls: number;
  readonly workers: number;
  readonly edges: number;
  readonly redis: boolean;
}

/** What `make chaos` and the tests play on. */
export const CLUSTER: Shape = { controls: 3, workers: 2, edges: 2, redis: true };

/**
 * kill: SIGKILL, and started again after `lastsMs`. stop: SIGSTOP for `lastsMs`. term: SIGTERM, waited for, started again.
 * cut: nothing passes or connects. reset: every connection breaks once. delay: every byte comes late. mute, deaf: the near
 * end is no longer heard, or hears nothing, while all stays open. flush: FLUSHALL. deny, nologin, readonly: the database ends all
 * sessions and then refuses connections, the role, or every write. ahead, back: the wall clock of a program is wrong by `byMs`. full: the edge is killed
 * and comes back with a journal that holds as much as it may, for `lastsMs`; then there is room again.
 */
export type FaultKind =
  | 'kill'
  | 'stop'
  | 'term'
  | 'cut'
  | 'reset'
  | 'delay'
  | 'mute'
  | 'deaf'
  | 'flush'
  | 'deny'
  | 'nologin'
  | 'readonly'
  | 'ahead'
  | 'back'
  | 'full';

export interface Fault {
  /** Milliseconds after the start of the seed. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** `control-1`, `worker-2`, `edge-1`, `postgres`, `redis`; a link is named after its ends: `edge-1>control`, `control-1>redis`. */
  readonly target: string;
  readonly lastsMs: number;
  /** Of a wrong clock; 0 for everything else. */
  readonly byMs: number;
}

/** What the owner does. Names are unique over all seeds. */
export type Deed =
  | {
      readonly kind: 'ask';
      readonly atMs: number;
      readonly name: string;
      readonly edge: number;
      /** Index of the conversation of this seed and edge. */
      readonly conversation: number;
      readonly text: string;
      /** The line that its tool call adds, if it asks for one. */
      readonly line: string | undefined;
      /** Cancelled so long after it was accepted. */
      readonly cancelAfterMs: number | undefined;
      /** Where the cancel goes to. */
      readonly cancelBy: 'edge' | 'control';
      /** How its owner answers what it asks for; undefined: it needs no yes. */
      readonly owner: OwnerDeed | undefined;
      /** Read by a second reader through the control plane too. */
      readonly watched: boolean;
    }
  | {
      /** write: adds a line to a file. run: a short command adds one. nap: a long command adds one and is then cancelled. */
      readonly kind: 'write' | 'run' | 'nap';
      readonly atMs: number;
      readonly name: string;
      readonly edge: number;
      /** How often it is called with one key; `together`: at the same time. A nap is called once. */
      readonly times: number;
      readonly together: boolean;
    };

export interface OwnerDeed {
  readonly allow: boolean;
  /** So long the question is looked at. */
  readonly afterMs: number;
  /** The first try is broken off after so many milliseconds, as by a program that is killed; a program is killed then. */
  readonly brokenMs: number | undefined;
  /** Answered by a program of the command line, not by a call. */
  readonly byProgram: boolean;
  /** What is killed when the question is seen, and when the answer was taken. */
  readonly kills: { readonly asked: string | undefined; readonly answered: string | undefined };
}

export interface Plan {
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly deeds: readonly Deed[];
}

/** How long a seed goes on with new faults and deeds. */
export const SPAN_MS = 5_000;
/** A clock that drifted, one that was set wrong, one whose battery is empty. */
const WRONG_BY_MS = [90_000, 20 * 60_000, 400 * 86_400_000] as const;
/** Between two faults of one target, beyond the time that the first lasts: it has to start again. */
const REST_MS = 1_500;

export function planOf(seed: number, shape: Shape): Plan {
  const random = seeded(seed * 7_919 + 17);
  return { seed, faults: faultsOf(random, shape), deeds: deedsOf(seed, random, shape) };
}

/** A fault as it is printed. */
export function faultText({ atMs, kind, target, lastsMs, byMs }: Fault): string {
  if (byMs > 0) return `${kind} ${target} by ${Math.round(byMs / 60_000)} min at ${atMs} ms for ${lastsMs} ms`;
  const lasting = kind === 'reset' || kind === 'flush' || kind === 'term' ? '' : ` for ${lastsMs} ms`;
  return `${kind} ${target} at ${atMs} ms${lasting}`;
}

function faultsOf(random: () => number, shape: Shape): Fault[] {
  const int = (from: number, to: number) => from + Math.floor(random() * (to - from));
  const pick = <T>(list: readonly T[]): T => list[int(0, list.length)]!;
  const busyUntil = new Map<string, number>();
  const faults: Fault[] = [];
  const wanted = int(4, 7);
  for (let tries = 0; faults.length < wanted && tries < 100; tries++) {
    const [kind, target] = faultAt(random(), pick, shape);
    const atMs = int(200, SPAN_MS - 500);
    // Some stops outlast the lease and some do not; most outages end before anyone gives up.
    const lastsMs = kind === 'kill' ? int(0, 1_500) : random() < 0.25 ? int(2_500, 4_500) : int(200, 2_000);
    const over = atMs + lastsMs + REST_MS;
    const clash = faults.some(
      (other) => other.target === target && atMs < (busyUntil.get(key(other)) ?? 0) && other.atMs < over,
    );
    if (clash) continue;
    const byMs = kind === 'ahead' || kind === 'back' ? pick(WRONG_BY_MS) : 0;
    const fault = { atMs, kind, target, lastsMs, byMs };
    busyUntil.set(key(fault), over);
    faults.push(fault);
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

const key = ({ target, atMs }: Fault): string => `${target}@${atMs}`;

function faultAt(roll: number, pick: <T>(list: readonly T[]) => T, shape: Shape): [FaultKind, string] {
  const controls = names('control', shape.controls);
  const programs = [...controls, ...controls, ...names('worker', shape.workers), ...names('edge', shape.edges)];
  if (roll < 0.38) return [pick(['kill', 'kill', 'stop', 'term'] as const), pick(programs)];
  if (roll < 0.43) return ['full', pick(names('edge', shape.edges))];
  if (roll < 0.5) return [pick(['ahead', 'back'] as const), pick(programs)];
  if (roll < 0.74) {
    const links = [
      ...names('edge', shape.edges).map((edge) => `${edge}>control`),
      ...names('worker', shape.workers).map((worker) => `${worker}>control`),
      ...controls.flatMap((control) => [`${control}>postgres`, ...(shape.redis ? [`${control}>redis`] : [])]),
    ];
    return [pick(['cut', 'reset', 'delay', 'mute', 'deaf'] as const), pick(links)];
  }
  if (shape.redis && roll < 0.86) return [pick(['kill', 'flush', 'flush', 'stop'] as const), 'redis'];
  return [pick(['kill', 'kill', 'stop', 'deny', 'nologin', 'readonly'] as const), 'postgres'];
}

function deedsOf(seed: number, random: () => number, shape: Shape): Deed[] {
  const int = (from: number, to: number) => from + Math.floor(random() * (to - from));
  const deeds: Deed[] = [];
  const asks = int(9, 15);
  for (let n = 0; n < asks; n++) {
    const name = `s${seed}-ask${n}`;
    const edge = int(1, shape.edges + 1);
    const line = random() < 0.6 ? name : undefined;
    const owner = line !== undefined && random() < 0.5 ? ownerOf(random, shape) : undefined;
    const chinese = random() < 0.4;
    deeds.push({
      kind: 'ask',
      atMs: int(0, SPAN_MS),
      name,
      edge,
      conversation: int(0, 3),
      text: askText(name, line, chinese, owner ? `asked/${name}.txt` : 'docs/log.txt'),
      line,
      cancelAfterMs: random() < 0.2 ? int(0, 1_200) : undefined,
      cancelBy: random() < 0.5 ? 'edge' : 'control',
      owner,
      watched: random() < 0.4,
    });
  }
  const calls = int(4, 8);
  for (let n = 0; n < calls; n++) {
    deeds.push({
      kind: random() < 0.6 ? 'write' : random() < 0.6 ? 'run' : 'nap',
      atMs: int(0, SPAN_MS),
      name: `s${seed}-call${n}`,
      edge: int(1, shape.edges + 1),
      times: int(1, 4),
      together: random() < 0.3,
    });
  }
  return deeds.sort((a, b) => a.atMs - b.atMs);
}

/** Mostly a yes; what stands between the question and the work is killed in the middle of it. */
function ownerOf(random: () => number, shape: Shape): OwnerDeed {
  const programs = [
    ...names('edge', shape.edges),
    ...names('control', shape.controls),
    ...names('worker', shape.workers),
  ];
  const victim = () => {
    const [strikes, at] = [random() < 0.6, random()];
    return strikes ? programs[Math.floor(at * programs.length)] : undefined;
  };
  const [allow, afterMs] = [random() < 0.75, Math.floor(random() * 1_200)];
  const [byProgram, breaks, at] = [random() < 0.4, random(), random()];
  // A program begins for a third of a second or longer before it sends anything.
  const [share, most] = byProgram ? [0.7, 900] : [0.3, 30];
  return {
    allow,
    afterMs,
    brokenMs: breaks < share ? 1 + Math.floor(at * most) : undefined,
    byProgram,
    kills: { asked: victim(), answered: victim() },
  };
}

/** The text of an ask; `tool NAME {json}` in it is called once by the model of the harness. */
function askText(name: string, line: string | undefined, chinese: boolean, path: string): string {
  const words = chinese ? `${name}：请讲一个关于绳结的故事 🪢` : `${name}: tell a story about knots`;
  if (line === undefined) return words;
  return `${words} tool fs_write ${JSON.stringify({ path, text: `${line}\n`, mode: 'WRITE_MODE_APPEND' })}`;
}

const names = (what: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${what}-${n + 1}`);
