// The header of callers: read by its rules, and left out where it breaks them.
import { expect, test } from 'vitest';
import { parseTraceParent, traceParentText, traceResponse } from './trace-parent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test.each([
  [`00-${TRACE}-${SPAN}-01`],
  [`00-${TRACE}-${SPAN}-00`],
  [` 00-${TRACE}-${SPAN}-01 `],
  [`cc-${TRACE}-${SPAN}-01-what-comes-later`],
])('%s is read', (text) => {
  expect(parseTraceParent(text)).toEqual({ trace: TRACE, id: SPAN });
});

test.each([
  [null],
  [''],
  [`ff-${TRACE}-${SPAN}-01`],
  [`00-${TRACE}-${SPAN}-01-more`],
  [`00-${'0'.repeat(32)}-${SPAN}-01`],
  [`00-${TRACE}-${'0'.repeat(16)}-01`],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`],
  [`00-${TRACE}-${SPAN}`],
  ['秘密'],
])('%s is as good as none', (text) => {
  expect(parseTraceParent(text)).toBeUndefined();
});

test('a caller is told the trace of its run in the same form', () => {
  const told = traceResponse('0197a6c0-0000-7000-8000-000000000001');
  const span = parseTraceParent(told);
  expect(span?.trace).toBe('0197a6c0000070008000000000000001');
  expect(span && traceParentText(span)).toBe(told);
});
