// Every capability service, callable on this port: a call is routed by its headers to a device or a worker and recorded as
// a run of one job. The caller's right is its credential; the device's allowlists and grants judge as always.
import { create, type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { fromFailure } from '../../contract/errors.ts';
import type { CapabilityMethod, MethodRegistry } from '../../contract/registry.ts';
import { validate } from '../../contract/validate.ts';
import { decode } from '../../contract/wire-meter.ts';
import { withheldWord } from '../../contract/withheld.ts';
import type { DeviceCalls } from '../dispatch/devices/device-calls.ts';
import type { OpenFeed, RunFeeds } from '../dispatch/feeds/run-feeds.ts';
import type { Devices } from '../identity/devices.ts';
import { principalName } from '../identity/principal.ts';
import type { RestoreGuard } from '../identity/restore-guard.ts';
import { type FoldedJob, type FoldedRun, isEnded } from '../orchestrator/run/state.ts';
import { within } from '../orchestrator/run/time-left.ts';
import type { Orchestrator } from '../orchestrator/service/orchestrator.ts';
import type { WorkerView } from '../routing/worker-view.ts';
import { ownerOf } from './call-principal.ts';
import type { CallsUnderWay } from './calls-under-way.ts';
import { HEADERS } from './interceptors.ts';
import { keyedCall } from './keyed-call.ts';
import { idempotencyKeyOf, mustBeServable, mustServe, selectorOf, theDevice } from './mesh-target.ts';
import { tellTrace, traceParentOf } from './trace-context.ts';

export interface MeshParts {
  readonly runs: Orchestrator;
  readonly feeds: RunFeeds;
  readonly devices: Devices;
  readonly restored: RestoreGuard;
  readonly calls: DeviceCalls;
  readonly workers: () => readonly WorkerView[];
  readonly methods: MethodRegistry;
  /** Packages that edges serve; the others are served by workers. */
  readonly edgePackages: ReadonlySet<string>;
  /** For calls without a deadline of their own. */
  readonly defaultTimeoutMs: number;
  readonly underWay: CallsUnderWay;
  readonly log: Logger;
}

/** A call that someone waits for here. It is left once: by its end, by its caller going away, or by an error here. */
interface Started {
  readonly open: OpenFeed;
  /** Aborts when the caller goes away, or when this replica does. */
  readonly signal: AbortSignal;
  /**
   * Lets go of the feed. A run without an idempotency key is of no use to anyone but its caller, so it ends with it; one that has a
   * key belongs to its key and goes on, and so does any run when it is this replica that leaves. Idempotent.
   */
  readonly leave: () => void;
}

/** Adds methods to the router. */
export function meshRoutes(router: ConnectRouter, parts: MeshParts, methods: readonly CapabilityMethod[]): void {
  for (const method of methods) {
    const serve = method.streaming ? stream : unary;
    const handler = (request: Message, context: HandlerContext) => serve(parts, method, request, context);
    // The registry holds any method; the type of a handler follows from one that is known.
    router.rpc(method.desc as never, handler as never);
  }
}

async function unary(
  parts: MeshParts,
  method: CapabilityMethod,
  request: Message,
  context: HandlerContext,
): Promise<Message> {
  const call = await start(parts, method, request, context);
  const { feed } = call.open;
  try {
    while (!isEnded(feed.state)) await change(call, () => isEnded(feed.state));
    const job = theJob(feed.state);
    tellWithheld(job, context);
    if (job.result?.trailingFailure) throw fromFailure(job.result.trailingFailure);
    return decode(method.desc.output, messagesOf(job)[0] ?? new Uint8Array());
  } finally {
    call.leave();
  }
}

async function* stream(
  parts: MeshParts,
  method: CapabilityMethod,
  request: Message,
  context: HandlerContext,
): AsyncGenerator<Message> {
  const call = await start(parts, method, request, context);
  const { feed } = call.open;
  const output: DescMessage = method.desc.output;
  try {
    let [epoch, sent] = [0, 0];
    // Live messages first; the committed result has them all and fills what was missed.
    for (;;) {
      const live = feed.messages;
      if (live.epoch !== epoch && live.list.length > 0) {
        mustNotSplice(sent, feed.state);
        epoch = live.epoch;
      }
      if (live.epoch === epoch && sent < live.list.length) {
        yield decode(output, live.list[sent++]!);
        continue;
      }
      if (isEnded(feed.state)) break;
      const { list } = live;
      await change(call, () => isEnded(feed.state) || feed.messages.list !== list || list.length > sent);
    }
    const job = theJob(feed.state);
    if (job.epoch !== epoch) mustNotSplice(sent, feed.state);
    for (const message of messagesOf(job).slice(sent)) yield decode(output, message);
    tellWithheld(job, context);
    if (job.result?.trailingFailure) throw fromFailure(job.result.trailingFailure);
  } finally {
    call.leave();
  }
}

/** What was sent of one attempt is never continued with another. */
function mustNotSplice(sent: number, { jobs }: FoldedRun): void {
  if (sent === 0) return;
  const [job] = jobs.values();
  // Nobody was lost: it failed after it had begun to speak, and a second beginning cannot follow the first.
  if (job?.lastFailure && job.losses === 0) throw fromFailure(job.lastFailure);
  throw new AppError('ATTEMPTS_LOST', { target: job?.targetName || 'whoever ran it', times: job?.losses || 1 });
}

async function start(
  parts: MeshParts,
  method: CapabilityMethod,
  request: Message,
  context: HandlerContext,
): Promise<Started> {
  const owner = ownerOf(context);
  if (method.plugin && method.plugin.tenant !== owner.tenant) {
    const known = parts.methods.allFor(owner.tenant).map((each) => each.shortName);
    throw new AppError('METHOD_UNKNOWN', { method: method.fullName, known: known.join(', ') });
  }
  validate(method.desc.input, request);
  parts.restored.mustGoOn(owner.tenant);
  const onEdge = parts.edgePackages.has(method.package);
  const selector = selectorOf(context);
  const key = idempotencyKeyOf(context);
  const device = onEdge ? await theDevice(parts.devices, owner.tenant, context) : undefined;
  const id = newId();
  const principal = principalName(owner);
  const params = toBinary(method.desc.input, create(method.desc.input, request));
  // A call with a key is its method, its device and its key, whoever of the tenant makes it and with whichever credential.
  const name = `${method.fullName}:${device?.id ?? ''}:${key}`;
  const keyed = key === '' ? undefined : await keyedCall(parts.runs, parts.methods, owner.tenant, name);
  if (keyed?.before && !sameCall(keyed.before, params, selector)) throw new AppError('KEY_REUSED');
  // What is on record is answered from there, whether or not anyone could do it now.
  const known = keyed?.known ?? false;
  if (!known && device) mustServe(parts.calls, owner.tenant, device, method);
  if (!known && !onEdge) mustBeServable(parts.workers(), owner.tenant, method, selector);
  const stated = context.timeoutMs();
  // Its own answer is there before the caller gives up.
  const wantedMs = stated === undefined ? parts.defaultTimeoutMs : within(stated);
  const cancel = (run: string) => {
    const command = { type: 'cancel', principal, requestId: `gone:${run}` } as const;
    parts.runs
      .command(owner.tenant, run, command, { source: principal, commandId: `gone:${run}` })
      // The run's own deadline ends it then.
      .catch((error: unknown) =>
        parts.log.warn('a call could not be cancelled', { tenant: owner.tenant, run, why: String(error) }),
      );
  };
  let run = '';
  let open: OpenFeed;
  const stopListening = parts.feeds.listen(owner.tenant, id);
  try {
    ({ run } = await parts.runs.call(owner.tenant, {
      run: id,
      ...(device ? { device: device.id, deviceName: device.name } : {}),
      principal,
      method: method.fullName,
      params,
      selector,
      target: onEdge ? 'device' : 'worker',
      idempotencyKey: key,
      // How long this caller waits says nothing of how long the next one does.
      timeoutMs: Math.max(wantedMs, key === '' ? 1 : parts.defaultTimeoutMs),
      traceParent: traceParentOf(context),
      ...(keyed?.id ?? { source: principal, commandId: `call:${id}` }),
    }));
    context.responseHeader.set(HEADERS.run, run);
    tellTrace(context, run);
    open = await parts.feeds.open(owner.tenant, run);
  } catch (error) {
    if (run !== '' && key === '') cancel(run);
    throw error;
  } finally {
    stopListening();
  }
  if (run !== id && !sameCall(open.feed.state, params, selector)) {
    open.close();
    throw new AppError('KEY_REUSED');
  }
  const { leaving } = parts.underWay;
  const signal = AbortSignal.any([context.signal, leaving]);
  const left = parts.underWay.enter();
  const leave = () => {
    signal.removeEventListener('abort', leave);
    if (key === '' && !leaving.aborted && !isEnded(open.feed.state)) cancel(run);
    open.close();
    left();
  };
  // A handler that waits for a reader who is gone is not called again, so leaving does not rest on it.
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  return { open, signal, leave };
}

function sameCall({ call }: FoldedRun, params: Uint8Array, selector: Readonly<Record<string, string>>): boolean {
  if (!call || Buffer.compare(call.params, params) !== 0) return false;
  const names = Object.keys(selector);
  return names.length === Object.keys(call.selector).length && names.every((n) => call.selector[n] === selector[n]);
}

/** Waits until the condition may hold. Throws when the caller goes away. */
function change({ open, signal }: Started, ready: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      stop();
      signal.removeEventListener('abort', aborted);
      act();
    };
    const aborted = () =>
      finish(() => reject(signal.reason instanceof Error ? signal.reason : new AppError('CANCELED')));
    const look = () => {
      const { failed } = open.feed;
      if (failed) finish(() => reject(failed));
      else if (ready()) finish(resolve);
    };
    const stop = open.feed.onChange(look);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    else look();
  });
}

function theJob(state: FoldedRun): FoldedJob {
  const [job] = state.jobs.values();
  const result = job?.result?.result;
  if (job && result?.case === 'done') return job;
  if (result && result.case !== 'done' && result.value) throw fromFailure(result.value);
  if (state.outcome?.failure) throw fromFailure(state.outcome.failure);
  throw new AppError('CANCELED');
}

function messagesOf(job: FoldedJob): readonly Uint8Array[] {
  return job.result?.result.case === 'done' ? job.result.result.value.messages : [];
}

/** Withheld fields told in trailers; a client's trailers are bounded. */
const MAX_WITHHELD = 20;

/** Says in the trailers what stayed on the box, so that an empty field never looks like a bug. Names may hold any script. */
function tellWithheld(job: FoldedJob, context: HandlerContext): void {
  const plain = (text: string) => text.replace(/[^\w.[\]-]/g, '_');
  for (const { field, why, name } of (job.result?.withheld ?? []).slice(0, MAX_WITHHELD)) {
    const about = encodeURIComponent(name.slice(0, 256).toWellFormed());
    context.responseTrailer.append(HEADERS.withheld, `${plain(field)}; why=${withheldWord(why)}; name=${about}`);
  }
}
