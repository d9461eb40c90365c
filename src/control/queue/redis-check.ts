// What is looked at once at the start: does Redis keep what it is given, and may we do all that queue and bus will do?
import { Cluster, type Redis } from 'ioredis';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { JobQueue } from './ports.ts';
import { type RedisClient, redisProblem } from './redis-connection.ts';

/** The oldest that BullMQ recommends. */
const OLDEST = [6, 2] as const;

/** Throws REDIS_UNUSABLE for a server that tells that it is too old. */
export async function checkVersion(client: RedisClient, where: string): Promise<void> {
  const info = await client.info('server').catch(() => '');
  const [, version = '', major, minor] = /^redis_version:((\d+)\.(\d+)\S*)/m.exec(info) ?? [];
  if (version === '' || Number(major) > OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) >= OLDEST[1]))
    return;
  throw new AppError('REDIS_UNUSABLE', { where, problem: `it is of version ${version}; ${OLDEST.join('.')} or newer is needed` }); // biome-ignore format: one line
}

/** Warns when Redis may throw keys away under memory pressure. Never throws. */
export async function checkPolicy(client: RedisClient, where: string, log: Logger): Promise<void> {
  for (const node of client instanceof Cluster ? client.nodes('master') : [client]) {
    const policy = await policyOf(node);
    if (policy === undefined) {
      log.info('Redis does not tell its maxmemory-policy; see to it that it is noeviction', { where });
    } else if (policy !== 'noeviction') {
      log.warn(
        `Redis has maxmemory-policy ${policy}: when its memory is full it drops queued jobs in silence, and they wait until the database puts them back. Set maxmemory-policy noeviction`,
        { where, policy },
      );
    }
  }
}

/** Managed servers and narrow rights may refuse CONFIG, INFO or both. */
async function policyOf(node: Redis): Promise<string | undefined> {
  const config = await node.config('GET', 'maxmemory-policy').catch(() => undefined);
  if (Array.isArray(config) && typeof config[1] === 'string') return config[1];
  const info = await node.info('memory').catch(() => '');
  return /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
}

/**
 * Does once what will be done all the time. Throws REDIS_UNUSABLE when the server refuses a part of it, so that missing rights
 * are told at the start and not by jobs that never come.
 */
export async function checkRights(
  parts: { client: RedisClient; listener: Redis; queue: JobQueue; channels: string },
  where: string,
): Promise<void> {
  const { client, listener, queue, channels } = parts;
  const id = `check/${newId()}/0/0-1`;
  try {
    await queue.add('check', [id]);
    // Another replica that starts may have this one's id; all of them are worth nothing.
    for (const job of await queue.dequeue('check', 10)) {
      await job.extend();
      await job.release();
    }
    for (const job of await queue.dequeue('check', 10)) await job.done();
    await queue.counts('check');
    await queue.remove('check', id);
    await listener.subscribe(`${channels}:check`);
    await client.publish(`${channels}:check`, '');
    await listener.unsubscribe(`${channels}:check`);
  } catch (error) {
    const cause = error instanceof AppError ? error.cause : error;
    const problem = redisProblem(cause);
    // Only what the server said is a reason to give up; a connection that broke comes back.
    if (!(cause instanceof Error && cause.name === 'ReplyError')) return;
    throw new AppError('REDIS_UNUSABLE', { where, problem }, { cause: error });
  }
}
