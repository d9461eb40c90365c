import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { FailureSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { filledError } from '../../test/support/filled-error.ts';
import { AppError } from '../base/errors.ts';
import { EXIT } from '../base/status-codes.ts';
import { fromConnectError, fromFailure, toConnectError, toFailure } from './errors.ts';

test('an error that crossed the wire has the exit code and retryability of the table', () => {
  for (const reason of ['QUEUE_FULL', 'NOT_FOUND', 'STORE_BUSY', 'SHARE_NO_MATCH', 'SUPERSEDED'] as const) {
    const sent = filledError(reason);
    const { exit, retryable, code, message } = sent;
    expect(fromConnectError(toConnectError(sent))).toMatchObject({ reason, exit, retryable, code, message });
    expect(fromFailure(toFailure(sent))).toMatchObject({ reason, exit, retryable, code, message });
  }
});

test('a connection that broke off is told as that, and is no fault inside the other side', () => {
  const broken = fromConnectError(new ConnectError('protocol error: missing status', Code.Internal));
  expect(broken).toMatchObject({
    reason: 'UNAVAILABLE',
    code: 'unavailable',
    message: 'the connection broke off in the middle',
  });
  const said = new ConnectError('protocol error: received extra trailer', Code.InvalidArgument);
  expect(fromConnectError(said)).toMatchObject({ reason: 'INVALID_ARGUMENT', message: said.rawMessage });
});

test('a reason of a newer peer keeps its words, and its exit code follows its code', () => {
  const newer = new AppError({ reason: 'BRAND_NEW', code: 'permission_denied', retryable: false, message: 'no' });
  expect(fromConnectError(toConnectError(newer))).toMatchObject({
    reason: 'BRAND_NEW',
    message: 'no',
    exit: EXIT.refused,
  });
});

test('braces that are part of a text stay in it, also where its values were left out', () => {
  const told = new AppError('COMMAND_NOT_ALLOWED').message;
  expect(told).toMatch(/\{word\} takes only .* \{path\} only paths/);
  expect(fromFailure(create(FailureSchema, { reason: 'COMMAND_NOT_ALLOWED' })).message).toBe(told);
});

test('what is not allowed names the list that would allow it, for reads and for writes', () => {
  const { message } = fromFailure(create(FailureSchema, { reason: 'PATH_NOT_ALLOWED' }));
  expect(message).toMatch(/To read it, .*allow\.read .* To write it, .*allow\.write/);
});

/** Where an edge throws what may end a call; of that, only the reason leaves the device. */
const ROOMS = ['runner', 'tools', 'files', 'allowlist', 'grants', 'egress'].map((room) => join('src/edge', room));

test('a text whose values stayed on the device is still a sentence', () => {
  const thrown = ROOMS.flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .flatMap((file) => [...readFileSync(join(room, file), 'utf8').matchAll(/AppError\('([A-Z_]+)'/g)]),
  ).map(([, reason]) => reason!);
  expect(thrown.length).toBeGreaterThan(30);
  for (const reason of new Set([...thrown, 'INTERNAL', 'LIMIT_EXCEEDED', 'DISK_FULL', 'JOURNAL_FULL', 'LEDGER_FULL'])) {
    const { message } = fromFailure(create(FailureSchema, { reason }));
    expect(message.replace(/\{(word|path|int)\}/g, ''), reason).not.toMatch(/[…{}]/);
  }
});

/** What a job or a run may end with: of that only the reason is recorded. */
test.each([
  'ATTEMPTS_LOST',
  'EDGE_ENDED_AT_CALL',
  'OUTCOME_UNKNOWN',
  'DEVICE_OFFLINE',
  'DEVICE_LACKS_METHOD',
  'TOOL_NOT_OFFERED',
  'TAINT_PRIVATE',
  'TAINT_UNTRUSTED',
  'COLLECTION_NOT_GRANTED',
  'COLLECTION_OTHER_RECIPIENTS',
  'CHILD_REFUSED',
  'DEADLINE_EXCEEDED',
  'MODEL_OUTPUT_INVALID',
])('%s reads well without its values', (reason) => {
  const { message } = fromFailure(create(FailureSchema, { reason, code: 2 }));
  expect(message).not.toContain('…');
});
