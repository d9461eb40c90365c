// The tools side of an edge as in production, over a real folder and a real journal, with a control plane that signs calls.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  create,
  type DescMethod,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { onTestFinished } from 'vitest';
import {
  Confirmation,
  type ConnectRequest,
  ConnectRequestSchema,
  type ToolCall,
  ToolCallSchema,
  type ToolProgress,
} from '../../gen/bowline/edge/v1/edge_pb.ts';
import { AskSchema, type ToolResult } from '../../gen/bowline/record/v1/record_pb.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { rawPublicKey, signToolCall } from '../../src/contract/tool-call.ts';
import { Allowlist } from '../../src/edge/allowlist/allowlist.ts';
import { ApprovalDesk } from '../../src/edge/approvals/approval-desk.ts';
import { ApprovalList } from '../../src/edge/approvals/approval-list.ts';
import { CallGrants } from '../../src/edge/approvals/call-grants.ts';
import { KeptChanges } from '../../src/edge/changes/kept-changes.ts';
import { Undoing } from '../../src/edge/changes/undo.ts';
import { loadEdgeConfig } from '../../src/edge/config/edge-config.ts';
import { Gate } from '../../src/edge/egress/gate.ts';
import { askEgress } from '../../src/edge/egress/ledger.ts';
import { FactBook } from '../../src/edge/facts/fact-book.ts';
import { FileTexts } from '../../src/edge/files/file-text.ts';
import { AskedShares, shareRecords } from '../../src/edge/grants/asked-shares.ts';
import { Grants, shareGrantOf } from '../../src/edge/grants/grants.ts';
import { OwnRuns } from '../../src/edge/grants/own-runs.ts';
import { PipedInput } from '../../src/edge/grants/piped-input.ts';
import { ShareResolver, type ShareRules } from '../../src/edge/grants/share-resolver.ts';
import { openBlobs } from '../../src/edge/journal/blobs.ts';
import { DayCap } from '../../src/edge/journal/day-cap.ts';
import { openEdgeJournal } from '../../src/edge/journal/edge-journal.ts';
import type { FsPort } from '../../src/edge/journal/fs-port.ts';
import { RefusedAttempts } from '../../src/edge/runner/free-keys.ts';
import { InHand } from '../../src/edge/runner/in-hand.ts';
import { ToolRunner } from '../../src/edge/runner/runner.ts';
import { Suspects } from '../../src/edge/runner/suspects.ts';
import type { ToolSink } from '../../src/edge/runner/tool-sink.ts';
import { SecretBook } from '../../src/edge/secrets/secret-book.ts';
import { OwnTexts } from '../../src/edge/tools/fs/change/own-texts.ts';
import { Temporaries } from '../../src/edge/tools/fs/change/temporaries.ts';
import { type LookUp, systemLookUp } from '../../src/edge/tools/lan/find-address.ts';
import { restoreOrigins } from '../../src/edge/tools/restore-origins.ts';
import type { CommandIsolation } from '../../src/edge/tools/shell/isolation.ts';
import { findPreviewProblem } from '../../src/edge/tools/shell/preview/find-preview.ts';
import { Previews } from '../../src/edge/tools/shell/preview/previews.ts';
import type { ToolParts } from '../../src/edge/tools/tool.ts';
import type { ToolSource, ToolsInForce } from '../../src/edge/tools/tool-source.ts';
import { type ServedTool, toolset } from '../../src/edge/tools/toolset.ts';
import { bothNames } from '../../src/main/edge-parts/both-names.ts';
import { openReader } from '../../src/main/edge-parts/open-reader.ts';

export interface RigOptions {
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** config.yaml; `DIR` is the folder that holds `docs` and `home`. */
  readonly config?: string;
  readonly clock?: Clock;
  /** The disk of the journal; default: a real one. */
  readonly fs?: FsPort;
  /** Most bytes of the journal. */
  readonly journalBytes?: number;
  /** Which start of the machine it is. */
  readonly machineBoot?: string;
  /** How commands are kept from the home; default: not at all. */
  readonly isolation?: (home: string) => Promise<CommandIsolation | undefined>;
  /** Looks up hosts; default: the system. */
  readonly lookUp?: LookUp;
  /** Puts other tools in. */
  readonly tools?: (parts: ToolParts) => readonly ServedTool[];
}

/** An answer as the control plane gets it: frames have gone through the gate. */
export interface Answer<M extends Message> {
  readonly result: ToolResult;
  readonly progress: ToolProgress[];
  readonly messages: M[];
  readonly failure: string | undefined;
}

export interface CallOptions {
  readonly run?: string;
  readonly job?: string;
  readonly epoch?: bigint;
  readonly key?: string;
  readonly recipient?: string;
  readonly deadlineMs?: number;
  readonly expiresInMs?: number | null;
  readonly confirmation?: Confirmation;
  readonly change?: (call: ToolCall) => void;
}

/** A folder with `docs` and a home. Removed after the test. */
export function edgeFolder(files: RigOptions['files'] = {}): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'edge-rig-')));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'docs'));
  mkdirSync(join(dir, 'home'), { mode: 0o700 });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  return dir;
}

/** Starts the tools side over a folder. Starting again over the same one is a restart. */
export async function edgeRig(dir: string, options: RigOptions = {}) {
  const home = join(dir, 'home');
  const clock = options.clock ?? systemClock;
  writeFileSync(join(home, 'config.yaml'), (options.config ?? '').replaceAll('DIR', dir));
  const config = loadEdgeConfig(join(home, 'config.yaml'), { allow: [join(dir, 'docs')] });
  const ownRuns = new OwnRuns();
  const askedShares = new AskedShares();
  const suspects = new Suspects();
  const refused = new RefusedAttempts();
  const facts = new FactBook();
  const inHand = new InHand(join(home, 'in-hand'), options.machineBoot ?? 'boot');
  const fatal: unknown[] = [];
  const journal = await openEdgeJournal(join(home, 'journal'), {
    clock,
    log: silentLogger,
    onFatal: (error) => fatal.push(error),
    ...(options.fs && { fs: options.fs }),
    ...(options.journalBytes && { maxBytes: options.journalBytes, segmentBytes: options.journalBytes / 8 }),
    folds: [ownRuns, askedShares, suspects, refused, facts],
  });
  const grants = new Grants({ clock, log: silentLogger, journal });
  askedShares.holdIn(grants, (approval) => journal.approvals.get(approval)?.used === false);
  const pipedDir = join(home, 'piped');
  const piped = new PipedInput(pipedDir, await openBlobs(pipedDir));
  const secrets = new SecretBook({ folder: join(home, 'secrets'), files: config.secrets }, silentLogger);
  const day = new DayCap({
    left: journal.days.all(),
    now: () => journal.now(),
    limit: () => config.limits.egress_day_bytes,
  });
  const gate = new Gate(grants, day, () => secrets.masker);
  const allow = new Allowlist(config, [home, ...Object.values(config.secrets).flatMap(bothNames)]);
  const reader = openReader(config, clock);
  onTestFinished(() => reader.close());
  const texts = new FileTexts(reader, () => secrets.masker);
  const isolation = await options.isolation?.(home);
  const previews = new Previews(join(home, 'previews'), config.limits.command_disk_bytes);
  const { ends: commitEnds } = await previews.recover(journal.approvals.opened());
  journal.approvals.onChange((approval) => void previews.approvalChanged(approval));
  const problem = config.execute.some(({ preview }) => preview) ? await findPreviewProblem(isolation) : '';
  const changesDir = join(home, 'changes');
  const keptBytes = config.limits.changes_bytes;
  const keptBlobs = await openBlobs(changesDir, undefined, { maxBytes: keptBytes });
  const notedDir = join(home, 'temporaries');
  mkdirSync(notedDir, { recursive: true });
  const changes = new KeptChanges({
    journal,
    blobs: keptBlobs,
    temporaries: new Temporaries(notedDir),
    maxBytes: keptBytes,
    days: config.limits.changes_days,
  });
  await changes.start();
  const undoParts = { allow: () => allow, book: journal.changes, changes, blobs: keptBlobs, log: silentLogger };
  const undoing = new Undoing(undoParts);
  const parts: ToolParts = {
    allow,
    grants,
    ownRuns,
    piped,
    facts,
    limits: config.limits,
    texts,
    changes,
    ownTexts: new OwnTexts(),
    clock,
    now: () => journal.now(),
    secrets,
    lookUp: options.lookUp ?? systemLookUp,
    isolation,
    preview: { store: previews, problem },
  };
  const toolsOf = (toolParts: ToolParts): ToolsInForce =>
    new Map((options.tools?.(toolParts) ?? toolset(toolParts)).map((one) => [one.method.fullName, one]));
  const atStart = toolsOf(parts);
  let inForce: ToolsInForce | undefined = atStart;
  const tools: ToolSource = {
    methods: [...atStart.values()].map(({ method }) => method),
    current: async () => {
      if (!inForce) throw new AppError('PERMISSIONS_UNKNOWN', { problem: 'edited' });
      return inForce;
    },
    isCurrent: (known) => known === inForce,
  };
  /** The owner saved another config.yaml; undefined: one that cannot be used. */
  const edit = (text: string | undefined) => {
    inForce = undefined;
    if (text === undefined) return;
    writeFileSync(join(home, 'config.yaml'), text.replaceAll('DIR', dir));
    const edited = loadEdgeConfig(join(home, 'config.yaml'), { allow: [join(dir, 'docs')] });
    inForce = toolsOf({ ...parts, allow: new Allowlist(edited, [home]), limits: edited.limits });
  };
  const bootId = newId();
  const callGrants = new CallGrants({ journal, clock, log: silentLogger });
  const desk = new ApprovalDesk({
    journal,
    grants: callGrants,
    shares: shareRecords(grants),
    titleOf: () => 'title',
    limits: () => config.limits,
    problem: () => undefined,
    clock,
    log: silentLogger,
  });
  const runnerParts = {
    journal,
    desk,
    callGrants,
    blobs: await openBlobs(join(home, 'blobs')),
    bootId,
    inHand,
    commitEnds,
    suspects,
    refused,
    limits: config.limits,
    clock,
    log: silentLogger,
    restore: async () => restoreOrigins(config),
  };
  const runner = new ToolRunner({ ...runnerParts, gate, tools });
  const control = new Control();
  const session = { nonce: control.nonce, tenant: 't', device: 'd', key: control.key };
  const shares = new ShareResolver(allow, config.limits, texts);

  const send = (frame: ConnectRequest['frame']): ConnectRequest['frame'] => {
    const passed = gate.frame(create(ConnectRequestSchema, { frame }));
    return fromBinary(ConnectRequestSchema, toBinary(ConnectRequestSchema, passed)).frame;
  };
  const sinkFor = (results: ToolResult[], progress: ToolProgress[]): ToolSink => ({
    progress: async (message) => {
      const frame = send({ case: 'toolProgress', value: message });
      if (frame.case === 'toolProgress') progress.push(frame.value);
    },
    held: async (message) => void send({ case: 'toolHeld', value: message }),
    result: async (message) => {
      const frame = send({ case: 'toolResult', value: message });
      if (frame.case === 'toolResult') results.push(frame.value);
    },
  });

  /** Calls a method as the control plane does, and returns what it gets. */
  const call = async <D extends DescMethod>(
    method: D,
    request: MessageInitShape<D['input']>,
    how: CallOptions = {},
  ): Promise<Answer<MessageShape<D['output']>>> => {
    const results: ToolResult[] = [];
    const progress: ToolProgress[] = [];
    await runner.handle(control.sign(method, request, how, clock), session, sinkFor(results, progress));
    const [result] = results;
    if (!result) throw new AppError('CLOSED', { what: 'a newer attempt got the answer; this one' });
    const { answer } = result;
    const messages =
      answer.case === 'done' ? answer.value.responses.map((bytes) => fromBinary(method.output, bytes)) : [];
    const failure = answer.case === 'done' ? answer.value.failure : answer.value;
    return { result, progress, messages: messages as MessageShape<D['output']>[], failure: failure?.reason };
  };

  /** The owner asks: journaled as the asks room does. Returns the run. */
  const ask = async (
    text: string,
    patterns: readonly string[] = [],
    recipients: readonly string[] = ['rules'],
    input = new Uint8Array(),
    { asksToShare = false, ...rules }: Pick<ShareRules, 'secrets' | 'text'> & { readonly asksToShare?: boolean } = {},
  ) => {
    const run = newId();
    const files =
      patterns.length === 0
        ? []
        : await shares.resolve(
            patterns.map((pattern) => ({ pattern })),
            undefined,
            { text: true, ...rules },
          );
    if (input.length > 0) files.push(await shares.frozen(await piped.open(await piped.put(run, input, config.limits))));
    const minted = files.length === 0 ? undefined : grants.mintShare({ run, files, recipients, capBytes: 1 << 20 });
    const asked = create(AskSchema, {
      run,
      conversation: newId(),
      text,
      shares: minted ? [shareGrantOf(minted)] : [],
    });
    const egress = askEgress(asked, journal.now(), minted ? recipients : []);
    await journal.append([
      { case: 'ask', value: { ask: asked, requestId: newId(), grants: minted ? [minted] : [], egress, asksToShare } },
    ]);
    gate.admitAsk(asked);
    return { run, grant: minted?.id ?? '', ask: asked };
  };

  const close = async () => {
    await runner.drain(1000);
    desk.stop();
    callGrants.stop();
    inHand.close();
    await journal.close();
  };
  return {
    dir,
    home,
    config,
    journal,
    grants,
    ownRuns,
    piped,
    facts,
    gate,
    allow,
    shares,
    parts,
    runnerParts,
    secrets,
    changes,
    keptBlobs,
    undoing,
    undoParts,
    runner,
    edit,
    desk,
    callGrants,
    approvals: new ApprovalList(journal),
    control,
    session,
    sinkFor,
    call,
    ask,
    close,
    fatal,
    send,
  };
}

export type EdgeRig = Awaited<ReturnType<typeof edgeRig>>;

class Control {
  readonly nonce = Buffer.alloc(16, 5);
  readonly #private: KeyObject;
  readonly key: { keyId: string; publicKey: Uint8Array };

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#private = privateKey;
    this.key = { keyId: 'k1', publicKey: rawPublicKey(publicKey) };
  }

  sign<D extends DescMethod>(method: D, request: MessageInitShape<D['input']>, how: CallOptions, clock: Clock) {
    const run = how.run ?? newId();
    const job = how.job ?? `${run}/0/0`;
    const now = clock.now();
    const call = create(ToolCallSchema, {
      tenant: 't',
      device: 'd',
      sessionNonce: this.nonce,
      run,
      job,
      epoch: how.epoch ?? 1n,
      method: `${method.parent.typeName}/${method.name}`,
      params: toBinary(method.input, create(method.input, request)),
      idempotencyKey: how.key ?? newId(),
      issueTime: timestampFromMs(now),
      ...(how.expiresInMs === null ? {} : { expireTime: timestampFromMs(now + (how.expiresInMs ?? 60_000)) }),
      ...(how.deadlineMs === undefined ? {} : { timeout: durationFromMs(how.deadlineMs) }),
      confirmation: how.confirmation ?? Confirmation.UNSPECIFIED,
      recipient: how.recipient ?? 'rules',
    });
    how.change?.(call);
    return signToolCall(call, {
      id: 'k1',
      sign: (prefix, bytes) => sign(null, Buffer.concat([prefix, bytes]), this.#private),
    });
  }
}
