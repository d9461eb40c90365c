// What breaks a rule of the contract is told by the name that it has on the command line. The words are those that the validator says.
import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DeleteRequestSchema, SearchRequestSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { GetConversationRequestSchema } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { GetRunRequestSchema, AskRequestSchema as RunAskSchema } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { CreateWorkerKeyRequestSchema } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { AskRequestSchema, GrantDocumentsRequestSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { validate } from '../contract/validate.ts';
import { argumentWords, isCollectionName } from './argument-words.ts';

function told(schema: DescMessage, message: Message): string {
  try {
    validate(schema, message);
  } catch (error) {
    return argumentWords((error as Error).message);
  }
  return 'valid';
}

test.each<[DescMessage, Record<string, unknown>, RegExp]>([
  [
    DeleteRequestSchema,
    { collection: 'notes/car.txt', what: { case: 'everything', value: true } },
    /^the collection may hold only small letters/,
  ],
  [GrantDocumentsRequestSchema, { collection: '厨房', patterns: ['a'] }, /^the collection may hold only small letters/],
  [SearchRequestSchema, { query: '' }, /^the words to search for: /],
  [SearchRequestSchema, { query: 'q'.repeat(20_000) }, /^the words to search for: /],
  [AskRequestSchema, { text: 'q'.repeat(70_000) }, /^the text of the ask: /],
  [AskRequestSchema, { text: 'q', collections: Array(17).fill('a') }, /^the collections \(--in\): /],
  [AskRequestSchema, { text: 'q', conversation: 'c'.repeat(65) }, /^the conversation \(-c\): /],
  [AskRequestSchema, { text: 'q', shares: [{ pattern: 'p'.repeat(5_000) }] }, /^--share: /],
  [RunAskSchema, { text: '' }, /^the text of the ask: is missing$/],
  [GetRunRequestSchema, { id: 'r'.repeat(65) }, /^the run: must be at most 64/],
  [GetConversationRequestSchema, { id: 'r'.repeat(65) }, /^the conversation: must be at most 64/],
  [CreateWorkerKeyRequestSchema, { name: 'n'.repeat(65), packages: ['p'] }, /^the name: /],
])('%s tells its rule in words', (schema, init, words) => {
  const message = told(schema, create(schema, init as never));
  expect(message).toMatch(words);
  expect(message).not.toMatch(/bowline\.|Request|regex|_/);
});

test('other words stay as they are', () => {
  for (const each of ['there is no such run', 'bowline ask: it is late', 'see: bowline docs ls'])
    expect(argumentWords(each)).toBe(each);
  expect(isCollectionName('notes')).toBe(true);
  expect(isCollectionName('notes/car.txt')).toBe(false);
});
