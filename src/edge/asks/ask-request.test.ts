import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ModelInfoSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { GrantMintedSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AskRequestSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { askRecord, checkAsk, recipientsOf, sharedOf } from './ask-request.ts';

/** What the owner is shown, what the grant allows, and what the ledger says of the ask. */
function asked(model: MessageInitShape<typeof ModelInfoSchema> | undefined, named: string[] = [], shares = true) {
  const known = model && create(ModelInfoSchema, model);
  const request = create(AskRequestSchema, { text: 'q', recipients: named });
  const recipients = recipientsOf(request, known);
  const grants = shares ? [create(GrantMintedSchema, { id: 'g', run: 'r', recipients: [...recipients.granted] })] : [];
  const record = askRecord(request, { run: 'r', conversation: 'c', grants, recipients, collections: [], now: 0 });
  return {
    shown: sharedOf(grants, recipients, known, { list: [], more: 0, doubtful: [] })?.recipients,
    granted: record.ask?.shares[0]?.recipients,
    ledger: record.egress.find(({ field }) => field === 'ask.text')?.recipients,
  };
}

test('who gets a share is shown and written down as it is known, and as unknown where it is not', () => {
  expect(asked({ provider: 'openai', local: true })).toEqual({
    shown: ['openai (local)'],
    granted: ['openai'],
    ledger: ['openai'],
  });
  expect(asked(undefined)).toEqual({ shown: ['unknown (local only)'], granted: ['local'], ledger: ['unknown'] });
  expect(asked(undefined, ['local'])).toEqual({ shown: ['local'], granted: ['local'], ledger: ['local'] });
  expect(asked(undefined, [], false)).toEqual({ shown: undefined, granted: undefined, ledger: ['control'] });
});

test('property: the ledger never names a recipient that was neither told by the control plane nor by the owner', () => {
  const name = fc.constantFrom('', 'rules', 'openai', 'local', 'any', 'house');
  const model = fc.option(fc.record({ provider: name, local: fc.boolean() }), { nil: undefined });
  fc.assert(
    fc.property(model, fc.array(name, { maxLength: 4 }), (told, named) => {
      const { ledger = [] } = asked(told, named);
      const known = [...named, told?.provider].filter(Boolean);
      expect(ledger.length).toBeGreaterThan(0);
      for (const each of ledger) if (each !== 'unknown') expect(known).toContain(each);
      if (known.length === 0) expect(ledger).toEqual(['unknown']);
    }),
  );
});

const asking = (seconds: bigint, nanos = 0) => create(AskRequestSchema, { text: 'q', timeout: { seconds, nanos } });

test.each([
  [0n, 0],
  [-5n, 0],
  [-5n, 5],
  [86_400n, 1_000_000],
  [2n ** 63n - 1n, 0],
])('a timeout of %d s and %d ns is refused', (seconds, nanos) => {
  expect(() => checkAsk(asking(seconds, nanos))).toThrow(/at most a day/);
});

test('a timeout of up to a day is taken', () => {
  for (const [seconds, nanos] of [
    [0n, 1_000_000],
    [86_400n, 0],
  ] as const)
    checkAsk(asking(seconds, nanos));
});
