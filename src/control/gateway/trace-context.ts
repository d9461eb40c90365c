// W3C's Trace Context at the port: the span of whoever calls, and the trace that its run has, told before anything else of the answer.
import type { HandlerContext } from '@connectrpc/connect';
import { parseTraceParent, TRACE_HEADERS, traceParentText, traceResponse } from '../../base/telemetry/trace-parent.ts';

/** The span that calls; empty for none. */
export function traceParentOf({ requestHeader }: Pick<HandlerContext, 'requestHeader'>): string {
  const caller = parseTraceParent(requestHeader.get(TRACE_HEADERS.parent));
  return caller ? traceParentText(caller) : '';
}

export function tellTrace({ responseHeader }: Pick<HandlerContext, 'responseHeader'>, run: string): void {
  responseHeader.set(TRACE_HEADERS.response, traceResponse(run));
}
