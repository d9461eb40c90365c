// The runs whose histories are kept as golden files. Only for writing new files: a kept history is never written again.
import { create } from '@bufbuild/protobuf';
import {
  CallSpecSchema,
  CostBoundSchema,
  type RunEvent,
  TargetKind,
  TurnRouteSchema,
  TurnSchema,
} from '../../gen/bowline/event/v1/event_pb.ts';
import { Taint } from '../../gen/bowline/policy/v1/options_pb.ts';
import { CollectionUseSchema, ShareGrantSchema } from '../../gen/bowline/record/v1/record_pb.ts';
import { EgressSchema, UsageSchema, WithheldReason, WithheldSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import type { RoutedTurn } from '../../src/control/orchestrator/decide/draft.ts';
import { PlayedRun } from '../support/play-run.ts';
import {
  deviceTools,
  failed,
  failure,
  found,
  methods,
  read,
  responses,
  said,
  workerTools,
} from '../support/run-scenario.ts';

const readCall = { name: 'fs_read', args: { path: 'docs/notes.md' } };
const writeCall = { name: 'fs_write', args: { path: 'docs/new.md', text: 'x' } };

export const scenarios: Readonly<Record<string, () => readonly RunEvent[]>> = {
  'answered-with-a-tool': () => {
    const shares = [create(ShareGrantSchema, { id: 'g1', recipients: ['rules'], files: [{ path: 'docs/notes.md' }] })];
    const run = new PlayedRun({ shares, recipients: ['rules'] });
    const usage = create(UsageSchema, { inputTokens: 10n, outputTokens: 4n });
    const turn = { type: 'result', epoch: 1, usage, targetName: 'worker w1 (rules)' } as const;
    run.at += 5;
    run.apply({ ...turn, job: 'r1/0/0', result: said({ calls: [readCall] }) });
    run.at += 5;
    run.apply({ type: 'received', job: 'r1/0/1', epoch: 1 });
    run.at += 5;
    const egress = [create(EgressSchema, { path: 'docs/notes.md', field: 'text', bytes: 24n, grant: 'g1', run: 'r1' })];
    const result = read('docs/notes.md', 'The launch is on Friday.');
    run.apply({ type: 'result', job: 'r1/0/1', epoch: 1, result, egress });
    run.at += 5;
    run.apply({ ...turn, job: 'r1/1/0', result: said({ text: 'On Friday.' }) });
    return run.events;
  },
  'retried-and-lost': () => {
    const run = new PlayedRun({ tools: [] });
    run.result('0/0', failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true }));
    run.at += 1000;
    run.ring('0/0/retry/2');
    run.apply({ type: 'attemptStarted', job: 'r1/0/0', epoch: 2, targetName: 'worker w1 (rules)' });
    run.apply({ type: 'attemptLost', job: 'r1/0/0', epoch: 2, why: 'its stream ended' });
    run.result('0/0', said({ text: 'Third.' }));
    run.apply({ type: 'result', job: 'r1/0/0', epoch: 2, result: said({ text: 'Second.' }) });
    return run.events;
  },
  'cancelled-during-a-write': () => {
    const run = new PlayedRun();
    run.result('0/0', said({ text: 'I write.', calls: [writeCall, readCall] }));
    run.at += 10;
    run.apply({ type: 'cancel', principal: 'device:d1', requestId: 'x' });
    run.at += 60_000;
    run.ring('0/1/cancel');
    return run.events;
  },
  'ended-with-the-edges-that-had-it': () => {
    const run = new PlayedRun();
    run.result('0/0', said({ calls: [readCall] }));
    for (const heldBy of ['b1', 'b2', 'b2', 'b3']) {
      run.at += 1000;
      run.apply({ type: 'received', job: 'r1/0/1', epoch: 1, heldBy });
    }
    run.apply({ type: 'endsEdges', job: 'r1/0/1', epoch: 1, boot: 'b3', targetName: 'device laptop' });
    run.apply({ type: 'endsEdges', job: 'r1/0/1', epoch: 1, boot: 'b4', targetName: 'device laptop' });
    run.result('1/0', said({ text: 'It cannot be read.' }));
    return run.events;
  },
  'held-and-released': () => {
    const run = new PlayedRun();
    run.at += 2000;
    run.result('0/0', said({ text: 'I ask.', calls: [writeCall, writeCall] }));
    run.at += 1000;
    run.apply({ type: 'held', job: 'r1/0/1', epoch: 1, leftMs: 86_400_000 });
    run.at += 1000;
    run.apply({ type: 'held', job: 'r1/0/2', epoch: 1, leftMs: 3_600_000 });
    run.at += 3_000_000;
    run.apply({ type: 'held', job: 'r1/0/1', epoch: 1, leftMs: undefined });
    run.at += 1000;
    run.result('0/1', responses());
    run.at += 1000;
    run.result('0/2', { case: 'neverStarted', value: failure({ reason: 'APPROVAL_DENIED', code: 7 }) });
    run.at += 1000;
    run.result('1/0', said({ text: 'One was written.' }));
    return run.events;
  },
  'timed-out-and-withheld': () => {
    const run = new PlayedRun();
    run.result('0/0', said({ text: 'One moment.', calls: [readCall] }));
    const withheld = [create(WithheldSchema, { field: 'text', why: WithheldReason.NO_GRANT, name: 'docs/notes.md' })];
    run.apply({ type: 'result', job: 'r1/0/1', epoch: 1, result: read('docs/notes.md', ''), withheld });
    run.at += 600_000;
    run.ring('deadline');
    return run.events;
  },
  'a-refused-call': () => {
    const method = methods.resolve('fs_write').fullName;
    const run = new PlayedRun({
      call: create(CallSpecSchema, { method, target: TargetKind.DEVICE, idempotencyKey: 'k' }),
    });
    run.result('0/0', { case: 'neverStarted', value: failure({ reason: 'PATH_NOT_ALLOWED', code: 7 }) });
    return run.events;
  },
  'limit-of-steps': () => {
    const run = new PlayedRun({ limits: { maxSteps: 2 } });
    run.result('0/0', said({ text: 'First.', calls: [readCall, { name: 'sudo', args: {} }] }));
    run.result('0/1', responses());
    run.result('1/0', said({ text: '', calls: [readCall] }));
    return run.events;
  },
  'answered-from-a-collection': () => {
    const collections = [create(CollectionUseSchema, { name: 'notes', grant: 'g2', recipients: ['rules'] })];
    const tools = [...deviceTools('fs_write'), ...workerTools('retrieval_search', 'web_fetch')];
    const run = new PlayedRun({ collections, tools, recipients: ['rules'], hosts: ['wiki.home.example'] });
    run.at += 5;
    run.result('0/1000', found({ collection: 'notes', document: 'plans/launch.md', text: 'On Friday.', startLine: 3 }));
    run.at += 5;
    const fetch = (url: string) => ({ name: 'web_fetch', args: { url } });
    const calls = [fetch('https://elsewhere.example/'), fetch('https://wiki.home.example/launch'), writeCall];
    run.result('0/0', said({ calls }));
    run.result('0/2', failed({ reason: 'WEB_UNREACHABLE', code: 14 }));
    run.at += 5;
    run.result('1/0', said({ text: 'On Friday (plans/launch.md).' }));
    return run.events;
  },
  'money-spent': () => {
    const run = new PlayedRun({ tools: workerTools('sandbox_run'), limits: { maxCostMicros: 100 } });
    const calls = [{ name: 'sandbox_run', args: { language: 'LANGUAGE_PYTHON', code: 'print(1)' } }];
    const usage = create(UsageSchema, { costMicros: 100n });
    run.apply({ type: 'result', job: 'r1/0/0', epoch: 1, usage, result: said({ text: 'I compute.', calls }) });
    return run.events;
  },
  'summed-up-after-the-answer': () => {
    const history = [1, 2].map((n) =>
      create(TurnSchema, {
        run: `r-${n}`,
        text: `Q${n}`,
        answer: `A${n}`,
        grants: ['g1'],
        taints: [Taint.PRIVATE],
      }),
    );
    const more = { summary: 'They spoke of ropes.', summaryGrants: ['g0'], taints: [Taint.PRIVATE] };
    const run = new PlayedRun({ tools: [], limits: { summaryTurns: 3 }, history, ...more });
    run.result('0/0', said({ text: 'And of knots.' }));
    run.at += 50;
    const usage = create(UsageSchema, { inputTokens: 90n, outputTokens: 9n });
    const result = said({ text: 'They spoke of ropes and knots.' });
    run.apply({ type: 'result', job: 'r1/0/1000', epoch: 1, usage, result });
    return run.events;
  },
  'asked-again-one-tier-up': () => {
    const tier = (name: string, more: object = {}): RoutedTurn => ({
      route: create(TurnRouteSchema, { tier: name, ...more }),
      selector: { model: name },
      timeoutMs: 0,
    });
    const bound = () => create(CostBoundSchema, { input: 1, output: 2, maxOutputTokens: 1000, prices: 'p' });
    const [small, large] = [tier('small', { next: 'large', below: 0.6 }), tier('large')];
    const routes = { first: () => ({ ...small, from: undefined }), above: () => large, bound };
    const run = new PlayedRun({ tools: [], given: { routes } });
    run.result('0/0', said({ text: 'Perhaps.', sure: 0.59 }));
    run.at += 5;
    run.result('1/0', said({ text: '是的。', sure: 0.9 }));
    return run.events;
  },
  'with-large-events': () => {
    const run = new PlayedRun({ tools: [] });
    run.result('0/0', said({ text: 'It is long. 它很长。'.repeat(40) }));
    return run.events;
  },
};

/** Where events of so many bytes lie in the blob store. */
export const LARGE_FROM: Readonly<Record<string, number>> = { 'with-large-events': 600 };
