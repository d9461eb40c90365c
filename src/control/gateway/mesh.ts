// Every capability service, callable on this port: a call is routed by its headers to a device or a worker and recorded as
// a run of one job. The caller's right is its credential; the device's allowlists and grants judge as always.
import { create, type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { fromFailure } from '../../contract/errors.ts';
import type { CapabilityMethod, MethodRegistry } from '../../contract/registry.ts';
import { validate } from '../../contract/validate.ts';
import type { DeviceCalls } from '../dispatch/device-calls.ts';
import type { OpenFeed, RunFeeds } from '../dispatch/run-feeds.ts';
import type { Devices } from '../identity/devices.ts';
import { principalName } from '../identity/principal.ts';
import type { RunService } from '../orchestrator/run-service.ts';
import { isEnded, type JobState, type RunState } from '../orchestrator/state.ts';
import { explain } from '../routing/explain.ts';
import type { WorkerView } from '../routing/worker-view.ts';
import { HEADERS } from './interceptors.ts';
import { ownerOf } from './principal.ts';

export interface MeshParts {
  readonly runs: RunService;
  readonly feeds: RunFeeds;
  readonly devices: Devices;
  readonly calls: DeviceCalls;
  readonly workers: () => readonly WorkerView[];
  readonly methods: MethodRegistry;
  /** Packages that edges serve; the others are served by workers. */
  readonly edgePackages: ReadonlySet<string>;
  /** For calls without a deadline of their own. */
  readonly defaultTimeoutMs: number;
}

interface Started {
  readonly open: OpenFeed;
  readonly cancel: () => void;
}

/** Adds all methods of the registry to the router. */
export function meshRoutes(router: ConnectRouter, parts: MeshParts): void {
  for (const method of parts.methods.all) {
    if (method.streaming) {
      router.rpc(
        method.desc as never,
        ((request: Message, context: HandlerContext) => stream(parts, method, request, context)) as never,
      );
    } else {
      router.rpc(
        method.desc as never,
        ((request: Message, context: HandlerContext) => unary(parts, method, request, context)) as never,
      );
    }
  }
}

async function unary(
  parts: MeshParts,
  method: CapabilityMethod,
  request: Message,
  context: HandlerContext,
): Promise<Message> {
  const { open, cancel } = await start(parts, method, request, context);
  try {
    const job = theJob(await ended(open, context, cancel));
    const messages = messagesOf(job);
    tellWithheld(job, context);
    if (job.result?.trailingFailure) throw fromFailure(job.result.trailingFailure);
    return fromBinary(method.desc.output, messages[0] ?? new Uint8Array());
  } finally {
    open.close();
  }
}

async function* stream(
  parts: MeshParts,
  method: CapabilityMethod,
  request: Message,
  context: HandlerContext,
): AsyncGenerator<Message> {
  const { open, cancel } = await start(parts, method, request, context);
  const output: DescMessage = method.desc.output;
  try {
    let sent = 0;
    // Live messages first; the committed result has them all and fills what was missed.
    for (;;) {
      const live = open.feed.messages;
      while (sent < live.length) yield fromBinary(output, live[sent++]!);
      if (isEnded(open.feed.state)) break;
      await change(open, context, cancel, () => open.feed.messages.length > sent || isEnded(open.feed.state));
    }
    const job = theJob(open.feed.state);
    for (const message of messagesOf(job).slice(sent)) yield fromBinary(output, message);
    tellWithheld(job, context);
    if (job.result?.trailingFailure) throw fromFailure(job.result.trailingFailure);
  } finally {
    if (!isEnded(open.feed.state)) cancel();
    open.close();
  }
}

async function start(
  parts: MeshParts,
  method: CapabilityMethod,
  request: Message,
  context: HandlerContext,
): Promise<Started> {
  const owner = ownerOf(context);
  validate(method.desc.input, request);
  const onEdge = parts.edgePackages.has(method.package);
  const selector = selectorOf(context);
  const device = onEdge ? await theDevice(parts, owner.tenant, method, context) : undefined;
  if (!onEdge) mustBeServable(parts, owner.tenant, method, selector);
  const key = context.requestHeader.get(HEADERS.idempotencyKey) ?? '';
  if (key.length > 128)
    throw new AppError('INVALID_ARGUMENT', { what: `${HEADERS.idempotencyKey} is longer than 128 characters` });
  const id = newId();
  const { run } = await parts.runs.call(owner.tenant, {
    run: id,
    ...(device ? { device: device.id, deviceName: device.name } : {}),
    principal: principalName(owner),
    method: method.fullName,
    params: toBinary(method.desc.input, create(method.desc.input, request)),
    selector,
    target: onEdge ? 'device' : 'worker',
    idempotencyKey: key,
    timeoutMs: context.timeoutMs() ?? parts.defaultTimeoutMs,
    source: principalName(owner),
    commandId: key === '' ? `call:${id}` : `call:${method.fullName}:${device?.id ?? ''}:${key}`,
  });
  context.responseHeader.set('bowline-run', run);
  const cancel = () => {
    parts.runs
      .command(
        owner.tenant,
        run,
        { type: 'cancel', principal: principalName(owner), requestId: `gone:${run}` },
        { source: principalName(owner), commandId: `gone:${run}` },
      )
      // The run's own deadline ends it if this is lost.
      .catch(() => undefined);
  };
  return { open: await parts.feeds.open(owner.tenant, run), cancel };
}

/** The device named by the header, or the only one there is. */
async function theDevice(parts: MeshParts, tenant: string, method: CapabilityMethod, context: HandlerContext) {
  const name = context.requestHeader.get(HEADERS.device) ?? '';
  const device = name === '' ? await onlyDevice(parts, tenant) : await parts.devices.find(tenant, name);
  const session = parts.calls.session(tenant, device.id);
  if (!session) throw new AppError('DEVICE_OFFLINE', { device: device.name });
  if (!session.serves(method.fullName))
    throw new AppError('DEVICE_LACKS_METHOD', { device: device.name, method: method.shortName });
  return device;
}

async function onlyDevice(parts: MeshParts, tenant: string) {
  const [first, second] = await parts.devices.list(tenant, { limit: 2 });
  if (first && !second) return first;
  throw new AppError('INVALID_ARGUMENT', {
    what: first ? `say which device with the header ${HEADERS.device}` : 'no device has joined yet',
  });
}

function mustBeServable(
  parts: MeshParts,
  tenant: string,
  method: CapabilityMethod,
  selector: Record<string, string>,
): void {
  const need = { capability: method.package, method: method.desc.name, tenant, selector, recipients: [], slots: 1 };
  const { never, summary } = explain(need, parts.workers());
  if (never) throw new AppError('NO_WORKER', { why: summary });
}

/** `tier=1,region=eu` */
function selectorOf(context: HandlerContext): Record<string, string> {
  const text = context.requestHeader.get(HEADERS.selector) ?? '';
  const selector: Record<string, string> = {};
  for (const pair of text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [name = '', value, ...rest] = pair.split('=');
    if (name === '' || value === undefined || rest.length > 0) {
      throw new AppError('INVALID_ARGUMENT', { what: `${HEADERS.selector}: "${pair.slice(0, 80)}" is not name=value` });
    }
    selector[name] = value;
  }
  return selector;
}

async function ended(open: OpenFeed, context: HandlerContext, cancel: () => void): Promise<RunState> {
  while (!isEnded(open.feed.state)) await change(open, context, cancel, () => isEnded(open.feed.state));
  return open.feed.state;
}

/** Waits until the condition may hold; a caller who leaves cancels the run. */
function change(open: OpenFeed, context: HandlerContext, cancel: () => void, ready: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      stop();
      context.signal.removeEventListener('abort', aborted);
      act();
    };
    const aborted = () => {
      cancel();
      finish(() => reject(context.signal.reason instanceof Error ? context.signal.reason : new AppError('CANCELED')));
    };
    const stop = open.feed.onChange(() => ready() && finish(resolve));
    context.signal.addEventListener('abort', aborted, { once: true });
    if (context.signal.aborted) aborted();
    else if (ready()) finish(resolve);
  });
}

function theJob(state: RunState): JobState {
  const [job] = state.jobs.values();
  if (job?.result?.result.case === 'done') return job;
  const result = job?.result?.result;
  if (result?.value) throw fromFailure(result.value as Parameters<typeof fromFailure>[0]);
  if (state.outcome?.failure) throw fromFailure(state.outcome.failure);
  throw new AppError('CANCELED');
}

function messagesOf(job: JobState): readonly Uint8Array[] {
  return job.result?.result.case === 'done' ? job.result.result.value.messages : [];
}

/** Says in the trailers what stayed on the box, so that an empty field never looks like a bug. Names may hold any script. */
function tellWithheld(job: JobState, context: HandlerContext): void {
  for (const { field, why, name } of (job.result?.withheld ?? []).slice(0, 20)) {
    context.responseTrailer.append(
      'bowline-withheld',
      `${field}; why=${why}; name=${encodeURIComponent(name).slice(0, 512)}`,
    );
  }
}
