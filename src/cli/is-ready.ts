// Whether a control plane is ready, as it says to everybody (grpc.health.v1). It needs no key, and none is sent.
import { createClient } from '@connectrpc/connect';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '../../gen/grpc/health/v1/health_pb.ts';
import { causeText } from '../base/cause-text.ts';
import { dialOpen } from '../contract/channel/dial-open.ts';
import { H2Sessions } from '../contract/h2-sessions.ts';
import { measuredTransport } from '../contract/measured-transport.ts';

/** The answer is one word. */
const MAX_ANSWER_BYTES = 64 << 10;

export interface Verdict {
  readonly ok: boolean;
  readonly what: string;
}

export async function isReady(baseUrl: string, timeoutMs: number): Promise<Verdict & { readonly answered: boolean }> {
  const sessionManager = new H2Sessions(baseUrl, { dial: dialOpen(baseUrl) });
  try {
    const transport = measuredTransport({ baseUrl, sessionManager, readMaxBytes: MAX_ANSWER_BYTES });
    const { status } = await createClient(Health, transport).check({}, { timeoutMs });
    const ok = status === Serving.SERVING;
    return { ok, answered: true, what: ok ? `${baseUrl} is ready` : `${baseUrl} is not ready` };
  } catch (error) {
    const why = causeText(error);
    return { ok: false, answered: false, what: `${baseUrl} did not answer: ${why}` };
  } finally {
    sessionManager.abort();
  }
}
