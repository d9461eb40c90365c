// What `doctor` asks the programs and services of this home: edge, control plane, the model that answers, Postgres and Redis where they
// are configured. It changes nothing; the model gets one tiny question without a file.
import { systemClock } from '../../base/clock.ts';
import { homePaths } from '../../base/home.ts';
import { readControlInfo } from '../../base/home-files.ts';
import { waitingText } from '../../cli/approvals/approval-view.ts';
import type { GlobalOptions } from '../../cli/client.ts';
import { todayText } from '../../cli/egress-text.ts';
import { type HomeAnswers, homeAnswers } from '../../cli/home-answers.ts';
import { type HomeHealth, type HomeRole, homeHealth, startedBy } from '../../cli/home-health.ts';
import type { CliIo } from '../../cli/io.ts';
import { toAppError } from '../../contract/errors.ts';
import { chatModels } from '../../worker/handlers/llm/chat-models.ts';
import { RULES } from '../../worker/models/built-in.ts';
import { readModels } from '../../worker/models/read-models.ts';
import { testModel } from '../../worker/program/model-test.ts';
import { type DoctorFinding, fault, forHome, ok, warning } from './finding.ts';

const LIMIT_MS = 5_000;
const MODEL_MS = 20_000;

interface Where {
  readonly home: string;
  readonly usual: string;
}

/** What the home is meant to run, and what stands in the way of answers: the list that `status` tells, with what to type. */
export async function running(io: CliIo, options: GlobalOptions, where: Where): Promise<DoctorFinding[]> {
  const answers = await homeAnswers(io, options);
  const { roles, findings, workers } = homeHealth(homePaths(where.home), answers);
  const away = findings.filter(({ why }) => NOT_THERE.has(why.reason));
  const meant = roles.length > 0 ? roles : USUAL_ROLES;
  const missing = away.some(({ side }) => side === 'home')
    ? meant
    : meant.filter((role) => away.some(({ side }) => side === role));
  const told = findings.filter((each) => !away.includes(each));
  return [
    ...('status' in answers.edge && answers.edge.status.pendingApprovals > 0
      ? [warning('approvals', waitingText(answers.edge.status.pendingApprovals))]
      : []),
    ...leftToday(answers),
    ...told.map(({ side, why, stops }) => (stops ? fault : warning)(side, why.message)),
    ...(missing.length > 0 ? [notRunning(missing, where)] : []),
    ...thoseWell(
      answers,
      roles.includes('worker') ? workers : [],
      new Set([...told.filter(({ stops }) => stops).map(({ side }) => side), ...missing]),
    ),
  ];
}

/** How much of what may leave on one day has left. */
function leftToday({ edge }: HomeAnswers): DoctorFinding[] {
  const today = 'status' in edge ? todayText(edge.status.egressToday) : undefined;
  return today ? [(today.nearlyFull ? warning : ok)('egress', today.text)] : [];
}

/** No program is there to say anything. */
const NOT_THERE: ReadonlySet<string> = new Set(['NOT_RUNNING', 'HOME_EMPTY', 'WORKER_NOT_RUNNING']);
/** Of a home in which nothing was started yet. */
const USUAL_ROLES: readonly HomeRole[] = ['edge', 'control'];
const CALLED: Readonly<Record<HomeRole, string>> = { control: 'control plane', edge: 'edge', worker: 'worker' };

function notRunning(missing: readonly HomeRole[], { home, usual }: Where): DoctorFinding {
  const names = missing.map((role) => CALLED[role]).join(' and ');
  // `missing` alone, where one runs: beside it `up` would find the home locked.
  return fault('programs', `not running: ${names}`, forHome(startedBy(missing), home, usual));
}

/** Those of which nothing stands in the way of answers. */
function thoseWell(
  { edge, control }: HomeAnswers,
  workers: HomeHealth['workers'],
  unwell: ReadonlySet<string>,
): DoctorFinding[] {
  const found: DoctorFinding[] = [];
  if ('status' in edge && !unwell.has('edge')) {
    found.push(ok('edge', `${edge.status.deviceName} is connected`));
    if (!edge.status.clockDoubt) found.push(ok('clock', 'fits that of the control plane'));
  }
  if ('status' in control && !unwell.has('control'))
    found.push(ok('control', `answers, ${control.status.workers} workers connected`));
  if (!unwell.has('worker'))
    found.push(...workers.filter(({ connected }) => connected).map(({ name }) => ok('worker', `${name} is connected`)));
  return found;
}

/** Whether the control plane of this home said that it listens. */
export const controlListens = (home: string): boolean => readControlInfo(homePaths(home).controlInfo) !== undefined;

/** The model that answers: whether its key is there, and whether it does. */
export async function model(env: CliIo['env'], { home, usual }: Where): Promise<DoctorFinding> {
  let name: string = RULES;
  try {
    const known = readModels(home);
    name = known.defaultModel;
    if (name === RULES) return ok('model', 'rules, which is built in');
    const driver = chatModels(known, home, env, systemClock).drivers.get(name);
    const { totalMs } = await testModel(driver!, systemClock, MODEL_MS);
    return ok('model', `${name} answers, in ${totalMs} ms`);
  } catch (error) {
    const back = name === RULES ? undefined : forHome(`bowline models default ${RULES}`, home, usual);
    return fault('model', `${name}: ${toAppError(error).message}`, back);
  }
}

export async function postgres(url: string | undefined): Promise<DoctorFinding[]> {
  if (!url) return [];
  const { Client } = (await import('pg')).default;
  let client: InstanceType<typeof Client> | undefined;
  try {
    // Throws where the URL is none.
    client = new Client({ connectionString: url, connectionTimeoutMillis: LIMIT_MS, query_timeout: LIMIT_MS });
    client.on('error', () => {});
    await client.connect();
    await client.query('select 1');
    return [ok('postgres', 'answers')];
  } catch (error) {
    return [fault('postgres', `does not answer: ${reasonOf(error)}`, 'start it, or set DATABASE_URL right')];
  } finally {
    await client?.end().catch(() => {});
  }
}

export async function redis(url: string | undefined): Promise<DoctorFinding[]> {
  if (!url) return [];
  const { Redis } = await import('ioredis');
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: LIMIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // What its promise says is only that the connection is closed.
  let cause: unknown;
  client.on('error', (error) => {
    cause ??= error;
  });
  try {
    await client.connect();
    await client.ping();
    return [ok('redis', 'answers')];
  } catch (error) {
    return [fault('redis', `does not answer: ${reasonOf(cause ?? error)}`, 'start it, or set REDIS_URL right')];
  } finally {
    client.disconnect();
  }
}

/** Without the address, which may hold a password. */
function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'no connection';
}
