// Events of an answer, however a server parts them.
import { expect, test } from 'vitest';
import { EventReader } from './sse-events.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test.each(['\n\n', '\r\n\r\n', '\r\r', '\n', '\r\n'])(
  'events parted by %j come one by one, wherever they are cut',
  (gap) => {
    const text = ['data: {"a":1}', ': a comment', 'data: {"b":[1,2]}', 'data: [DONE]', ''].join(gap);
    for (let cut = 0; cut <= text.length; cut++) {
      const reader = new EventReader('p');
      const events = [
        ...reader.push(bytes(text.slice(0, cut))),
        ...reader.push(bytes(text.slice(cut))),
        ...reader.end(),
      ];
      expect(events).toEqual(['{"a":1}', '{"b":[1,2]}', '[DONE]']);
    }
  },
);

test('one event over several lines stays one', () => {
  const reader = new EventReader('p');
  const events = reader.push(bytes('data: {"a":\ndata: {"b":1},\ndata: "c":2}\n\ndata: plain\ndata: text\n\n'));
  expect(events).toEqual(['{"a":\n{"b":1},\n"c":2}', 'plain\ntext']);
});

test('a long answer whose events no empty line parts is not one event beyond the bounds', () => {
  const reader = new EventReader('p');
  const line = 'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n';
  let events = 0;
  for (let n = 0; n < 10_000; n++) events += reader.push(bytes(line)).length;
  expect(events + reader.end().length).toBe(10_000);
});

test('one event beyond what one turn can parse ends the answer', () => {
  const reader = new EventReader('p');
  expect(() => reader.push(bytes(`data: [${'1,'.repeat(20_000)}1]\n\n`))).toThrow('more than 20000 values');
});
