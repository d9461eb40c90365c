// Every error that tells what to do is in the list of remedies with the test that does it, or with why none does. A new remedy, a stale line
// and a test that was renamed fail here.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERRORS } from '../../src/base/errors.ts';
import { REMEDY_RUNS } from '../support/remedies.ts';

/** What a text has that tells a person to type a command or change a setting. */
const REMEDY =
  /`bowline |`\{command\}|BOWLINE_[A-Z]|\blimits\.|config\.yaml|\{(?:remedy|todo|command|setting|weaker)\}|(?<![\w-])--[a-z]/;

const withRemedy = Object.entries(ERRORS)
  .filter(([, { message }]) => REMEDY.test(message))
  .map(([reason]) => reason);

test('there are many of them, and a text that only states a fact is none', () => {
  expect(withRemedy.length).toBeGreaterThan(50);
  expect(withRemedy).toContain('QUEUE_FULL');
  expect(withRemedy).not.toContain('NOT_FOUND');
});

test('every error with a remedy is in the list, and nothing else is', () => {
  expect(Object.keys(REMEDY_RUNS).sort()).toEqual(withRemedy.sort());
});

test('each is run by a test that is there by this name, or has a reason', () => {
  const bad = Object.entries(REMEDY_RUNS).flatMap(([reason, run]) => {
    const [, file = '', name = ''] = /^(\S+\.test\.ts): (.+)$/.exec(run) ?? [];
    if (run.startsWith('no: ')) return run.length > 20 ? [] : [`${reason}: no reason`];
    if (!existsSync(file)) return [`${reason}: there is no ${file}`];
    const title = name.replaceAll("'", "\\'");
    return readFileSync(file, 'utf8').includes(`test('${title}'`) ? [] : [`${reason}: ${file} has no test "${name}"`];
  });
  expect(bad).toEqual([]);
});
