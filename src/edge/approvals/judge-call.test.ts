import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EffectSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { Confirmation } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { approvalDigest } from './approval-digest.ts';
import { type CallFacts, judgeCall } from './judge-call.ts';

const UNSPECIFIED = Confirmation.UNSPECIFIED;
const judged = (confirm: 'never' | 'first' | 'always', more: Partial<CallFacts> = {}) => {
  const change = { entry: 'write a', confirm };
  const judgement = judgeCall({ change, confirmation: UNSPECIFIED, taints: [], allowed: undefined, ...more });
  return judgement.kind === 'ask' ? `ask ${judgement.cover}` : judgement.kind;
};

test('an entry asks as it says, and answers of the run cover it as far as they reach', () => {
  const told = (allowed: CallFacts['allowed']) =>
    (['never', 'first', 'always'] as const).map((one) => judged(one, { allowed }));
  expect(told(undefined)).toEqual(['run', 'ask first', 'ask run']);
  expect(told('once')).toEqual(['run', 'run', 'ask run']);
  expect(told('run')).toEqual(['run', 'run', 'run']);
});

test('after foreign bytes, and where the control plane wants it, nothing that was said before covers a call', () => {
  const facts: Partial<CallFacts>[] = [
    { taints: [Taint.UNTRUSTED] },
    { taints: [Taint.PRIVATE, Taint.UNTRUSTED] },
    { taints: [Taint.UNSPECIFIED] },
    { taints: [99 as Taint] },
    { confirmation: Confirmation.ALWAYS },
    { confirmation: 99 as Confirmation },
  ];
  for (const one of facts)
    for (const allowed of [undefined, 'once', 'run'] as const)
      for (const confirm of ['never', 'first', 'always'] as const)
        for (const granted of [false, true]) expect(judged(confirm, { ...one, allowed, granted })).toBe('ask none');
  expect(judged('never', { taints: [Taint.NONE, Taint.PRIVATE] })).toBe('run');
});

test('a lasting grant stands for what an answer for the run could stand for, and for nothing else', () => {
  for (const confirm of ['never', 'first', 'always'] as const) expect(judged(confirm, { granted: true })).toBe('run');
  expect(judged('always', { granted: false })).toBe('ask run');
});

test('a call that changes nothing runs, and is refused where it is to be asked about', () => {
  const call = { change: undefined, taints: [Taint.UNTRUSTED], allowed: undefined };
  expect(judgeCall({ ...call, confirmation: UNSPECIFIED })).toEqual({ kind: 'run', unasked: '' });
  expect(judgeCall({ ...call, confirmation: Confirmation.ALWAYS })).toMatchObject({
    kind: 'refuse',
    why: { reason: 'CONFIRMATION_NEEDED' },
  });
});

test('no two calls have one digest: a byte that moves from one part to the next is another call', () => {
  const effect = create(EffectSchema, { effect: { case: 'file', value: { path: 'a' } } });
  const parts = fc.tuple(fc.string(), fc.string(), fc.string());
  const digest = ([run, job, method]: [string, string, string], path = 'a', params = new Uint8Array([1])) => {
    const shown = create(EffectSchema, { effect: { case: 'file', value: { path } } });
    return Buffer.from(approvalDigest({ run, job, method, params }, shown)).toString('hex');
  };
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(digest(a) === digest(b)).toBe(a.join('\0') === b.join('\0'));
    }),
  );
  expect(digest(['ab', 'c', 'd'])).not.toBe(digest(['a', 'bc', 'd']));
  const one: [string, string, string] = ['r', 'j', 'm'];
  expect(digest(one)).toBe(
    Buffer.from(approvalDigest({ run: 'r', job: 'j', method: 'm', params: new Uint8Array([1]) }, effect)).toString(
      'hex',
    ),
  );
  expect(new Set([digest(one), digest(one, 'b'), digest(one, 'a', new Uint8Array([2]))]).size).toBe(3);
});
