import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { TurnSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { ShareGrantSchema } from '../../../../gen/bowline/record/v1/record_pb.ts';
import { HistoryDraft, type PastTurn } from '../models/history.ts';
import { recipientsOfShares } from './run-recipients.ts';

const share = (...recipients: string[]) => create(ShareGrantSchema, { recipients });

test('all grants bind a run; any and none bind nothing; without a common recipient the first grant counts', () => {
  expect(recipientsOfShares([])).toEqual([]);
  expect(recipientsOfShares([share('any'), share('any')])).toEqual([]);
  for (const nobody of [share(), share('')]) expect(recipientsOfShares([share('any'), nobody])).toEqual(['local']);
  expect(recipientsOfShares([share('any'), share('local', 'openai')])).toEqual(['local', 'openai']);
  expect(recipientsOfShares([share('rules', 'openai'), share('openai')])).toEqual(['openai']);
  expect(recipientsOfShares([share('rules'), share('openai')])).toEqual(['rules']);
});

const past = (name: string, chars: number, ...recipients: string[]): PastTurn => ({
  turn: create(TurnSchema, { run: name, text: '', answer: name.padEnd(chars, '.') }),
  recipients,
});

test('history keeps the newest turns that fit, oldest first', () => {
  const draft = new HistoryDraft({ historyTurns: 3, historyChars: 100 }, []);
  expect(['d', 'c', 'b', 'a'].map((name) => draft.add(past(name, 40)))).toEqual([true, true, false, false]);
  expect(draft.finish().turns.map(({ run }) => run)).toEqual(['c', 'd']);
});

test('a turn for other recipients is left out, and one that fits binds the run', () => {
  const draft = new HistoryDraft({ historyTurns: 9, historyChars: 100 }, []);
  for (const each of [past('c', 1), past('b', 1, 'rules'), past('a', 1, 'openai')]) draft.add(each);
  expect(draft.finish()).toMatchObject({ turns: [{ run: 'b' }, { run: 'c' }], recipients: ['rules'] });
});
