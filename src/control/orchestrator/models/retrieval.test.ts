// A run with collections: they are looked into before the first model turn, and nothing else is ever looked into.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatRequestSchema, Role } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import {
  SearchRequestSchema,
  SearchResponseSchema,
} from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { CollectionUseSchema, ShareGrantSchema } from '../../../../gen/bowline/record/v1/record_pb.ts';
import { WithheldReason, WithheldSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { PlayedRun, type PlayOptions } from '../../../../test/support/play-run.ts';
import {
  deviceTools,
  failed,
  found,
  methods,
  responses,
  said,
  workerTools,
} from '../../../../test/support/run-scenario.ts';
import { validate } from '../../../contract/validate.ts';
import { runRow } from '../decide/projection.ts';
import { boundBy } from '../run/run-recipients.ts';
import { chatRequest } from './chat-request.ts';
import { judgeToolCalls } from './tool-calls.ts';

const use = (name: string, recipients: string[] = ['any']) =>
  create(CollectionUseSchema, { name, grant: `g-${name}`, recipients });

const asked = (options: PlayOptions = {}): PlayedRun =>
  new PlayedRun({
    text: 'When is the launch?',
    tools: workerTools('retrieval_search'),
    collections: [use('notes'), use('papers')],
    ...options,
  });

const textsOf = (run: PlayedRun, place: string) => {
  const request = chatRequest(run.run, `r1/${place}`, methods);
  expect(() => validate(ChatRequestSchema, request)).not.toThrow();
  return request.messages.map(({ role, parts, toolCalls }) => ({
    role,
    text: parts.map(({ part }) => (part.case === 'text' ? part.value : '')).join(''),
    calls: toolCalls.map(({ id, name, argumentsJson }) => ({ id, name, args: JSON.parse(argumentsJson) })),
  }));
};

const passage = {
  collection: 'notes',
  document: 'plans/launch.md',
  title: 'Launch',
  text: 'On Friday.',
  startLine: 3,
  endLine: 4,
};

test('the ask is looked up in the collections first, and the model reads the passages as the result of a tool', () => {
  const run = asked({ recipients: ['rules'] });
  expect([...run.run.jobs.keys()]).toEqual(['r1/0/1000']);
  const job = run.job('0/1000');
  expect(job).toMatchObject({ role: 'retrieval', target: 'worker', recipients: ['rules'] });
  expect(fromBinary(SearchRequestSchema, job.params)).toMatchObject({
    query: 'When is the launch?',
    collections: ['notes', 'papers'],
  });
  expect(run.result('0/1000', found(passage))).toEqual(['jobFinished', 'jobQueued']);
  expect(run.job('0/0')).toMatchObject({ role: 'turn', recipients: ['rules'] });
  const [system, said, call, result, ...more] = textsOf(run, '0/0');
  expect(system?.text).toContain('Collections of documents for this question: `notes`, `papers`.');
  expect(said).toMatchObject({ role: Role.USER, text: 'When is the launch?' });
  expect(call).toMatchObject({
    role: Role.ASSISTANT,
    calls: [{ name: 'retrieval_search', args: { query: 'When is the launch?', collections: ['notes', 'papers'] } }],
  });
  expect(result?.role).toBe(Role.TOOL);
  expect(JSON.parse(result!.text)).toMatchObject({ passages: [passage] });
  expect(more).toEqual([]);
});

test('a search that fails or takes too long is told to the model, and the run goes on', () => {
  const run = asked();
  const broken = failed({ reason: 'RETRIEVAL_UNAVAILABLE', code: 9, message: 'no extension' });
  expect(run.result('0/1000', broken)).toEqual(['jobFinished', 'jobQueued']);
  expect(JSON.parse(textsOf(run, '0/0')[3]!.text)).toEqual({
    error: { reason: 'RETRIEVAL_UNAVAILABLE', message: 'no extension' },
  });
  run.result('0/0', said({ text: 'I do not know.' }));
  expect(run.run).toMatchObject({ phase: 'answered', outcome: { answer: 'I do not know.', sources: [] } });
  expect(run.run.outcome?.failure).toBeUndefined();
  const slow = asked();
  expect(slow.ring('0/1000/timeout')).toEqual(['jobFinished', 'jobQueued']);
  expect(JSON.parse(textsOf(slow, '0/0')[3]!.text)).toMatchObject({ error: { reason: 'DEADLINE_EXCEEDED' } });
});

test('a file whose text a collection gave is not told as unshared; another one, and another reason, is', () => {
  const tools = [...workerTools('retrieval_search'), ...deviceTools('fs_search')];
  const run = asked({ tools });
  run.result('0/1000', found(passage));
  run.result('0/0', said({ calls: [{ name: 'fs_search', args: { terms: ['launch'] } }] }));
  const item = (name: string, why: WithheldReason = WithheldReason.NO_GRANT) =>
    create(WithheldSchema, { field: 'matches.text', name, why });
  const withheld = [item('plans/launch.md'), item('计划.md'), item('plans/launch.md', WithheldReason.CHANGED)];
  run.apply({ type: 'result', job: 'r1/0/1', epoch: 1, result: responses(new Uint8Array()), withheld });
  run.result('1/0', said({ text: 'On Friday.' }));
  expect(run.run.outcome?.withheld.map(({ name, why }) => [name, why])).toEqual([
    ['计划.md', WithheldReason.NO_GRANT],
    ['plans/launch.md', WithheldReason.CHANGED],
  ]);
});

test('when no worker can search the model is asked at once and told so', () => {
  const run = asked({ tools: [] });
  expect([...run.run.jobs.keys()]).toEqual(['r1/0/0']);
  expect(textsOf(run, '0/0')[0]?.text).toContain('could not be looked into: `notes` (RETRIEVAL_NOT_SERVED), `papers`');
});

test('a model looks only into the collections of its run; no name means all of them', () => {
  const run = asked();
  run.result('0/1000', found());
  const search = (collections?: string[]) => ({ name: 'retrieval_search', args: { query: 'x', collections } });
  run.result('0/0', said({ calls: [search(), search(['papers']), search(['papers', 'secret'])] }));
  const verdicts = judgeToolCalls(run.run, 0, methods).map(({ verdict }) =>
    verdict.ok ? fromBinary(SearchRequestSchema, verdict.params).collections : verdict.failure.reason,
  );
  expect(verdicts).toEqual([['notes', 'papers'], ['papers'], 'COLLECTION_NOT_GRANTED']);
});

test('a run without collections looks into none, even if it was offered the tool', () => {
  const run = asked({ collections: [] });
  run.result('0/0', said({ calls: [{ name: 'retrieval_search', args: { query: 'x' } }] }));
  expect(judgeToolCalls(run.run, 0, methods)[0]?.verdict).toMatchObject({
    failure: { reason: 'COLLECTION_NOT_GRANTED' },
  });
});

test('a collection that nobody may see who may see the rest is left out and named', () => {
  const shares = [create(ShareGrantSchema, { id: 's', recipients: ['rules', 'local'] })];
  const run = asked({ shares, collections: [use('a', ['openai']), use('b', ['local']), use('c', ['rules'])] });
  expect(boundBy(run.run)).toMatchObject({ recipients: ['local'], collections: [{ name: 'b' }] });
  expect(fromBinary(SearchRequestSchema, run.job('0/1000').params).collections).toEqual(['b']);
  run.result('0/1000', found());
  expect(textsOf(run, '0/0')[0]?.text).toContain(
    'could not be looked into: `a` (COLLECTION_OTHER_RECIPIENTS), `c` (COLLECTION_OTHER_RECIPIENTS). Say so.',
  );
  run.result('0/0', said({ text: 'No.' }));
  expect(run.run.outcome?.leftOut).toMatchObject([{ collection: 'a' }, { collection: 'c' }]);
});

test('a collection that a search left out, or whose search failed, is told to the model and to the owner, with why', () => {
  const other = { collection: 'papers', reason: 'COLLECTION_OTHER_MODEL', problem: 'of another model; re-embed' };
  const run = asked();
  const partly = create(SearchResponseSchema, { passages: [passage], collections: ['notes'], skipped: [other] });
  run.result('0/1000', responses(toBinary(SearchResponseSchema, partly)));
  expect(textsOf(run, '0/0')[0]?.text).toContain(
    'could not be looked into: `papers` (COLLECTION_OTHER_MODEL). Say so.',
  );
  run.result('0/0', said({ text: 'On Friday.' }));
  expect(run.run.outcome?.leftOut).toMatchObject([other]);
  expect(runRow(run.run).leftOut).toEqual([other]);

  const broken = asked();
  broken.result('0/1000', failed({ reason: 'RETRIEVAL_UNAVAILABLE', code: 9, message: 'no extension' }));
  expect(textsOf(broken, '0/0')[0]?.text).toContain(
    '`notes` (RETRIEVAL_UNAVAILABLE), `papers` (RETRIEVAL_UNAVAILABLE)',
  );
  broken.result('0/0', said({ text: 'I do not know.' }));
  expect(broken.run.outcome?.leftOut).toMatchObject([
    { collection: 'notes', reason: 'RETRIEVAL_UNAVAILABLE', problem: 'no extension' },
    { collection: 'papers' },
  ]);
});

test('of collections that are not there each is told by its own name, also where the error of their search names one', () => {
  const run = asked();
  const collection = 'notes';
  const failure = {
    reason: 'COLLECTION_UNKNOWN',
    code: 5,
    message: 'there is no collection named notes',
    metadata: { collection },
  };
  run.result('0/1000', failed(failure));
  run.result('0/0', said({ text: 'I do not know.' }));
  for (const [at, name] of ['notes', 'papers'].entries())
    expect(run.run.outcome?.leftOut[at]).toMatchObject({
      collection: name,
      reason: 'COLLECTION_ONLY_GRANTED',
      problem: expect.stringMatching(`no collection named ${name},.*bowline docs rm ${name}\``),
    });
});

test('what a later search looked into is not left out', () => {
  const run = asked();
  run.result('0/1000', failed({ reason: 'RETRIEVAL_UNAVAILABLE', code: 9, message: 'no extension' }));
  run.result('0/0', said({ calls: [{ name: 'retrieval_search', args: { query: 'x' } }] }));
  const late = create(SearchResponseSchema, { collections: ['notes', 'papers'] });
  run.result('0/1', responses(toBinary(SearchResponseSchema, late)));
  expect(textsOf(run, '1/0')[0]?.text).not.toContain('could not be looked into');
  run.result('1/0', said({ text: 'Nothing.' }));
  expect(run.run.outcome?.leftOut).toEqual([]);
});

test('an answer that cites nothing rests on the passages whose document it names, and on nothing else', () => {
  const passages = [
    passage,
    { ...passage, startLine: 9, endLine: 9 },
    { collection: 'papers', document: 'other.md', title: 'Other' },
    { collection: 'papers', document: 'x', title: 'On' },
    { collection: 'papers', document: 'launch.m', title: '' },
  ];
  const run = asked();
  run.result('0/1000', found(...passages));
  run.result('0/0', said({ text: 'On Friday (plans/launch.md:3).' }));
  expect(run.run.outcome?.sources).toMatchObject([
    { path: 'plans/launch.md', collection: 'notes', startLine: 3, endLine: 4 },
    { path: 'plans/launch.md', startLine: 9 },
  ]);
  const silent = asked();
  silent.result('0/1000', found(...passages));
  silent.result('0/0', said({ text: 'It will be on Friday.' }));
  expect(silent.run.outcome?.sources).toEqual([]);
});

test('an ask longer than a query is cut between two characters', () => {
  const run = asked({ text: '北'.repeat(10_000) });
  const { query } = fromBinary(SearchRequestSchema, run.job('0/1000').params);
  expect(query).toBe('北'.repeat(2730));
});

test('what the search calls sees the ask, and is bound by the collections and not by what is shared beside them', () => {
  const EMBED = methods.resolve('embed_embed').fullName;
  const call = (run: PlayedRun) => {
    run.apply({
      type: 'childCall',
      job: 'r1/0/1000',
      epoch: 1,
      number: 1,
      method: EMBED,
      params: new Uint8Array(),
      selector: {},
    });
    return run.job('0/1001').recipients;
  };
  const shares = [create(ShareGrantSchema, { id: 's', recipients: ['rules'] })];
  const local = [use('notes', ['rules', 'local'])];
  expect(call(asked({ shares, collections: local, recipients: ['rules'] }))).toEqual(['rules', 'local']);
  const openai = [use('notes', ['rules', 'openai']), use('papers', ['local'])];
  expect(call(asked({ shares, collections: openai, recipients: ['rules'] }))).toEqual(['rules', 'openai']);
});
