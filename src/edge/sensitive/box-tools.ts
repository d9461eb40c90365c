// The tools of this box for a sensitive run: through the same runner, allowlist and journal as those that the control plane asks for.
// Only what reads is served.
import { create, type Message, toBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ToolCall as ChatToolCall } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import { type ToolCall, ToolCallSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import { toFailure } from '../../contract/errors.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import { toolArguments } from '../../contract/tool-arguments.ts';
import { toolText } from '../../contract/tool-text.ts';
import { THIS_BOX } from '../grants/file-grants.ts';
import type { EdgeTime } from '../time/edge-time.ts';

export interface BoxRunner {
  own(
    call: ToolCall,
    sink: { progress(): Promise<void>; held(): Promise<void>; result(message: ToolResult): Promise<void> },
  ): Promise<void>;
  cancel(job: string, epoch: bigint): void;
}

export interface BoxToolsParts {
  readonly runner: BoxRunner;
  /** What it may be asked for. */
  readonly methods: readonly CapabilityMethod[];
  readonly time: Pick<EdgeTime, 'control' | 'now'>;
}

/** What a tool came to, as a model reads it. */
export interface BoxAnswer {
  readonly text: string;
  readonly failure: Failure | undefined;
}

const MAX_ARGUMENT_BYTES = 64 << 10;
/** What one call may take, and how long it is valid. */
const CALL_MS = 60_000;
const VALID_MS = 10 * 60_000;

export class BoxTools {
  readonly #parts: BoxToolsParts;
  readonly #byName: ReadonlyMap<string, CapabilityMethod>;

  constructor(parts: BoxToolsParts) {
    this.#parts = parts;
    this.#byName = new Map(parts.methods.map((method) => [method.toolName, method]));
  }

  get methods(): readonly CapabilityMethod[] {
    return this.#parts.methods;
  }

  method(name: string): CapabilityMethod | undefined {
    return this.#byName.get(name);
  }

  /** Never throws for what a model did wrong: that is an answer. */
  async call(asked: ChatToolCall, at: { run: string; job: string; signal: AbortSignal }): Promise<BoxAnswer> {
    const method = this.#byName.get(asked.name);
    try {
      if (!method) {
        const known = [...this.#byName.keys()].join(', ');
        throw new AppError('TOOL_NOT_OFFERED', { tool: asked.name.slice(0, 64), known });
      }
      return answerOf(await this.#run(method, toolArguments(method, asked, MAX_ARGUMENT_BYTES), at), method);
    } catch (error) {
      at.signal.throwIfAborted();
      const failure = toFailure(error);
      return { text: toolText({ responses: undefined, failure, withheld: [] }, method), failure };
    }
  }

  async #run(
    method: CapabilityMethod,
    request: Message,
    { run, job, signal }: { run: string; job: string; signal: AbortSignal },
  ): Promise<ToolResult> {
    const { runner, time } = this.#parts;
    signal.throwIfAborted();
    const now = time.control() ?? time.now();
    const call = create(ToolCallSchema, {
      run,
      job,
      epoch: 1n,
      method: method.fullName,
      params: toBinary(method.desc.input, request),
      idempotencyKey: job,
      issueTime: timestampFromMs(now),
      expireTime: timestampFromMs(now + VALID_MS),
      timeout: durationFromMs(CALL_MS),
      recipient: THIS_BOX,
      principal: 'owner',
    });
    const cancel = () => runner.cancel(job, 1n);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      let result: ToolResult | undefined;
      await runner.own(call, {
        progress: async () => {},
        held: async () => {},
        result: async (message) => {
          result = message;
        },
      });
      if (!result) throw new AppError('CANCELED');
      return result;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }
}

function answerOf({ answer }: ToolResult, method: CapabilityMethod): BoxAnswer {
  const failure = answer.case === 'done' ? answer.value.failure : answer.value;
  const responses = answer.case === 'done' ? answer.value.responses : undefined;
  return { text: toolText({ responses, failure, withheld: [] }, method), failure };
}

/** The runner checks them by the rules of the contract. */
