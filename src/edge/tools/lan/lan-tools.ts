// The tools of `bowline.capability.lan.v1`: requests that an entry of config.yaml permits, to the address that its name stands for.
import { create } from '@bufbuild/protobuf';
import type { Effect as ApprovalEffect } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  BodyType,
  type GetRequest,
  GetResponseSchema,
  type LanAnswer,
  LanService,
  SendMethod,
  type SendRequest,
  SendResponseSchema,
} from '../../../../gen/bowline/capability/lan/v1/lan_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { headerSecret, type LanEntry, type LanMethod } from '../../config/lan-entry.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { connectTo } from './connect.ts';
import { findAddress } from './find-address.ts';
import { headersOf, httpEffect, isRequestShown, type PlannedRequest } from './http-effect.ts';
import { hostOrigin, lanAnswer } from './lan-answer.ts';
import { type HttpAnswer, lanExchange } from './lan-exchange.ts';

export const lanTools = (parts: ToolParts): EdgeTool[] => [getTool(parts), sendTool(parts)];

function getTool(parts: ToolParts): EdgeTool {
  return {
    method: LanService.method.get,
    prepare(message, call) {
      const { url, query } = message as GetRequest;
      const allowed = parts.allow.judgeUrl({ url, query, method: 'GET', acts: false });
      const planned: PlannedRequest = {
        ...allowed,
        method: 'GET',
        headers: headersOf(allowed.entry, undefined, ''),
        body: undefined,
      };
      return {
        work: async (emit) => {
          const answer = await inTime(parts, allowed.entry, call.signal, (signal) => ask(parts, planned, signal));
          await emit(create(GetResponseSchema, { answer: told(parts, allowed.entry, call, answer) }), 'soon');
        },
      };
    },
  };
}

const METHODS: ReadonlyMap<SendMethod, LanMethod> = new Map([
  [SendMethod.PUT, 'PUT'],
  [SendMethod.PATCH, 'PATCH'],
  [SendMethod.DELETE, 'DELETE'],
  [SendMethod.GET, 'GET'],
]);

function sendTool(parts: ToolParts): EdgeTool {
  return {
    method: LanService.method.send,
    prepare(message, call) {
      const request = message as SendRequest;
      const { url, query } = request;
      const method = METHODS.get(request.method) ?? 'POST';
      const allowed = parts.allow.judgeUrl({ url, query, method, acts: true });
      const body = bodyOf(request, method);
      const { entry } = allowed;
      const planned: PlannedRequest = { ...allowed, method, headers: headersOf(entry, body, mediaOf(request)), body };
      const show = async (signal: AbortSignal, before?: string) =>
        httpEffect(planned, await findAddress(entry, parts.lookUp, signal, before));
      return {
        change: {
          entry: `${method} ${entry.name}`,
          confirm: entry.confirm,
          show: () => inTime(parts, entry, call.signal, (signal) => show(signal)),
        },
        work: async (emit, shown) => {
          const answer = await inTime(parts, entry, call.signal, async (signal) => {
            const before = shown && addressIn(shown);
            if (shown && !isRequestShown(await show(signal, before), shown)) throw new AppError('APPROVAL_CHANGED');
            return ask(parts, planned, signal, before);
          });
          await emit(create(SendResponseSchema, { answer: told(parts, entry, call, answer) }), 'soon');
        },
      };
    },
  };
}

/** @throws APPROVAL_CHANGED */
function addressIn({ effect }: ApprovalEffect): string {
  if (effect.case !== 'http') throw new AppError('APPROVAL_CHANGED');
  return effect.value.address;
}

/** @throws INVALID_ARGUMENT */
function bodyOf({ body, type }: SendRequest, method: LanMethod): Buffer | undefined {
  if (body === '') return undefined;
  if (method === 'GET') throw new AppError('INVALID_ARGUMENT', { what: 'a GET has no body' });
  if (type === BodyType.UNSPECIFIED || type === BodyType.JSON) {
    try {
      JSON.parse(body);
    } catch (cause) {
      throw new AppError('INVALID_ARGUMENT', { what: 'the body is no JSON; say what it is by `type`' }, { cause });
    }
  }
  return Buffer.from(body);
}

function mediaOf({ type }: SendRequest): string {
  if (type === BodyType.TEXT) return 'text/plain; charset=utf-8';
  return type === BodyType.FORM ? 'application/x-www-form-urlencoded' : 'application/json';
}

function told({ secrets }: ToolParts, entry: LanEntry, { origins }: ToolCallContext, answer: HttpAnswer): LanAnswer {
  return origins.set(lanAnswer(entry, answer, secrets.masker), hostOrigin(entry));
}

/**
 * One request, to the address that was shown or else to the one that is found.
 * @throws what keeps it from being sent; once it may have reached its server OUTCOME_UNKNOWN for what changes something
 */
async function ask(
  parts: ToolParts,
  planned: PlannedRequest,
  signal: AbortSignal,
  shown?: string,
): Promise<HttpAnswer> {
  const { entry, method, target, body } = planned;
  const address = shown ?? (await findAddress(entry, parts.lookUp, signal));
  const headers = withSecrets(parts, planned);
  const socket = await connectTo(entry, address, signal);
  try {
    const bounds = { maxBytes: entry.bytes, signal, entry: entry.name };
    return await lanExchange(socket, { method, target, headers, body }, bounds);
  } catch (cause) {
    if (method === 'GET' && entry.get === 'read') throw cause;
    throw new AppError('OUTCOME_UNKNOWN', { why: 'its server did not answer, or not to the end' }, { cause });
  }
}

/** @throws SECRET_UNUSABLE */
function withSecrets({ secrets }: ToolParts, { headers }: PlannedRequest): Record<string, string> {
  const given = Object.entries(headers).map(([name, text]) => {
    const found = headerSecret(text);
    if (!found) return [name, text] as const;
    const value = secrets.reveal(found.handle);
    if (/^[\x20-\x7e]+$/.test(value)) return [name, found.before + value] as const;
    const problem = 'a header takes one line of ASCII';
    throw new AppError('SECRET_UNUSABLE', { name: found.handle.slice('secret://'.length), problem });
  });
  return Object.fromEntries(given);
}

/** In the time of the entry, and of the call. @throws HOST_UNREACHABLE when it is over */
async function inTime<T>(
  { clock }: Pick<ToolParts, 'clock'>,
  { seconds, name }: LanEntry,
  call: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const late = new AppError('HOST_UNREACHABLE', { entry: name, problem: `it did not answer in ${seconds} s` });
  const cancel = clock.after(seconds * 1000, () => own.abort(late));
  try {
    return await act(AbortSignal.any([call, own.signal]));
  } finally {
    cancel();
  }
}
