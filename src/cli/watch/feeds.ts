// Asks both sides again and again and hands on what changed. A side that goes away is told, and asked again until it is back. What is
// kept is bounded: the newest runs and lines of the ledger.
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@connectrpc/connect';
import { RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../../gen/bowline/control/v1/status_service_pb.ts';
import { WorkerPoolService } from '../../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { LocalService, type QueuedAsk } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import { toAppError } from '../../contract/errors.ts';
import type { Side as Api } from '../client.ts';
import { listDevices } from '../verbs/devices.ts';
import { newerThan } from './ledger-news.ts';
import { allRuns, boxLook, controlLook, crossings, deviceNames, runDetail, runLook, workerLook } from './looks.ts';
import type { Crossing, RunDetail, RunLook, SideLook, WatchModel } from './model.ts';

const EVERY_MS = 1_000;
/** How long one answer may take. */
const LIMIT_MS = 5_000;
const RUNS = 100;
const WORKERS = 200;
const DEVICES = 500;
const LINES = 100;
const APPROVALS = 250;
/** Most pages of the ledger that are read to find again what was seen. */
const PAGES = 10;

export interface FeedOptions {
  /** Opens a side; throws where it cannot be dialled at all. */
  readonly edge: () => Api;
  readonly control: () => Api;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Makes the next model of the one that is there. */
  readonly change: (next: (model: WatchModel) => WatchModel) => void;
  /** Lines of the ledger that are new since the last call, oldest first. */
  readonly crossed: (lines: readonly Crossing[]) => void;
}

export class Feeds {
  readonly #options: FeedOptions;
  #seen: readonly Egress[] | undefined;
  #queue: readonly QueuedAsk[] = [];
  #asks: ReadonlySet<string> = new Set();
  #runs: readonly RunLook[] = [];
  #names: ReadonlyMap<string, string> = new Map();
  #box = '';
  /** The run that is looked at. */
  #shown: string | undefined;
  #wake = new AbortController();

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Until the signal comes. */
  async run(): Promise<void> {
    const { edge, control } = this.#options;
    await Promise.all([
      this.#follow(
        edge,
        (api) => this.#readBox(api),
        (side) => ({ box: side }),
      ),
      this.#follow(
        control,
        (api) => this.#readControl(api),
        (side) => ({ control: side }),
      ),
    ]);
  }

  /** Reads this run too, at once and each time; none when nothing is looked at. */
  show(run: string | undefined): void {
    if (run === this.#shown) return;
    this.#shown = run;
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #follow(
    open: () => Api,
    read: (api: Api) => Promise<void>,
    part: (side: SideLook<never>) => Partial<WatchModel>,
  ): Promise<void> {
    const { signal, now, change } = this.#options;
    let since: number | undefined;
    while (!signal.aborted) {
      let api: Api | undefined;
      try {
        api = open();
        while (!signal.aborted) {
          await read(api);
          since = undefined;
          await this.#pause();
        }
      } catch (error) {
        if (signal.aborted) return;
        const { message, reason } = toAppError(error);
        since ??= now();
        const away = { is: 'away', why: `${message} (${reason})`, since } as const;
        change((model) => ({ ...model, ...part(away) }));
        await this.#pause();
      } finally {
        api?.close();
      }
    }
  }

  async #pause(): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#wake.signal]);
    await pause(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }

  async #readBox(api: Api): Promise<void> {
    const local = api.client(LocalService);
    const limit = { timeoutMs: LIMIT_MS };
    const [status, queue, ledger] = await Promise.all([
      local.getStatus({}, limit),
      local.listQueue({}, limit),
      local.listEgress({ pageSize: LINES }, limit),
    ]);
    this.#queue = queue.asks;
    this.#asks = status.pendingApprovals > 0 ? await askingRuns(local) : new Set();
    this.#box = status.deviceName;
    const { fresh, atLeast } = await this.#fresh(local, ledger.entries, ledger.nextPageToken);
    this.#seen = ledger.entries;
    const box = { is: 'here', told: boxLook(status) } as const;
    const shown = crossings(ledger.entries);
    this.#options.change((model) => ({
      ...model,
      now: this.#options.now(),
      box,
      crossings: shown,
      totals: { ...counted(model.totals, fresh), atLeast: model.totals.atLeast || atLeast },
      runs: this.#merged(),
    }));
    if (fresh.length > 0) this.#options.crossed(crossingOfEach(fresh));
  }

  /** The lines that were not there before; none of the first time, from which on it counts. */
  async #fresh(
    local: Client<typeof LocalService>,
    first: readonly Egress[],
    next: string,
  ): Promise<{ fresh: readonly Egress[]; atLeast: boolean }> {
    if (this.#seen === undefined) return { fresh: [], atLeast: false };
    let [all, pageToken] = [first, next];
    for (let page = 1; ; page++) {
      const found = newerThan(this.#seen, all);
      if (found) return { fresh: found, atLeast: false };
      if (pageToken === '') return { fresh: all, atLeast: this.#seen.length > 0 };
      if (page === PAGES) return { fresh: all, atLeast: true };
      const more = await local.listEgress({ pageSize: LINES, pageToken }, { timeoutMs: LIMIT_MS });
      [all, pageToken] = [[...all, ...more.entries], more.nextPageToken];
    }
  }

  async #readControl(api: Api): Promise<void> {
    const limit = { timeoutMs: LIMIT_MS };
    const [status, { workers }, { runs }, devices] = await Promise.all([
      api.client(StatusService).getStatus({}, limit),
      api.client(WorkerPoolService).listWorkers({ pageSize: WORKERS }, limit),
      api.client(RunService).listRuns({ pageSize: RUNS }, limit),
      listDevices(api, DEVICES),
    ]);
    this.#names = deviceNames(devices);
    this.#runs = runs.map((run) => runLook(run, this.#names));
    const detail = await this.#detail(api);
    const control = { is: 'here', told: controlLook(api.where, status) } as const;
    this.#options.change((model) => ({
      ...model,
      now: this.#options.now(),
      control,
      workers: workers.map(workerLook),
      runs: this.#merged(),
      ...(model.shown && detail?.run.id === model.shown.run ? { shown: { ...model.shown, detail } } : {}),
    }));
  }

  /** What is known of the run that is looked at; undefined when there is none, or it is not there (any more). */
  async #detail(api: Api): Promise<RunDetail | undefined> {
    const id = this.#shown;
    if (id === undefined) return undefined;
    const service = api.client(RunService);
    const limit = { timeoutMs: LIMIT_MS };
    const { run } = await service.getRun({ id }, limit).catch(() => ({ run: undefined }));
    if (!run) return undefined;
    const { isOpen } = runLook(run, this.#names);
    const waitsFor = isOpen ? await service.explainRun({ id }, limit).catch(() => ({ summary: '' })) : { summary: '' };
    return runDetail(run, this.#names, waitsFor.summary, await this.#ledgerOf(id));
  }

  /** From the box, which knows how many bytes; undefined where it is not there. */
  async #ledgerOf(run: string): Promise<readonly Egress[] | undefined> {
    let edge: Api | undefined;
    try {
      edge = this.#options.edge();
      return (await edge.client(LocalService).listEgress({ run, pageSize: LINES }, { timeoutMs: LIMIT_MS })).entries;
    } catch {
      return undefined;
    } finally {
      edge?.close();
    }
  }

  #merged(): readonly RunLook[] {
    return allRuns(this.#runs, this.#queue, this.#box, this.#asks);
  }
}

/** Runs that wait for the owner's yes. */
async function askingRuns(local: Client<typeof LocalService>): Promise<ReadonlySet<string>> {
  const { approvals } = await local.listApprovals({ pageSize: APPROVALS }, { timeoutMs: LIMIT_MS });
  return new Set(approvals.map(({ run }) => run));
}

function counted(totals: WatchModel['totals'], fresh: readonly Egress[]): WatchModel['totals'] {
  if (fresh.length === 0) return totals;
  const bytes = new Map(totals.bytes);
  for (const entry of fresh) {
    const to = entry.recipients.join(', ') || 'nobody';
    bytes.set(to, (bytes.get(to) ?? 0) + Number(entry.bytes));
  }
  return { ...totals, bytes };
}

const crossingOfEach = (fresh: readonly Egress[]): Crossing[] =>
  [...fresh].reverse().flatMap((entry) => crossings([entry]));
