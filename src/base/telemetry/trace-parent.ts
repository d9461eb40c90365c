// W3C's Trace Context: who called, as a header says it, and what the caller is told of our trace.
import { type ForeignSpan, runSpan, traceOf } from './span-data.ts';

export const TRACE_HEADERS = { parent: 'traceparent', response: 'traceresponse' } as const;

/** The span that a header names; undefined for none, and for one that breaks its rules, which is as good as none. */
export function parseTraceParent(text: string | null): ForeignSpan | undefined {
  const [version = '', trace = '', id = '', flags = '', ...more] = (text ?? '').trim().split('-', 5);
  // A later version may have more at its end.
  if (!/^[0-9a-f]{2}$/.test(version) || version === 'ff' || (version === '00' && more.length > 0)) return undefined;
  if (!/^[0-9a-f]{32}$/.test(trace) || !/^[0-9a-f]{16}$/.test(id) || !/^[0-9a-f]{2}$/.test(flags)) return undefined;
  return /[^0]/.test(trace) && /[^0]/.test(id) ? { trace, id } : undefined;
}

/** As it is written down: the newest version that is known here. */
export const traceParentText = ({ trace, id }: ForeignSpan): string => `00-${trace}-${id}-01`;

/** What a caller is told: the trace of its run, and the span of that. */
export const traceResponse = (run: string): string => traceParentText({ trace: traceOf(run), id: runSpan(run) });
