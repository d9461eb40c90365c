// Seventy-five questions about a messy folder, asked of the real programs with the built-in rules.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { askFolder } from '../support/answers/ask-folder.ts';
import { scoreText } from '../support/answers/ask-questions.ts';
import { Stack } from '../support/stack.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 180_000 });

let stack: Stack;
beforeAll(async () => {
  stack = await Stack.create();
});
afterAll(() => stack?.close());

test('at least 57 of 60 questions, and as many of the further ones, are answered rightly; none claims absence wrongly, none shares what was not named', async () => {
  const judged = await askFolder(stack);
  const text = scoreText(judged);
  expect(judged.length).toBeGreaterThan(60);
  expect(
    judged.filter(({ wrongAbsence }) => wrongAbsence).map(({ question }) => question.text),
    text,
  ).toEqual([]);
  expect(
    judged.flatMap(({ leaked }) => leaked),
    text,
  ).toEqual([]);
  expect(judged.filter(({ faults }) => faults.length === 0).length, text).toBeGreaterThanOrEqual(
    (judged.length * 57) / 60,
  );
  if (process.env.SHOW_SCORE) console.log(text);
});
