// A request as its owner is shown it, made from exactly what is sent; secrets stand there by their handles.
import { createHash } from 'node:crypto';
import { create, equals } from '@bufbuild/protobuf';
import {
  type Effect as ApprovalEffect,
  EffectSchema as ApprovalEffectSchema,
  HttpEffectSchema,
} from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import type { AllowedUrl } from '../../allowlist/judge-lan-url.ts';
import type { LanEntry, LanMethod } from '../../config/lan-entry.ts';
import { textBeginning } from '../text-beginning.ts';

/** Of a body, what is shown. */
const BODY_BYTES = 1 << 10;

/** A request that was judged, ready but for its address and the values of its secrets. */
export interface PlannedRequest extends AllowedUrl {
  readonly method: LanMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** All headers that are sent, secrets by their handles. */
export function headersOf(entry: LanEntry, body: Buffer | undefined, type: string): Record<string, string> {
  return {
    // As a URL has it: without the usual port, and IPv6 in brackets.
    host: new URL(entry.origin).host,
    'user-agent': 'bowline',
    'accept-encoding': 'identity',
    ...(body && { 'content-type': type, 'content-length': String(body.length) }),
    ...Object.fromEntries(Object.entries(entry.headers).map(([name, value]) => [name.toLowerCase(), value])),
  };
}

export function httpEffect(planned: PlannedRequest, address: string): ApprovalEffect {
  const { entry, method, target, path, query, headers, body } = planned;
  const value = create(HttpEffectSchema, {
    method,
    entry: entry.name,
    scheme: entry.scheme,
    host: entry.host,
    address,
    port: entry.port,
    path,
    query: [...query],
    target,
    headers: Object.entries(headers).map(([name, text]) => `${name}: ${text}`),
    proof: proofOf(entry),
    ...(body && {
      body: textBeginning(body, BODY_BYTES),
      bodyBytes: BigInt(body.length),
      bodySha256: createHash('sha256').update(body).digest(),
    }),
  });
  return create(ApprovalEffectSchema, { effect: { case: 'http', value } });
}

/** Whether a request is what was shown. */
export const isRequestShown = (now: ApprovalEffect, shown: ApprovalEffect): boolean =>
  equals(ApprovalEffectSchema, now, shown);

function proofOf({ scheme, ca, pin }: LanEntry): string {
  if (scheme === 'http') return '';
  if (pin !== undefined) return `its own certificate, sha256 ${pin.slice(0, 12)}`;
  return ca === undefined ? 'a certificate that this machine trusts' : `a certificate by ${ca}`;
}
