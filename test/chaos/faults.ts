// Plays one fault on a cluster: begins it, waits as long as it lasts, and ends it.
import { setTimeout as wait } from 'node:timers/promises';
import { type Cluster, DRAIN_MS } from './cluster.ts';
import { fillJournal, giveRoom, saysFull } from './full-journal.ts';
import type { Fault } from './plan.ts';

/** A start on a busy machine. */
const READY_MS = 30_000;
/** How late everything comes over a link with `delay`. */
const DELAY_MS = 150;

export async function play(cluster: Cluster, fault: Fault): Promise<void> {
  const { target } = fault;
  if (target.includes('>')) return playLink(cluster, fault);
  if (target === 'redis') return playRedis(cluster, fault);
  if (target === 'postgres') return playPostgres(cluster, fault);
  const part = cluster.part(target);
  if (fault.kind === 'full') return playFull(cluster, fault);
  switch (fault.kind) {
    case 'kill':
      await part.kill();
      await wait(fault.lastsMs);
      return part.start();
    case 'stop':
      part.pause();
      await wait(fault.lastsMs);
      return part.resume();
    case 'term':
      await part.term(DRAIN_MS);
      return part.start();
    case 'ahead':
    case 'back':
      part.wrongClock(fault.kind === 'ahead' ? fault.byMs : -fault.byMs);
      await wait(fault.lastsMs);
      return part.wrongClock(0);
    default:
      throw unfit(fault);
  }
}

/** Killed, filled, started, asked what it says; and after its time killed, given room and started again. */
async function playFull(cluster: Cluster, { target, lastsMs }: Fault): Promise<void> {
  const part = cluster.part(target);
  const number = Number(target.replace('edge-', ''));
  const { home } = part.stack;
  await part.kill();
  const ids = await fillJournal(home);
  if (ids.length < 40) throw new Error(`only ${ids.length} records fitted into the journal of ${target}`);
  part.start();
  await part.ready(READY_MS);
  try {
    await cluster.edge(number, (transport) => saysFull(home, transport));
    await wait(lastsMs);
  } finally {
    await part.kill();
    await giveRoom(home, ids);
    part.start();
  }
}

async function playLink(cluster: Cluster, fault: Fault): Promise<void> {
  const link = cluster.links.get(fault.target);
  if (!link) throw unfit(fault);
  switch (fault.kind) {
    case 'cut':
      await link.cut();
      await wait(fault.lastsMs);
      return link.listen();
    case 'reset':
      return link.reset();
    case 'delay':
      link.delay(DELAY_MS);
      await wait(fault.lastsMs);
      return link.delay(0);
    case 'mute':
    case 'deaf':
      link.silence(fault.kind);
      await wait(fault.lastsMs);
      return link.silence(undefined);
    default:
      throw unfit(fault);
  }
}

async function playRedis({ redis }: Cluster, fault: Fault): Promise<void> {
  switch (fault.kind) {
    case 'kill':
      await redis?.kill();
      await wait(fault.lastsMs);
      return redis?.restart();
    case 'stop':
      redis?.pause();
      await wait(fault.lastsMs);
      return redis?.resume();
    case 'flush':
      return redis?.flushAll();
    default:
      throw unfit(fault);
  }
}

async function playPostgres({ postgres, gate }: Cluster, fault: Fault): Promise<void> {
  switch (fault.kind) {
    case 'deny':
    case 'nologin':
    case 'readonly':
      await gate.close(fault.kind);
      await wait(fault.lastsMs);
      return gate.open();
    case 'kill':
      await postgres.kill();
      await wait(fault.lastsMs);
      return postgres.restart();
    case 'stop':
      await postgres.pause();
      await wait(fault.lastsMs);
      return postgres.resume();
    default:
      throw unfit(fault);
  }
}

const unfit = ({ kind, target }: Fault) => new Error(`nothing here can ${kind} ${target}`);
