// Asks questions of a running box through its local API, as `ask` does, and judges the answers.
import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { type AskRequest, AskRequestSchema, LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { newId } from '../../../src/base/ids.ts';
import { localSide } from '../../../src/cli/client.ts';
import type { CliIo } from '../../../src/cli/io.ts';
import { UNTOLD } from '../../../src/cli/told-wait.ts';
import { type Judged, judge, type Question } from './question.ts';

/** Longest time of one answer. */
const LIMIT_MS = 60_000;

/** Asks one after another. `root` is the folder's name on the box; sources and shares are told without it. */
export async function askQuestions(
  questions: readonly Question[],
  box: { readonly home: string; readonly folder: string; readonly root: string; readonly collections?: boolean },
  each: (judged: Judged) => void = () => undefined,
): Promise<Judged[]> {
  const env = { HOME: box.home, BOWLINE_HOME: box.home };
  const edge = localSide({ env, cwd: box.folder, stderr: UNTOLD } as unknown as CliIo, { home: box.home });
  const local = edge.client(LocalService);
  const bare = (path: string) => (path.startsWith(`${box.root}/`) ? path.slice(box.root.length + 1) : path);
  const judged: Judged[] = [];
  try {
    for (const question of questions) {
      const request = create(AskRequestSchema, {
        text: question.text,
        shares: (question.share ?? []).map((pattern) => ({ pattern: `${box.root}/${pattern}` })),
        requestId: newId(),
        noCollections: !box.collections,
      });
      const told = await asked(local, request);
      const shared = told.shared.map(bare);
      const { entries } = await local.listEgress({ run: told.run, pageSize: 250 });
      const left = entries
        .filter(({ sensitivity, grant }) => sensitivity === Sensitivity.CONTENT && grant !== 'ask')
        .map(({ path }) => bare(path));
      const one = judge(question, {
        answer: told.answer,
        sources: told.sources.map(bare),
        withheld: told.withheld.map(bare),
        left: told.run === '' ? [] : [...new Set(left)],
        shared,
      });
      judged.push(one);
      each(one);
    }
  } finally {
    edge.close();
  }
  return judged;
}

/** An ask that is refused answers with the refusal. */
async function asked(local: Client<typeof LocalService>, request: AskRequest) {
  const told = { run: '', answer: '', sources: [] as string[], shared: [] as string[], withheld: [] as string[] };
  try {
    for await (const { event } of local.ask(request, { signal: AbortSignal.timeout(LIMIT_MS) })) {
      const body = event?.event;
      if (body?.case === 'accepted') told.run = body.value.run;
      if (body?.case === 'shared') told.shared = [...body.value.paths];
      if (body?.case !== 'ended') continue;
      told.answer = body.value.outcome?.answer ?? '';
      told.withheld = (body.value.outcome?.withheld ?? []).map(({ name }) => name);
      told.sources = (body.value.outcome?.sources ?? []).map(({ path }) => path);
    }
  } catch (error) {
    told.answer = `refused: ${error instanceof Error ? error.message : String(error)}`;
  }
  return told;
}

/** One line for each question, and the score. */
export function scoreText(judged: readonly Judged[]): string {
  const lines = judged.map(({ question, faults }) => {
    const mark = faults.length === 0 ? 'right' : 'WRONG';
    const why = faults.length === 0 ? '' : `\n         ${faults.join('; ')}`;
    return `  ${mark}  ${question.kind.padEnd(9)} ${question.text}${why}`;
  });
  return `${lines.join('\n')}\n${scoreLine(judged)}`;
}

export function scoreLine(judged: readonly Judged[]): string {
  const right = judged.filter(({ faults }) => faults.length === 0).length;
  const absences = judged.filter(({ wrongAbsence }) => wrongAbsence).length;
  const leaks = judged.filter(({ leaked }) => leaked.length > 0).length;
  return `${right} of ${judged.length} right, ${absences} claim absence wrongly, ${leaks} share what was not named`;
}
