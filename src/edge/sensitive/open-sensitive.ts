// Sensitive conversations put together: a runner of their own with the same allowlist, journal and limits, whose answers stay here, the
// tools that read, and who answers. Nothing of it is handed to a session.
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { isHarmless } from '../../contract/policy.ts';
import type { LocalModelEntry } from '../config/local-model-entry.ts';
import { BoxGate } from '../egress/box-gate.ts';
import type { FactBook } from '../facts/fact-book.ts';
import { BOX_GRANTS } from '../grants/file-grants.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import { type RunnerParts, ToolRunner } from '../runner/runner.ts';
import type { Masker } from '../secrets/masker.ts';
import type { ToolParts } from '../tools/tool.ts';
import type { ToolSource } from '../tools/tool-source.ts';
import { type ServedTool, toolset } from '../tools/toolset.ts';
import { type Answerer, localModelCalled, RULES_CALLED, rulesAnswerer } from './answerer.ts';
import { BoxTools } from './box-tools.ts';
import { SensitiveAsks } from './sensitive-asks.ts';

export interface SensitiveParts {
  readonly journal: EdgeJournal;
  readonly facts: Pick<FactBook, 'lookUp'>;
  /** As `boxTools` makes them. */
  readonly tools: ToolSource;
  /** Of the runner for the control plane: all but its gate and tools. */
  readonly runner: Omit<RunnerParts, 'gate' | 'tools'>;
  /** A model that the owner named, with its key; absent: the rules answer. */
  readonly model: { readonly entry: LocalModelEntry; readonly key: () => string } | undefined;
  readonly masker: () => Masker | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Sensitive {
  readonly asks: SensitiveAsks;
  stop(): Promise<void>;
}

/** The tools that read, with all that may be told of content on the box itself. @param parts of the tools for the control plane */
export const boxTools = (parts: ToolParts): ServedTool[] =>
  toolset({ ...parts, grants: BOX_GRANTS, ownRuns: BOX_GRANTS }).filter(({ method }) => isHarmless(method.effect));

/** Takes up what earlier starts left without an answer. */
export function openSensitive({
  journal,
  facts,
  tools,
  runner: parts,
  model,
  masker,
  clock,
  log,
}: SensitiveParts): Sensitive {
  const open = () => {
    const runner = new ToolRunner({ ...parts, gate: new BoxGate(masker), tools });
    return { runner, box: new BoxTools({ runner, methods: tools.methods, time: journal.time }) };
  };
  // Made and loaded when the first is asked: an idle box has no need of them.
  let opened: ReturnType<typeof open> | undefined;
  const answerer = (): Promise<Answerer> => (model ? openModel(model) : rulesAnswerer());
  const asks = new SensitiveAsks({
    journal,
    book: journal.sensitive,
    answer: async (asked, how) => {
      opened ??= open();
      const { box } = opened;
      const [{ answerTurn }, who] = await Promise.all([import('./answer-turn.ts'), answerer()]);
      const known = { run: asked.run, conversation: '' };
      const lookUp = (marks: readonly string[]) => facts.lookUp(known, marks, (sequence) => journal.entry(sequence));
      return answerTurn(asked, { ...how, answerer: who, tools: box, facts: lookUp, clock });
    },
    answeredBy: model ? localModelCalled(model.entry) : RULES_CALLED,
    clock,
    log,
  });
  asks.start();
  return {
    asks,
    stop: async () => {
      await asks.stop();
      await opened?.runner.drain(1_000);
    },
  };
}

async function openModel({ entry, key }: NonNullable<SensitiveParts['model']>): Promise<Answerer> {
  const { localModel } = await import('./local-model.ts');
  return localModel(entry, key);
}
