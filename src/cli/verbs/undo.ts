// The verb `undo`: shows what taking changes back would do, asks, and does it.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';
import { FileAction } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { LocalService, UndoState, type UndoStep, UndoStepSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { shellQuote } from '../../base/shell-quote.ts';
import { EXIT } from '../../base/status-codes.ts';
import { fromFailure } from '../../contract/errors.ts';
import { diffViewLines } from '../approvals/effect-lines.ts';
import { seenWord, UNSEEN_NOTE } from '../approvals/seen-text.ts';
import { RowMaker } from '../approvals/view-rows.ts';
import { type GlobalOptions, isAbsent, isCutOff, localSide, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { LineReader } from '../line-reader.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import { clockText, countText } from '../units.ts';

interface UndoOptions extends GlobalOptions {
  json?: boolean;
  yes?: boolean;
  preview?: boolean;
}

export function undoVerb(io: CliIo): Command {
  return new Command('undo')
    .description('Take back what a run, a job or an earlier undo changed in files of this box, newest change first')
    .argument('<id>', 'id of a run, an undo or a job, or the beginning or end of a run id')
    .option('-y, --yes', 'do it without asking')
    .option('--preview', 'show what it would do, and change nothing')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
What changed since stays as it is, and is said; the rest is restored. An undo can be undone by its own id. What is replaced is kept for
limits.changes_days, and up to limits.changes_bytes (config.yaml).

Examples:
  $ bowline undo 0190f3c2 --preview
  $ bowline undo 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11 --yes`,
    )
    .action((id: string, _o, command: Command) => undo(io, id, command.optsWithGlobals<UndoOptions>()));
}

async function undo(io: CliIo, target: string, options: UndoOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  await using(localSide(io, options), async (edge) => {
    const local = edge.client(LocalService);
    const { run, steps } = await local.previewUndo({ target });
    const possible = steps.filter(({ state }) => state === UndoState.POSSIBLE);
    if (options.preview || possible.length === 0) return tell(io, options, out, { run, id: '', steps });
    if (!options.yes) {
      if (!options.json) show(io, out, steps);
      if (!(await agreed(io, possible.length))) {
        if (options.json) return tell(io, options, out, { run, id: '', steps });
        out.line('Nothing was changed.');
        return;
      }
    }
    const done = await local.undo({ target, changes: steps.map(({ change }) => change) }).catch(interrupted(target));
    tell(io, options, out, { run, ...done });
  });
}

/** Each change is taken back by itself, and what is taken back already is left alone: the same undo goes on where it was. */
const interrupted =
  (target: string) =>
  (error: unknown): never => {
    if (!isCutOff(error) && !isAbsent(error)) throw error;
    throw new AppError('UNDO_INTERRUPTED', { target: shellQuote(target) }, { cause: error });
  };

interface Told {
  readonly run: string;
  readonly id: string;
  readonly steps: readonly UndoStep[];
}

function tell(io: CliIo, { json }: UndoOptions, out: Printer, { run, id, steps }: Told): void {
  const stays = steps.some(({ state }) => STAYS.has(state));
  if (json) out.json({ run, id, steps: steps.map((step) => plain(UndoStepSchema, step)) });
  else {
    show(io, out, steps);
    const done = stays ? 'Undone, but for what stays.' : 'Undone.';
    if (id !== '') out.line(`${done} To take this back: bowline undo ${shellQuote(id)}`);
  }
  if (stays) io.exit(EXIT.refused);
}

const STAYS: ReadonlySet<UndoState> = new Set([UndoState.CHANGED_SINCE, UndoState.NOT_KEPT, UndoState.FAILED]);

const STATE: Readonly<Record<number, string>> = {
  [UndoState.UNSPECIFIED]: 'unknown',
  [UndoState.POSSIBLE]: 'can be undone',
  [UndoState.DONE]: 'undone',
  [UndoState.NOTHING_TO_DO]: 'is as it was',
  [UndoState.CHANGED_SINCE]: 'stays: it changed since',
  [UndoState.NOT_KEPT]: 'stays: what was there is not kept any more',
  [UndoState.FAILED]: 'stays',
};

function show({ stdout: { columns = 80 } }: CliIo, out: Printer, steps: readonly UndoStep[]): void {
  for (const step of steps) {
    out.line(`${stateText(step)}: ${actText(step)}`);
    for (const row of otherNames(step)) out.line(`  ${row}`);
    const { effect } = step;
    if (!effect) continue;
    const rows = new RowMaker({ columns, lines: undefined });
    rows.note([effect.diff]);
    rows.text(diffViewLines(effect), undefined);
    const { lines, hasUnseen } = rows.shown;
    for (const { text, style } of lines) out.line(text, style);
    if (hasUnseen) out.line(`  ${UNSEEN_NOTE}`, 'yellow');
    const cut = effect.diffLinesCut;
    if (cut > 0n) out.line(`  … ${cut} lines of the difference are not shown`);
  }
}

function stateText({ state, failure }: UndoStep): string {
  const text = STATE[state] ?? 'unknown';
  return failure && state === UndoState.FAILED ? `${text} (${fromFailure(failure).message})` : text;
}

/** What the undo does, and when the change was made. */
function actText({ effect, changeTime }: UndoStep): string {
  const at = changeTime ? `, changed at ${clockText(timestampMs(changeTime))}` : '';
  if (!effect) return at;
  const { action, before, after } = effect;
  const [path, toPath] = [seenWord(effect.path), seenWord(effect.toPath)];
  if (action === FileAction.MOVE) return `move ${path} back to ${toPath}${at}`;
  if (action === FileAction.DELETE) return `remove ${before?.folder ? 'the folder ' : ''}${path}${at}`;
  if (action === FileAction.MAKE_FOLDER) return `make the folder ${path} again${at}`;
  const bytes = `${after?.bytes ?? 0n} bytes`;
  return action === FileAction.CREATE ? `bring back ${path} (${bytes})${at}` : `restore ${path} (${bytes})${at}`;
}

/** Hard links of what was there before, and of what is there now: each keeps its own content. */
function otherNames({ effect }: UndoStep): string[] {
  if (!effect || effect.action === FileAction.MOVE) return [];
  const [then, now] = [effect.after?.otherNames ?? 0, effect.before?.otherNames ?? 0];
  return [
    ...(then > 0
      ? [
          `it had ${countText(then, 'other name')}; what was there stays under ${then === 1 ? 'it' : 'them'}, apart from this file`,
        ]
      : []),
    ...(now > 0
      ? [`it has ${countText(now, 'other name')} now; what is there stays under ${now === 1 ? 'it' : 'them'}`]
      : []),
  ];
}

/** The default is no. @throws USAGE where nobody can be asked */
async function agreed(io: CliIo, count: number): Promise<boolean> {
  if (io.stdin.isTTY !== true || io.stdout.isTTY !== true)
    throw new AppError('USAGE', { what: 'there is no terminal to ask on; say --yes, or --preview to look only' });
  const lines = new LineReader(io);
  try {
    const answer = await lines.next(`Undo ${count} ${count === 1 ? 'change' : 'changes'}? y/N, then Enter: `);
    return ['y', 'yes'].includes(answer?.trim().toLowerCase() ?? '');
  } finally {
    lines.close();
  }
}
