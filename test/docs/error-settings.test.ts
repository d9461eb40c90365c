// Whatever an error advises to raise or to set is there to be raised or set; a limit that no setting moves says that it is fixed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isOtherName } from '../../src/base/env-names.ts';
import { ERRORS } from '../../src/base/errors.ts';
import { namesOf } from '../../src/base/settings/setting-text.ts';
import { CONTROL_TABLE } from '../../src/control/settings.ts';
import { EDGE_TABLE } from '../../src/edge/config/edge-settings.ts';
import { WORKER_TABLE } from '../../src/worker/program/settings.ts';

const ROOT = join(import.meta.dirname, '../..');
const environment = new Set([CONTROL_TABLE, WORKER_TABLE, EDGE_TABLE].flatMap((table) => namesOf(table)));
const device = new Set<string>(Object.values(EDGE_TABLE.rows).map(({ key }) => key));
const isSetting = (name: string) => environment.has(name) || device.has(name);

/** Names in a text that look like those of settings. */
const namesIn = (text: string): string[] =>
  text.match(
    /\bBOWLINE_[A-Z0-9_]*[A-Z0-9]\b|\blimits\.[a-z]+_[a-z_]+\b|\blimits\.(?:parallel|queue|asks|clients)\b/g,
  ) ?? [];

/** Rows that speak of a limit which is neither a setting of ours nor a number of ours, and what to do is said. */
const OTHERS: Readonly<Record<string, RegExp>> = {
  CONTEXT_TOO_LONG: /larger model/,
  ANSWER_CUT: /ask it to go on/,
  ASK_COST_MET: /a larger `--max-cost`/,
  BUDGET_EXCEEDED: /bowline budgets set/,
  BUDGET_LOW: /bowline budgets set/,
};

test.each(
  Object.entries(ERRORS).filter(([, { message }]) =>
    /\b(raise|limits?|at most|too (?:large|many|long|much)|(?:larger|longer|more) than|as (?:many|much) as)\b/.test(
      message,
    ),
  ),
)('%s says which setting moves its limit, or that it is fixed', (reason, { message }) => {
  if (OTHERS[reason]) return expect(message).toMatch(OTHERS[reason]);
  const told = message.includes('{setting}') || message.includes('fixed') || namesIn(message).some(isSetting);
  expect(told, message).toBe(true);
});

test('every name of a setting that a text of src/ says is one', () => {
  const wrong = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ts$/.test(file) && !/\.test\.ts$/.test(file))
    .flatMap((file) =>
      namesIn(readFileSync(join(ROOT, 'src', file), 'utf8'))
        .filter((name) => !isSetting(name) && !isOtherName(name))
        .map((name) => `src/${file}: ${name}`),
    );
  expect(wrong).toEqual([]);
});
