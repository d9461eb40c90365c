// The verb `status`: how the edge and the control plane are, each by its own word, or why it does not answer.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';
import {
  type ChildProgram,
  type GetStatusResponse as ControlStatus,
  GetStatusResponseSchema as ControlStatusSchema,
  DatabaseKindSchema,
} from '../../../gen/bowline/control/v1/status_service_pb.ts';
import {
  Connection,
  ConnectionSchema,
  GetStatusResponseSchema as EdgeStatusSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import type { AppError } from '../../base/errors.ts';
import { inertLine } from '../../base/inert.ts';
import { EXIT } from '../../base/status-codes.ts';
import { fromFailure } from '../../contract/errors.ts';
import { waitingText } from '../approvals/approval-view.ts';
import { type GlobalOptions, homeOf } from '../client.ts';
import { todayText } from '../egress-text.ts';
import { type AnswerOfSide, homeAnswers } from '../home-answers.ts';
import { type HomeHealth, homeHealth } from '../home-health.ts';
import type { CliIo } from '../io.ts';
import { mayReadText } from '../may-read.ts';
import { Printer } from '../output.ts';
import { enumText, type PlainObject, plain } from '../plain.ts';
import { modelText } from '../run-printer.ts';
import { bytesText, countText, timeText } from '../units.ts';

const SILENT: ReadonlySet<string> = new Set([
  'NOT_RUNNING',
  'STARTING',
  'CONNECTION_LOST',
  'NO_ANSWER',
  'CONTROL_SILENT',
]);

export function statusVerb(io: CliIo): Command {
  return new Command('status')
    .description(
      'Show how what this home runs is, and what stands in the way of answers; exit code 6 if anything stops them',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExamples:\n  $ bowline status\n  $ bowline status --json')
    .action((_o, command: Command) => status(io, command.optsWithGlobals()));
}

async function status(io: CliIo, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const { home } = homeOf(io, options);
  const { edge, control } = await homeAnswers(io, options);
  const health = homeHealth(homeOf(io, options), { edge, control });
  if (!health.ok) io.exit(EXIT.failed);
  const out = new Printer(io.stdout, io.env);
  if (options.json) {
    const sides = { edge: json(EdgeStatusSchema, edge), control: json(ControlStatusSchema, control) };
    out.json({ home, health: healthJson(health), ...sides });
    return;
  }
  out.line(`home     ${inertLine(home)}`);
  printHealth(out, health);
  const { roles, workers } = health;
  // What does not run here and is not meant to is not told.
  const noEdge = roles.length > 0 && !roles.includes('edge') && 'problem' in edge && edge.alive === undefined;
  if (!noEdge) printEdge(out, edge);
  printControl(out, control);
  for (const { name, serves, connected, control } of roles.includes('worker') ? workers : []) {
    const how = connected ? 'connected' : 'not connected';
    out.line(`worker   ${name}, ${how}, ${control}`, connected ? 'green' : 'yellow');
    out.line(`         serves: ${serves.join(', ')}`);
  }
}

const healthJson = ({ ok, roles, findings, workers }: HomeHealth): PlainObject => ({
  ok,
  roles: [...roles],
  conditions: findings.map(({ side, why, stops }) => ({ side, stops, reason: why.reason, message: why.message })),
  workers: workers.map((each) => ({ ...each, serves: [...each.serves] })),
});

/** One line for each thing that stands in the way; first whether anything is answered. */
function printHealth(out: Printer, { ok, roles, findings }: HomeHealth): void {
  const what = roles.length > 0 ? roles.join(' and ') : 'nothing yet';
  out.line(`health   ${ok ? 'well' : 'NOT well'}; this home runs: ${what}`, ok ? 'green' : 'red');
  for (const { why, stops } of findings) out.line(`         ${why.message} (${why.reason})`, stops ? 'red' : 'yellow');
}

function json<Desc extends DescMessage>(schema: Desc, answered: AnswerOfSide<MessageShape<Desc>>): PlainObject {
  if (!('problem' in answered))
    return { reachable: true, where: answered.where ?? '', ...plain(schema, answered.status) };
  const { alive, problem } = answered;
  const { reason, message } = problem;
  return { reachable: alive !== undefined, ...(alive === undefined ? {} : { alive }), reason, message };
}

function printAlive(out: Printer, side: string, alive: string, { message, reason }: AppError): void {
  out.line(`${side} ${alive}`, 'yellow');
  out.line(`         it tells no more without the owner's key: ${message} (${reason})`);
}

function printEdge(out: Printer, edge: AnswerOfSide<MessageShape<typeof EdgeStatusSchema>>): void {
  if ('problem' in edge) {
    if (edge.alive !== undefined) printAlive(out, 'edge    ', edge.alive, edge.problem);
    else out.line(`edge     does not answer: ${edge.problem.message} (${edge.problem.reason})`, 'red');
    return;
  }
  const s = edge.status;
  const connected = s.connection === Connection.CONNECTED;
  out.line(
    `edge     ${s.deviceName || '(not joined)'}, ${enumText(ConnectionSchema, s.connection)}, since ${timeText(s.startTime)}`,
    connected ? 'green' : 'yellow',
  );
  if (s.control) out.line(`         control plane: ${s.control}`);
  out.line(`         model: ${s.model ? modelText(s.model) : 'unknown; no worker with one is known here'}`);
  out.line(`         may read: ${mayReadText(s)}`);
  const memory = `${bytesText(s.residentBytes)} of memory, ${bytesText(s.journalBytes)} of journal`;
  out.line(
    `         ${countText(s.waitingAsks, 'ask')} waiting, ${countText(Number(s.toolCalls), 'tool call')}, ${memory}`,
  );
  const today = todayText(s.egressToday);
  if (today) out.line(`         ${today.text}`, today.nearlyFull ? 'yellow' : undefined);
  const waiting = waitingText(s.pendingApprovals);
  if (waiting) out.line(`         ${waiting}`, 'yellow');
  printFigures(out, s);
  printRefused(out, s);
}

/** Why calls fail that are no fault of the connection. */
function printRefused(out: Printer, { refusedCalls }: MessageShape<typeof EdgeStatusSchema>): void {
  for (const { why, count, lastTime } of refusedCalls.slice(0, 3)) {
    if (!why) continue;
    const { message, reason } = fromFailure(why);
    const calls = countText(Number(count), 'tool call');
    out.line(`         ${calls} refused, last ${timeText(lastTime)}: ${message} (${reason})`);
  }
}

function printControl(out: Printer, control: AnswerOfSide<MessageShape<typeof ControlStatusSchema>>): void {
  if ('problem' in control) {
    if (control.alive !== undefined) {
      printAlive(out, 'control ', control.alive, control.problem);
      return;
    }
    const { message, reason } = control.problem;
    const how = SILENT.has(reason) ? 'does not answer' : 'answers with an error';
    out.line(`control  ${how}: ${message} (${reason})`, 'red');
    return;
  }
  const s = control.status;
  const kind = enumText(DatabaseKindSchema, s.database);
  const database = s.databaseOk ? kind : `${kind} takes no writes or does not answer`;
  out.line(`control  ${control.where}, ${database}, since ${timeText(s.startTime)}`, s.databaseOk ? 'green' : 'red');
  out.line(`         ${countText(s.devices, 'device')}, ${countText(s.workers, 'worker')} connected`);
  out.line(`         ${countText(s.openRuns, 'open run')}, ${countText(s.waitingJobs, 'job')} waiting`);
  if (s.model) out.line(`         model: ${modelText(s.model)}`);
  out.line(`         ${bytesText(s.residentBytes)} of memory`);
  const stored = storedText(s.sizes);
  if (stored) out.line(`         ${stored}`);
  printFigures(out, s);
  for (const child of s.children) printChild(out, child);
  const ahead = s.clockAhead ? durationMs(s.clockAhead) : 0;
  if (Math.abs(ahead) >= 2_000) {
    const how = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'}`;
    out.line(`         its clock is ${how} the database's, whose time is used; set it right`, 'yellow');
  }
  for (const { createTime, text } of s.notices) out.line(`         ${timeText(createTime)}: ${text}`, 'yellow');
  if (s.stopped) out.line(`         stopped: ${s.stopped}`, 'red');
}

/** Tables that are named; `--json` has them all. */
const MOST_TABLES = 3;

function storedText(sizes: ControlStatus['sizes']): string | undefined {
  const all = sizes.reduce((sum, { bytes }) => sum + bytes, 0n);
  if (all === 0n) return undefined;
  const largest = sizes
    .slice(0, MOST_TABLES)
    .map(({ table, rows, bytes }) => `${table} ${bytesText(bytes)} (${countText(Number(rows), 'row')})`);
  return `about ${bytesText(all)} stored: ${largest.join(', ')}`;
}

/** A program that the control plane started, and starts again when it ends. */
function printChild(out: Printer, child: ChildProgram): void {
  const { name, running, ends, lastEnd, lastEndTime, residentBytes, missing } = child;
  const memory = residentBytes > 0n ? `, ${bytesText(residentBytes)} of memory` : '';
  out.line(`         ${name}: ${running ? 'runs' : 'is being started'}${memory}`, running ? undefined : 'yellow');
  for (const each of missing) out.line(`         ${name} is without ${each}`, 'yellow');
  if (ends === 0) return;
  out.line(`         ${name} ended ${countText(ends, 'time')}, last ${timeText(lastEndTime)}: ${lastEnd}`, 'yellow');
}

/** Only what is not as it should be; `--json` has the figures always. */
function printFigures(out: Printer, { turns, requestFaults }: Pick<ControlStatus, 'turns' | 'requestFaults'>): void {
  if (requestFaults > 0n) {
    const faults = countText(Number(requestFaults), 'request');
    out.line(`         ${faults} failed in a way that was not expected; see \`bowline logs\``, 'yellow');
  }
  if (turns && turns.overLimit > 0n) {
    const times = countText(Number(turns.overLimit), 'time');
    out.line(`         stood still ${times} for more than 50 ms, for ${turns.longestMs} ms at most`, 'yellow');
  }
}
