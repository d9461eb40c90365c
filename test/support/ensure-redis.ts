// Before any test: sees to it that there is a redis-server, so that no hook of a test has to wait for its installation. Where
// it cannot be had nothing is said here; the tests that need it say so.
import { NO_REDIS, redisServer } from './redis-server.ts';

export async function setup(): Promise<void> {
  if (process.env.BOWLINE_TEST_REDIS_URL) return;
  await redisServer().catch((error: Error) => {
    process.env[NO_REDIS] = error.message;
  });
}
