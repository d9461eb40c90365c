import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EmbedRequestSchema } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { IngestRequestSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { turnOf } from '../../test/support/turn-watch.ts';
import { validate } from './validate.ts';

const ingest = (text: string) =>
  create(IngestRequestSchema, {
    collection: 'notes',
    documents: [{ id: 'a.md', body: { case: 'text', value: text } }],
  });

test('a long text keeps its rules, and stands in its message as before', () => {
  const message = ingest('é'.repeat(4 << 20));
  validate(IngestRequestSchema, message);
  expect(message).toEqual(ingest('é'.repeat(4 << 20)));
  expect(() => validate(IngestRequestSchema, ingest(`${'é'.repeat(4 << 20)}a`))).toThrow(
    'Document.text: must be at most 8388608 bytes',
  );
});

test('what else is wrong is still found', () => {
  const message = ingest('a'.repeat(100_000));
  message.documents[0]!.id = '';
  expect(() => validate(IngestRequestSchema, message)).toThrow('documents.id');
  expect(message.documents[0]!.body.value).toHaveLength(100_000);
});

test('letters of pairs are counted once, also in a list', () => {
  const most = 32_768;
  const texts = (count: number) => create(EmbedRequestSchema, { texts: ['😀'.repeat(count)] });
  expect(() => validate(EmbedRequestSchema, texts(10 * most))).toThrow('EmbedRequest.texts: must be at most');
});

test.each(['a', '\u0301', '图', '👩‍👩‍👧‍👦', '\u202eאב'])('8 MiB of %j take no turn too long', async (one) => {
  const message = ingest(one.repeat((8 << 20) / Buffer.byteLength(one) - 1));
  validate(IngestRequestSchema, message);
  const turns = [await turnOf(() => validate(IngestRequestSchema, message))];
  turns.push(await turnOf(() => validate(IngestRequestSchema, message)));
  expect(Math.min(...turns)).toBeLessThan(50);
});
