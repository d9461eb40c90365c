// Plays the orchestrator and a device towards the rules driver: answers its tool calls from files in memory, as the
// contract says they are answered, and gives the final answer.
import { create, type MessageInitShape, toJson, toJsonString } from '@bufbuild/protobuf';
import {
  FileInfoSchema,
  ListResponseSchema,
  ReadResponseSchema,
  SearchMatchSchema,
  SearchResponseSchema,
} from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import {
  ChatRequestSchema,
  type ChatResponse,
  type Finish,
  type Message,
  MessageSchema,
  Role,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { SearchResponseSchema as PassagesSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { SizeClass } from '../../gen/bowline/run/v1/run_pb.ts';
import { rulesDriver } from '../../src/worker/handlers/llm/rules-driver.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';

type Json = Record<string, unknown>;

export interface Told {
  readonly text: string;
  readonly calls: { readonly tool: string; readonly args: Json }[];
  readonly finish: Finish;
  readonly pieces: number;
}

export interface Setting {
  /** Path to text. */
  readonly files: Readonly<Record<string, string>>;
  readonly shared?: readonly string[];
  readonly tools?: readonly string[];
  /** What stands behind a shared path, e.g. ` (lines 1-3)`. */
  readonly lines?: string;
  /** Tool results are clipped to this many characters. */
  readonly room?: number;
  /** What a search in collections gave before each turn. */
  readonly passages?: MessageInitShape<typeof PassagesSchema>['passages'];
  readonly run?: (argv: string[]) => Json;
}

const message = (role: Role, text: string, answers: { toolCallId?: string; toolName?: string } = {}): Message =>
  create(MessageSchema, { role, parts: [{ part: { case: 'text', value: text } }], ...answers });

/** One conversation; `ask` runs a whole turn. */
export class RulesConversation {
  readonly #setting: Setting;
  readonly #history: Message[] = [];

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  async ask(question: string): Promise<Told> {
    const turn = [message(Role.USER, question), ...this.#found()];
    const calls: Told['calls'] = [];
    for (let round = 0; round < 10; round++) {
      const said = await this.#chat(turn);
      const asked = said.flatMap(({ event }) => (event.case === 'toolCall' ? [event.value] : []));
      const finish = said.flatMap(({ event }) => (event.case === 'finish' ? [event.value] : [])).at(-1)!;
      if (asked.length === 0) {
        const pieces = said.flatMap(({ event }) => (event.case === 'text' ? [event.value.text] : []));
        const text = pieces.join('');
        this.#history.push(turn[0]!, message(Role.ASSISTANT, text));
        return { text, calls, finish, pieces: pieces.length };
      }
      turn.push(create(MessageSchema, { role: Role.ASSISTANT, toolCalls: asked }));
      for (const call of asked) {
        const args = JSON.parse(call.argumentsJson) as Json;
        calls.push({ tool: call.name, args });
        const whole = JSON.stringify(this.#tool(call.name, args));
        const room = this.#setting.room ?? whole.length;
        const answer = whole.length > room ? JSON.stringify({ truncated: true, part: whole.slice(0, room) }) : whole;
        turn.push(message(Role.TOOL, answer, { toolCallId: call.id, toolName: call.name }));
      }
    }
    throw new Error('it never answered');
  }

  #found(): Message[] {
    const { passages } = this.#setting;
    if (!passages) return [];
    const call = { id: 'found', name: 'retrieval_search', argumentsJson: '{"query":"q"}' };
    const text = toJsonString(PassagesSchema, create(PassagesSchema, { passages, collections: ['docs'] }));
    return [
      create(MessageSchema, { role: Role.ASSISTANT, toolCalls: [call] }),
      message(Role.TOOL, text, { toolCallId: call.id, toolName: call.name }),
    ];
  }

  async #chat(turn: readonly Message[]): Promise<ChatResponse[]> {
    const shared = this.#setting.shared ?? [];
    const list = shared.map((path) => `- \`${path}\`${this.#setting.lines ?? ''}`).join('\n');
    const head =
      shared.length > 0
        ? `Shared files (their content may be read for this question):\n${list}`
        : 'Shared files: none.';
    const rest = 'The content of every other file is withheld; only names and short summaries are told.';
    const system = message(Role.SYSTEM, `You are Bowline.\nDevice: box\n${head}\n${rest}`);
    const tools = (this.#setting.tools ?? ['fs_list', 'fs_search', 'fs_read', 'shell_run']).map((name) => ({ name }));
    const request = create(ChatRequestSchema, { messages: [system, ...this.#history, ...turn], tools });
    const said: ChatResponse[] = [];
    for await (const response of rulesDriver.chat(request, loneContext())) said.push(response);
    return said;
  }

  #info(path: string) {
    return create(FileInfoSchema, {
      path,
      kind: 1,
      sizeClass: SizeClass.UNDER_16K,
      mediaType: 'text/markdown',
      modifyTime: { seconds: 1_780_000_000n },
    });
  }

  #tool(tool: string, args: Json): unknown {
    const { files, shared = [] } = this.#setting;
    if (tool === 'shell_run')
      return this.#setting.run?.(args.argv as string[]) ?? { error: { reason: 'COMMAND_NOT_ALLOWED', message: '' } };
    const glob =
      typeof args.glob === 'string'
        ? new RegExp(`^${args.glob.replace(/[.+]/g, '\\$&').replace(/\*/g, '.*')}$`, 'u')
        : undefined;
    const under = String(args.path ?? '').replace(/\/$/, '');
    const inside = Object.keys(files).filter((path) => !under || path === under || path.startsWith(`${under}/`));
    const named = inside.filter((path) => !glob || glob.test(path.split('/').at(-1)!));
    if (tool === 'fs_list') {
      if (under && inside.length === 0) return { error: { reason: 'PATH_NOT_ALLOWED', message: 'not allowed' } };
      return {
        ...(toJson(ListResponseSchema, create(ListResponseSchema, { files: named.map((p) => this.#info(p)) })) as Json),
        withheld: [],
      };
    }
    if (tool === 'fs_search') {
      const terms = ((args.terms as string[] | undefined) ?? []).map((term) => term.toLowerCase());
      const matches = named.flatMap((path) => {
        const lines = files[path]!.split('\n');
        const hits = lines.flatMap((line, i) =>
          terms.some((t) => line.toLowerCase().includes(t)) ? [{ line: i + 1, text: line }] : [],
        );
        if (terms.length > 0 && hits.length === 0) return [];
        const told = shared.includes(path) && hits.length > 0 ? hits : [{}];
        return told.map((hit) => create(SearchMatchSchema, { file: this.#info(path), ...hit }));
      });
      return toJson(SearchResponseSchema, create(SearchResponseSchema, { matches }));
    }
    const path = Object.keys(files).find((p) => p === under) ?? Object.keys(files).find((p) => p.endsWith(`/${under}`));
    if (!path) return { error: { reason: 'PATH_NOT_ALLOWED', message: 'not allowed' } };
    if (!shared.includes(path)) {
      const response = create(ReadResponseSchema, { file: this.#info(path) });
      const withheld = [
        { field: 'text', size: 'SIZE_CLASS_UNDER_16K', why: 'NO_GRANT', name: path, hint: `--share '${path}'` },
      ];
      return { ...(toJson(ReadResponseSchema, response) as Json), withheld };
    }
    const all = files[path]!.split('\n');
    const first = Number(args.startLine ?? 1);
    const text = all.slice(first - 1, Number(args.endLine ?? all.length)).join('\n');
    return toJson(
      ReadResponseSchema,
      create(ReadResponseSchema, { file: this.#info(path), text, firstLine: first, totalLines: all.length }),
    );
  }
}
