// The verb `grants`: what may leave the box and which calls run unasked, how to end one, and why a call ran or was asked for.
import { Command } from 'commander';
import { ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  ExplainCallResponseSchema,
  type Grant,
  GrantSchema,
  LocalService,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { approvalEnd, typedId } from '../approvals/approval-view.ts';
import { effectTitle } from '../approvals/effect-lines.ts';
import { seenSentence, seenWord } from '../approvals/seen-text.ts';
import { type GlobalOptions, localSide, type Side, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import type { CliIo } from '../io.ts';
import { allPages, type ListOptions, lsCommand } from '../listing.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import { wholeId } from '../short-id.ts';
import type { Column } from '../table.ts';
import { bytesText, timeText } from '../units.ts';
import { listed } from '../watched-list.ts';

interface LsOptions extends GlobalOptions, ListOptions {}

interface OneOptions extends GlobalOptions {
  json?: boolean;
}

const ABOUT = `
A grant is what you have allowed beyond one answer: files that are shared for a run, documents that left for a collection, and calls that
run without being asked for (bowline approvals allow ID --pattern PATTERN). Each is kept and judged on this box alone.`;

export function grantsVerb(io: CliIo): Command {
  const grants = new Command('grants')
    .description('List what you have allowed beyond one answer, end it, and ask why a call ran')
    .addHelpText('after', ABOUT);
  grants.addCommand(
    lsCommand('List the grants that hold now')
      .addHelpText('after', '\nExamples:\n  $ bowline grants ls\n  $ bowline grants ls --json')
      .action(listed<LsOptions>(io, list)),
  );
  grants.addCommand(
    new Command('show')
      .description('Show one grant')
      .argument('<grant>', 'id, or a part of it, as `grants ls` lists it')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline grants show 1b6d0a5c')
      .action((id: string, _o, command: Command) => show(io, id, command.optsWithGlobals())),
  );
  grants.addCommand(
    new Command('revoke')
      .description('End a grant at once, also for a call that waits for its turn')
      .argument('<grant>', 'id, or a part of it, as `grants ls` lists it')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline grants revoke 1b6d0a5c')
      .action((id: string, _o, command: Command) => revoke(io, id, command.optsWithGlobals())),
  );
  grants.addCommand(
    new Command('why')
      .description('Tell why a call ran without being asked for, or was asked for')
      .argument('<call>', 'id of its job, RUN/STEP/INDEX, as `approvals show` and `runs show` tell it, or its key')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline grants why 4fd31a07-1d2e-7a3b-8c4d-5e6f7a8b9c0d/2/0')
      .action((call: string, _o, command: Command) => why(io, call, command.optsWithGlobals())),
  );
  return grants;
}

const readGrants = (edge: Side): Promise<Grant[]> =>
  allPages(async (pageToken) => {
    const { grants, nextPageToken } = await edge.client(LocalService).listGrants({ pageToken });
    return { items: grants, nextPageToken };
  });

async function foundGrant(edge: Side, typed: string): Promise<Grant> {
  const all = await readGrants(edge);
  const id = await wholeId(typed, 'grant', async () => all.map((each) => ({ id: each.id, about: aboutGrant(each) })));
  const found = all.find((each) => each.id === id);
  if (!found) throw new AppError('NOT_FOUND', { kind: 'grant' });
  return found;
}

const kindOf = ({ call, collection }: Grant): string => (call ? 'calls' : collection ? 'documents' : 'share');

/** What it covers, in a line. */
function aboutGrant({ call, collection, paths }: Grant): string {
  if (call) return `${seenWord(methodOf(call.method))} ${seenSentence(call.pattern)}`;
  const [first = '', ...more] = paths;
  const files = more.length > 0 ? `${seenWord(first)} and ${more.length} more` : seenWord(first);
  return collection ? `${seenWord(collection)}: ${files}` : files;
}

const methodOf = (method: string): string => method.slice(method.lastIndexOf('.') + 1);

function usedText({ call, calls, usedBytes, capBytes }: Grant): string {
  return call ? `${calls} of ${call.uses} calls` : `${bytesText(usedBytes)} of ${bytesText(capBytes)}`;
}

async function list(io: CliIo, options: LsOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const found = (await using(localSide(io, options), readGrants)).slice(0, options.limit);
  if (options.json) return out.json(found.map((each) => plain(GrantSchema, each)));
  const columns: Column<Grant>[] = [
    idColumn('id', ({ id }) => id, found),
    { heading: 'for', text: kindOf },
    { heading: 'what', text: aboutGrant, least: 20 },
    { heading: 'used', text: usedText },
    timeColumn('ends', ({ expireTime }) => expireTime, { leaves: 2 }),
    { heading: 'run', text: ({ run }) => run || '-', onlyWide: true },
  ];
  out.table(columns, found, { none: 'no grant holds', wide: options.wide });
}

async function show(io: CliIo, typed: string, options: OneOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const grant = await using(localSide(io, options), (edge) => foundGrant(edge, typed));
  if (options.json) return out.json(plain(GrantSchema, grant));
  out.quoted(`${kindOf(grant)}: ${aboutGrant(grant)}`, 'bold');
  for (const [label, text] of rowsOf(grant)) out.quoted(`  ${label.padEnd(11)} ${text}`);
  out.line(`  to end it:  bowline grants revoke ${typedId(grant)}`);
}

function rowsOf(grant: Grant): [string, string][] {
  const { call, expireTime, recipients, paths, run } = grant;
  const ends: [string, string] = ['ends', expireTime ? timeText(expireTime) : 'when its run does, or you revoke it'];
  const used: [string, string] = ['used', usedText(grant)];
  if (!call)
    return [
      ['to', recipients.map(seenWord).join(', ')],
      used,
      ends,
      ...(run ? [['run', run] as [string, string]] : []),
      ...paths.map((path): [string, string] => ['file', seenWord(path)]),
    ];
  return [
    ['like', effectTitle(call.effect)],
    ['entry', `${seenSentence(call.entry)}, in config.yaml`],
    used,
    ends,
    ['made', `${timeText(call.createTime)} by ${seenSentence(call.by)}, with approval ${call.approval}`],
    ['never', 'for a call of a run that has read what others wrote'],
  ];
}

async function revoke(io: CliIo, typed: string, options: OneOptions): Promise<void> {
  const id = await using(localSide(io, options), async (edge) => {
    const grant = await foundGrant(edge, typed);
    await edge.client(LocalService).revokeGrant({ id: grant.id });
    return grant.id;
  });
  done(io, options, `grant ${id} has ended`, { id, revoked: true });
}

async function why(io: CliIo, call: string, options: OneOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const told = await using(localSide(io, options), (edge) => edge.client(LocalService).explainCall({ call }));
  if (options.json) return out.json(plain(ExplainCallResponseSchema, told));
  const { job, method, began, unasked, grant, approvals } = told;
  out.quoted(`${seenWord(methodOf(method))}, job ${seenWord(job)}`, 'bold');
  if (unasked) out.quoted(`  it ran without being asked for: ${seenSentence(unasked)}`);
  if (grant)
    out.quoted(
      `  grant ${typedId(grant)}: ${seenSentence(grant.pattern)}, made with approval ${typedId({ id: grant.approval })}`,
    );
  for (const each of approvals) {
    out.quoted(`  it was asked for: ${seenSentence(each.reason)}`);
    out.quoted(`  approval ${typedId(each)}: ${approvalEnd(each)}`);
  }
  if (began && !unasked && approvals.length === 0) out.line('  it ran; what let it run is not in the journal any more');
  const waits = approvals.some(({ state }) => state === ApprovalState.PENDING);
  if (!began) out.line(waits ? '  it has not begun: it waits for your yes' : '  it has not begun');
}
