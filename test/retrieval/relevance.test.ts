// The floor of relevance, by questions that documents answer and questions that they do not.
import { expect, test, vi } from 'vitest';
import { scoreDocuments } from '../support/answers/score-documents.ts';

vi.setConfig({ testTimeout: 120_000 });

test('what documents answer is found, mostly first, and of what they do not answer nearly nothing', async () => {
  const { recall, precision, refusals, wrong } = await scoreDocuments();
  const list = wrong.join('\n');
  expect(recall, list).toBeGreaterThanOrEqual(0.95);
  expect(precision, list).toBeGreaterThanOrEqual(0.85);
  expect(refusals, list).toBeGreaterThanOrEqual(0.9);
});
