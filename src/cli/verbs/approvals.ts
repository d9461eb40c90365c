// The verb `approvals`: what waits for the owner's yes, and how to give or refuse it.
import { Command, Option } from 'commander';
import {
  type Approval,
  ApprovalSchema,
  ApprovalScope,
  ApprovalState,
  ApprovalStateSchema,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  LocalService,
  type PreviewGrantResponse,
  PreviewGrantResponseSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { EXIT } from '../../base/status-codes.ts';
import { AnswerKeys, canBeAsked } from '../approvals/answer-keys.ts';
import {
  approvalEnd,
  approvalTitle,
  approvalView,
  isAllowable,
  mayAllowRun,
  typedId,
} from '../approvals/approval-view.ts';
import { allowQuestion } from '../approvals/choice.ts';
import { foundApproval, listApprovals, MOST_WAITING } from '../approvals/find-approval.ts';
import { type GrantOptions, grantWish, tellPreview } from '../approvals/grant-wish.ts';
import { seenSentence } from '../approvals/seen-text.ts';
import { sendAnswers } from '../approvals/send-answers.ts';
import { watchApprovals } from '../approvals/watch-approvals.ts';
import { type GlobalOptions, type Side, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import type { CliIo } from '../io.ts';
import { type ListOptions, lsCommand } from '../listing.ts';
import { Printer } from '../output.ts';
import { approvalsSide } from '../owners/approvals-side.ts';
import { enumText, plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { parseCount } from '../units.ts';
import { listed } from '../watched-list.ts';

interface LsOptions extends GlobalOptions, ListOptions {
  run?: string;
  all?: boolean;
}

interface AnswerOptions extends GlobalOptions, GrantOptions {
  json?: boolean;
  for?: 'once' | 'run';
  yes?: boolean;
  digest?: string;
}

const ABOUT = `
A call that would change something waits here until you say yes or no, or its time is over, which is a no. What is shown is what the box
worked out itself; if that is no longer so when it runs, nothing is changed and you are asked anew.

Exit codes: 0 done, 2 usage, 3 it still waits, 6 failed.`;

export function approvalsVerb(io: CliIo): Command {
  const approvals = new Command('approvals')
    .description('List what waits for your yes, look at it, allow or deny it')
    .addHelpText('after', ABOUT);
  approvals.addCommand(
    lsCommand('List what waits for your yes, oldest first; with --all the newest first')
      .option('--run <run>', 'only of this run')
      .option('--all', 'also what was answered, or ended')
      .addHelpText(
        'after',
        '\nExamples:\n  $ bowline approvals ls\n  $ bowline approvals ls --all --run 4fd31a07 --json',
      )
      .action(listed<LsOptions>(io, list)),
  );
  approvals.addCommand(
    new Command('show')
      .description('Show what a call would do: one screen of it, or with --whole all that the box tells of it')
      .argument('<approval>', 'id, or a part of it, as `approvals ls` lists it')
      .option('--whole', 'as many lines as it needs')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        '\nExamples:\n  $ bowline approvals show 1b6d0a5c\n  $ bowline approvals show 1b6d0a5c --whole | less',
      )
      .action((id: string, _o, command: Command) => show(io, id, command.optsWithGlobals())),
  );
  approvals.addCommand(
    new Command('allow')
      .description('Allow calls, all that are named or none; on a terminal they are shown first')
      .argument('<approval...>', 'ids, or parts of them')
      .addOption(
        new Option('--for <what>', 'run: also every call of the same run that the same entry of config.yaml permits')
          .choices(['once', 'run'])
          .default('once'),
      )
      .option('--pattern <pattern>', 'and a lasting grant: later calls like this one, here, are not asked for (one id)')
      .option('--until <time>', 'of the grant: 2h, 3d or a date, at most 30 days (default: 24h)')
      .addOption(new Option('--uses <count>', 'of the grant: most calls (default: 100)').argParser(parseCount(1000)))
      .option('--yes', 'do not ask; what waits now is allowed as it is')
      .option('--digest <digest>', 'do not ask; allow it only if its digest begins like this (one id)')
      .option('--json', 'print one JSON array; with --pattern its element tells in `preview` what the grant covers')
      .addHelpText(
        'after',
        '\nExamples:\n  $ bowline approvals allow 1b6d0a5c\n  $ bowline approvals allow 1b6d0a5c --for run\n  $ bowline approvals allow 1b6d0a5c --digest 0f3a9c12e4b5\n  $ bowline approvals allow 1b6d0a5c --pattern "notes/**/*.md" --until 2h --uses 20\n  $ bowline approvals allow 1b6d0a5c --pattern "lp -n {int} {path}"',
      )
      .action((ids: string[], _o, command: Command) => allow(io, ids, command.optsWithGlobals())),
  );
  approvals.addCommand(
    new Command('deny')
      .description('Deny calls: nothing is changed, and the model is told that you said no')
      .argument('[approval...]', 'ids, or parts of them')
      .option('--all', 'all that waits now')
      .option('--run <run>', 'with --all: only of this run')
      .option('--json', 'print one JSON array')
      .addHelpText(
        'after',
        '\nExamples:\n  $ bowline approvals deny 1b6d0a5c 9f00c2d1\n  $ bowline approvals deny --all --run 4fd31a07',
      )
      .action((ids: string[], _o, command: Command) => deny(io, ids, command.optsWithGlobals())),
  );
  approvals.addCommand(
    new Command('watch')
      .description('Show each call that waits as it comes, and ask about it on a terminal, until Ctrl-C')
      .option('--json', 'print one JSON object for each change')
      .addHelpText('after', '\nExamples:\n  $ bowline approvals watch\n  $ bowline approvals watch --json')
      .action((_o, command: Command) => watchApprovals(io, command.optsWithGlobals())),
  );
  return approvals;
}

async function list(io: CliIo, options: LsOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const { limit, all = false, run = '' } = options;
  const found = await using(await approvalsSide(io, options), (edge) => listApprovals(edge, { limit, all, run }, io));
  if (options.json) return out.json(found.map((each) => plain(ApprovalSchema, each)));
  const columns: Column<Approval>[] = [
    idColumn('id', ({ id }) => id, found),
    timeColumn('asked', ({ createTime }) => createTime),
    ...(all ? [STATE] : [timeColumn<Approval>('ends', ({ expireTime }) => expireTime, { leaves: 2 })]),
    { heading: 'what', text: approvalTitle, least: 24 },
    { heading: 'for the ask', text: ({ title }) => seenSentence(title) || '-', least: 10, leaves: 1 },
    { heading: 'run', text: ({ run }) => run, onlyWide: true },
  ];
  out.table(columns, found, { none: 'nothing waits for your yes', wide: options.wide });
}

const STATE: Column<Approval> = {
  heading: 'state',
  text: (each) => approvalEnd(each),
  brief: ({ state }) => enumText(ApprovalStateSchema, state),
};

interface ShowOptions extends GlobalOptions {
  json?: boolean;
  whole?: boolean;
}

async function show(io: CliIo, typed: string, options: ShowOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const approval = await using(await approvalsSide(io, options), (edge) => foundApproval(edge, typed));
  if (options.json) return out.json(plain(ApprovalSchema, approval));
  printApproval(io, out, approval, options.whole);
  if (approval.state !== ApprovalState.PENDING) return;
  out.line(`  to answer:  bowline approvals allow ${typedId(approval)}, or deny`);
}

/** Where there is no terminal nothing is cut. */
function printApproval({ stdout }: Pick<CliIo, 'stdout'>, out: Printer, approval: Approval, whole = !out.isTTY): void {
  const { columns = 80, rows = 24 } = stdout;
  const view = approvalView(approval, { columns, rows: whole ? undefined : rows - 2, now: Date.now() });
  for (const { text, style } of view.lines) out.quoted(text, style);
  if (view.isCut && !whole)
    out.line(`  ${view.isPart ? 'more' : 'all'} of it:  bowline approvals show ${typedId(approval)} --whole`, 'yellow');
}

async function allow(io: CliIo, typed: readonly string[], options: AnswerOptions): Promise<void> {
  const { digest, yes } = options;
  const wish = grantWish(options, Date.now());
  const scope = wish ? ApprovalScope.PATTERN : options.for === 'run' ? ApprovalScope.RUN : ApprovalScope.ONCE;
  if (wish && (typed.length > 1 || options.for === 'run'))
    throw new AppError('USAGE', { what: '--pattern is for one approval, and not beside --for run' });
  if (digest !== undefined) mustBeDigest(digest, typed);
  const asks = !yes && digest === undefined;
  if (asks && (options.json || !canBeAsked(io)))
    throw new AppError('USAGE', {
      what: 'nobody can be asked here: look at it with `approvals show`, then allow it with --digest and the digest that stands there, or with --yes',
    });
  await using(await approvalsSide(io, options), async (edge) => {
    const found = await foundApprovals(edge, typed);
    for (const each of found) mustBeAllowable(each, scope, digest);
    const [one] = found;
    const preview = wish && one && (await edge.client(LocalService).previewGrant({ approval: one.id, grant: wish }));
    if (asks && !(await agrees(io, found, scope, preview))) {
      io.exit(EXIT.approval);
      return;
    }
    const now = await sendAnswers(edge.client(LocalService), found, true, scope, wish);
    told(io, now, true, options, preview);
    // Who was asked has seen it.
    if (preview && !asks && !options.json) tellPreview(io, preview);
  });
}

interface DenyOptions extends AnswerOptions {
  all?: boolean;
  run?: string;
}

async function deny(io: CliIo, typed: readonly string[], options: DenyOptions): Promise<void> {
  const { all = false, run } = options;
  if (all === typed.length > 0 || (run !== undefined && !all))
    throw new AppError('USAGE', { what: 'deny takes ids, or --all, and --run only beside --all' });
  await using(await approvalsSide(io, options), async (edge) => {
    const found = all
      ? await listApprovals(edge, { limit: MOST_WAITING, all: false, run: run ?? '' })
      : await foundApprovals(edge, typed);
    if (found.length === 0 && !options.json) new Printer(io.stdout, io.env).line('nothing waits for your yes');
    const now = await sendAnswers(edge.client(LocalService), found, false, ApprovalScope.UNSPECIFIED);
    told(io, now, false, options);
  });
}

async function foundApprovals(edge: Side, typed: readonly string[]): Promise<Approval[]> {
  const found = new Map<string, Approval>();
  for (const each of typed) {
    const approval = await foundApproval(edge, each);
    found.set(approval.id, approval);
  }
  return [...found.values()];
}

function told(
  io: CliIo,
  now: readonly Approval[],
  allow: boolean,
  { json }: AnswerOptions,
  preview?: PreviewGrantResponse,
): void {
  const out = new Printer(io.stdout, io.env);
  const more = preview ? { preview: plain(PreviewGrantResponseSchema, preview) } : {};
  if (json) out.json(now.map((each) => ({ ...plain(ApprovalSchema, each), ...more })));
  else for (const each of now) out.quoted(`${approvalEnd(each)}: ${approvalTitle(each)}`);
  io.exit(exitOfAnswers(now, allow));
}

/** Of several that each box took by itself: what waits still, and what ended before a yes, was not answered. */
function exitOfAnswers(now: readonly Approval[], allow: boolean): number {
  if (now.some(({ state }) => state === ApprovalState.PENDING)) return EXIT.approval;
  return allow && now.some(({ state }) => state !== ApprovalState.ALLOWED) ? EXIT.failed : EXIT.answered;
}

function mustBeDigest(digest: string, typed: readonly string[]): void {
  if (!/^[0-9a-f]{8,64}$/i.test(digest))
    throw new AppError('USAGE', {
      what: '--digest takes at least 8 letters of the digest that `approvals show` tells',
    });
  if (typed.length > 1) throw new AppError('USAGE', { what: '--digest is for one approval' });
}

function mustBeAllowable(approval: Approval, scope: ApprovalScope, digest: string | undefined): void {
  const isShown = approval.state !== ApprovalState.PENDING || isAllowable(approval);
  if (!isShown)
    throw new AppError('USAGE', {
      what: 'this version of Bowline cannot show what would happen, so it cannot be allowed',
    });
  if ((scope === ApprovalScope.RUN || scope === ApprovalScope.PATTERN) && !mayAllowRun(approval))
    throw new AppError('USAGE', {
      what: 'its run has read text that somebody else wrote, so each of its calls asks; leave --for run and --pattern out',
    });
  if (digest !== undefined && !Buffer.from(approval.digest).toString('hex').startsWith(digest.toLowerCase()))
    throw new AppError('APPROVAL_CHANGED');
}

/** Shows them and asks once for all. */
async function agrees(
  io: CliIo,
  all: readonly Approval[],
  scope: ApprovalScope,
  preview: PreviewGrantResponse | undefined,
): Promise<boolean> {
  const err = new Printer(io.stderr, io.env);
  const keys = new AnswerKeys(io);
  const never = new AbortController().signal;
  try {
    for (const each of all) printApproval({ stdout: io.stderr }, err, each);
    if (preview) tellPreview(io, preview);
    const quiet = await keys.silence(never);
    const covers = scope === ApprovalScope.RUN ? ' for the whole run' : preview ? ', and make this grant' : ' once';
    const { titles, question } = allowQuestion(all, covers, io.stderr.columns ?? 80);
    for (const title of titles) err.quoted(title);
    io.stderr.write(question);
    const pressed = quiet === 'leave' ? quiet : await keys.next(never);
    const isYes = typeof pressed === 'object' && pressed.key === 'y';
    err.line(isYes ? 'yes' : 'no');
    if (!isYes) {
      const ids = all.map(typedId).join(' ');
      err.line(`nothing was answered; it still waits. To refuse it: bowline approvals deny ${ids}`, 'yellow');
    }
    return isYes;
  } finally {
    keys.giveBack();
  }
}
