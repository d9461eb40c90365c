import { expect, test } from 'vitest';
import { JsonMeter, jsonProblem } from './json-meter.ts';

const bounds = { letters: 1000, values: 10, depth: 3 };

test('counts values and depth, and nothing within texts', () => {
  expect(jsonProblem('[1,2,3,4,5,6,7,8]', bounds)).toBeUndefined();
  expect(jsonProblem('[1,2,3,4,5,6,7,8,9,10,11]', bounds)).toBe('more than 10 values');
  expect(jsonProblem('{"a":1,"b":2,"c":3,"d":4,"e":5}', bounds)).toBe('more than 10 values');
  expect(jsonProblem('[[[1]]]', bounds)).toBeUndefined();
  expect(jsonProblem('[[[[', bounds)).toBe('more than 3 lists in each other');
  expect(jsonProblem(`["${'[,:'.repeat(50)}","\\"[[[[,,,,,,,,,,,,"]`, bounds)).toBeUndefined();
  expect(jsonProblem(`"${'a'.repeat(1000)}"`, bounds)).toBe('more than 1000 letters');
});

test('a text in pieces is the same text, wherever it is cut', () => {
  for (const text of ['["\\\\",[[1]],"\\"[["]', '["\\"",[[[1]]]]', '{"a":"\\\\\\"[[[["}']) {
    for (let cut = 0; cut <= text.length; cut++) {
      const meter = new JsonMeter(bounds);
      const problem = meter.push(text.slice(0, cut)) ?? meter.push(text.slice(cut));
      expect(problem).toBe(jsonProblem(text, bounds));
    }
  }
});

test('digits in a row are bounded, in texts too and however they are written', () => {
  const wide = { letters: 1 << 20, values: 10, depth: 3 };
  const nines = '9'.repeat(10_001);
  const escaped = '\\u0039'.repeat(10_001);
  for (const text of [
    nines,
    `"${nines}"`,
    `"  -${nines}"`,
    `"${escaped}"`,
    `"${`${'9'.repeat(5000)}\\u0039`.repeat(3)}"`,
  ]) {
    expect(jsonProblem(text, wide)).toBe('more than 10000 digits in a row');
  }
  const ten = '9'.repeat(10_000);
  for (const text of [
    `"${ten}"`,
    `"${ten}a${ten}"`,
    `"${ten}\\n${ten}"`,
    `"${ten}\\u0041${ten}"`,
    `["${ten}","${ten}"]`,
  ]) {
    expect(jsonProblem(text, wide)).toBeUndefined();
  }
  for (let cut = 0; cut < 14; cut++) {
    const meter = new JsonMeter(wide);
    const text = `"${escaped}"`;
    expect(meter.push(text.slice(0, cut)) ?? meter.push(text.slice(cut))).toBe('more than 10000 digits in a row');
  }
});
