// The flows of docs/architecture.md: each stop is a file that exists and stands once, and the table counts what is listed.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const page = readFileSync('docs/architecture.md', 'utf8');
const section = page.slice(page.indexOf('## Three flows'), page.indexOf('## What is committed when'));

interface Flow {
  readonly stops: readonly string[];
  readonly numbers: readonly number[];
  readonly turns: number;
}

/** By heading: the numbered list behind it. */
function flows(text: string): Map<string, Flow> {
  return new Map(
    text
      .split('\n### ')
      .slice(1)
      .map((part) => {
        const lines = [...part.matchAll(/^(\d+)\. `([^`]+)`: .+$/gm)];
        const flow = {
          stops: lines.map(([, , file = '']) => file),
          numbers: lines.map(([, number]) => Number(number)),
          turns: lines.filter(([line]) => line.includes('*Turn back.*')).length,
        };
        return [part.slice(0, part.indexOf('\n')).toLowerCase(), flow];
      }),
  );
}

/** By flow: files before, files now, turns back before, turns back now. */
function table(text: string): Map<string, number[]> {
  const rows = [...text.matchAll(/^\| ([^|]+?) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$/gm)];
  return new Map(rows.map(([, flow = '', ...counts]) => [flow, counts.map(Number)]));
}

test('three flows are written down', () => {
  expect([...flows(section).keys()]).toEqual(["an ask's words", "a tool call's parameters", 'a token']);
  expect([...table(section).keys()]).toEqual([...flows(section).keys()]);
});

test.each([...flows(section)])('%s: every stop exists and stands once, and the table counts them', (name, flow) => {
  expect(flow.stops.filter((file) => !existsSync(file))).toEqual([]);
  expect(new Set(flow.stops).size).toBe(flow.stops.length);
  expect(flow.numbers).toEqual(flow.stops.map((_, at) => at + 1));
  const [before = 0, now, turnsBefore = 0, turns] = table(section).get(name) ?? [];
  expect([now, turns]).toEqual([flow.stops.length, flow.turns]);
  expect(flow.stops.length).toBeLessThan(before);
  expect(flow.turns).toBeLessThan(turnsBefore);
});
