// What `doctor` asks the programs and services of this home: edge, control plane, the model that answers, Postgres and Redis where they
// are configured. It changes nothing; the model gets one tiny question without a file.
import { StatusService } from '../../../gen/bowline/control/v1/status_service_pb.ts';
import { Connection, LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { systemClock } from '../../base/clock.ts';
import { homePaths } from '../../base/home.ts';
import { readControlInfo } from '../../base/home-files.ts';
import { controlSide, type GlobalOptions, localSide, using } from '../../cli/client.ts';
import type { CliIo } from '../../cli/io.ts';
import { fromFailure, toAppError } from '../../contract/errors.ts';
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

/** Edge and control plane; one finding where neither runs. */
export async function running(io: CliIo, options: GlobalOptions, { home, usual }: Where): Promise<DoctorFinding[]> {
  const edge = await edgeFindings(io, options);
  const control = await controlFindings(io, options);
  if (edge !== undefined && control !== undefined) return [...edge, ...control];
  const missing = [edge === undefined ? 'edge' : '', control === undefined ? 'control plane' : ''].filter(Boolean);
  return [
    ...(edge ?? []),
    ...(control ?? []),
    fault('programs', `not running: ${missing.join(' and ')}`, forHome('bowline up', home, usual)),
  ];
}

async function edgeFindings(io: CliIo, options: GlobalOptions): Promise<DoctorFinding[] | undefined> {
  try {
    const s = await using(localSide(io, options), (side) =>
      side.client(LocalService).getStatus({}, { timeoutMs: LIMIT_MS }),
    );
    const connected = s.connection === Connection.CONNECTED;
    return [
      connected
        ? ok('edge', `${s.deviceName} is connected`)
        : fault('edge', s.problem ? fromFailure(s.problem).message : 'it runs, and is not connected'),
      s.clockDoubt
        ? warning('clock', fromFailure(s.clockDoubt).message)
        : ok('clock', 'fits that of the control plane'),
    ];
  } catch (error) {
    const { reason, message } = toAppError(error);
    return reason === 'NOT_RUNNING' ? undefined : [fault('edge', message)];
  }
}

async function controlFindings(io: CliIo, options: GlobalOptions): Promise<DoctorFinding[] | undefined> {
  try {
    const s = await using(controlSide(io, options), (side) =>
      side.client(StatusService).getStatus({}, { timeoutMs: LIMIT_MS }),
    );
    const found = [
      s.databaseOk
        ? ok('control', `answers, ${s.workers} workers connected`)
        : fault('control', 'its database takes no writes or does not answer'),
    ];
    if (s.stopped) found.push(fault('control', s.stopped));
    for (const { name, missing } of s.children)
      for (const each of missing) found.push(warning('worker', `${name} is without ${each}`));
    return found;
  } catch (error) {
    const { reason, message } = toAppError(error);
    return ['NOT_RUNNING', 'USAGE', 'OWNER_KEY_MISSING'].includes(reason) ? undefined : [fault('control', message)];
  }
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
  const client = new Client({ connectionString: url, connectionTimeoutMillis: LIMIT_MS, query_timeout: LIMIT_MS });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return [ok('postgres', 'answers')];
  } catch (error) {
    return [fault('postgres', `does not answer: ${reasonOf(error)}`, 'start it, or set DATABASE_URL right')];
  } finally {
    await client.end().catch(() => {});
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
