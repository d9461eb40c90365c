// Calls one capability method on the control plane's port, whatever its messages are, and reads what stayed on the box.
import {
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromJson,
  type JsonValue,
  type Message,
} from '@bufbuild/protobuf';
import { AppError } from '../base/errors.ts';
import type { CapabilityMethod } from '../contract/registry.ts';
import type { Side } from './client.ts';

/** Something that stayed on the box, as the trailers tell it. */
export interface CallWithheld {
  readonly field: string;
  readonly why: string;
  readonly name: string;
}

export interface MeshCall {
  readonly method: CapabilityMethod;
  readonly request: Message;
  readonly headers: Headers;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
  /** Called with each response message, one for a unary method. */
  readonly onMessage: (message: Message) => void;
}

/** The request message. Throws USAGE that names the field. */
export function requestOf(method: CapabilityMethod, value: unknown): Message {
  try {
    return fromJson<DescMessage>(method.desc.input, value as JsonValue);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    const what = `--data is not a ${method.desc.input.name}: ${problem}; its fields: bowline call ${method.shortName} --help`;
    throw new AppError('USAGE', { what }, { cause });
  }
}

/** Returns what was withheld, and the id of the run that records the call. */
export async function callMesh(control: Side, call: MeshCall): Promise<{ run: string; withheld: CallWithheld[] }> {
  const { method, request, headers, timeoutMs, signal, onMessage } = call;
  const desc: unknown = method.desc;
  if (!method.streaming) {
    const response = await control.transport.unary(desc as DescMethodUnary, signal, timeoutMs, headers, request);
    onMessage(response.message);
    return { run: response.header.get('bowline-run') ?? '', withheld: withheldIn(response.trailer) };
  }
  const one = (async function* () {
    yield request;
  })();
  const response = await control.transport.stream(desc as DescMethodStreaming, signal, timeoutMs, headers, one);
  for await (const message of response.message) onMessage(message);
  return { run: response.header.get('bowline-run') ?? '', withheld: withheldIn(response.trailer) };
}

/** `text; why=NO_GRANT; name=docs%2Fnotes.md`, once for each. */
function withheldIn(trailer: Headers): CallWithheld[] {
  const all = trailer.get('bowline-withheld') ?? '';
  return all
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => {
      const [field = '', ...rest] = item.split(';').map((part) => part.trim());
      const value = (key: string) => rest.find((part) => part.startsWith(`${key}=`))?.slice(key.length + 1) ?? '';
      return { field, why: value('why'), name: decoded(value('name')) };
    });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Cut in the middle of a character.
    return text;
  }
}
