import { expect, test } from 'vitest';
import { redisTarget } from './redis-options.ts';

const thrown = (run: () => unknown) => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

test('the URL gives host, port, user, password, database and TLS; nothing secret is in what may be printed', () => {
  const target = redisTarget({ url: 'rediss://me:p%40ss@redis.example:7000/3' });
  expect(target).toMatchObject({
    kind: 'single',
    addresses: [{ host: 'redis.example', port: 7000 }],
    username: 'me',
    password: 'p@ss',
    db: 3,
    tls: {},
    prefix: '{bowline}',
    channels: '{bowline}:db3',
    where: 'redis.example:7000',
  });
  expect(redisTarget({ url: 'redis://[::1]', prefix: 'x' })).toMatchObject({
    where: '[::1]:6379',
    prefix: '{x}',
    tls: undefined,
  });
});

test.each([
  ['redis://10.0.0.1', 'TLS and a password'],
  ['redis://:pw@10.0.0.1', 'TLS'],
  ['rediss://10.0.0.1', 'a password'],
  ['redis://localhost.example', 'TLS and a password'],
  ['redis://0.0.0.0', 'TLS and a password'],
])('%s is refused for want of %s, unless it is said to be right', (url, missing) => {
  expect(thrown(() => redisTarget({ url }))).toMatchObject({ reason: 'REDIS_INSECURE', metadata: { missing } });
  expect(redisTarget({ url, insecure: true }).addresses).toHaveLength(1);
});

test('loopback needs neither; Sentinels and cluster nodes are judged, not the host of the URL', () => {
  for (const host of ['127.0.0.1', '127.8.9.1', 'localhost', '[::1]'])
    expect(redisTarget({ url: `redis://${host}` }).db).toBe(0);
  const far = [{ host: '10.0.0.1', port: 1 }];
  const near = [{ host: '127.0.0.1', port: 1 }];
  const url = 'redis://127.0.0.1';
  expect(thrown(() => redisTarget({ url, cluster: far }))).toMatchObject({ reason: 'REDIS_INSECURE' });
  expect(thrown(() => redisTarget({ url, sentinels: far, master: 'm' }))).toMatchObject({ reason: 'REDIS_INSECURE' });
  expect(redisTarget({ url, cluster: near })).toMatchObject({ kind: 'cluster', where: '127.0.0.1:1' });
  expect(redisTarget({ url, sentinels: near, master: 'm' })).toMatchObject({ kind: 'sentinel', master: 'm' });
});

test.each([
  ['not a url', {}],
  ['http://127.0.0.1', {}],
  ['redis://127.0.0.1/orders', {}],
  ['redis://127.0.0.1/1', { cluster: [{ host: '127.0.0.1', port: 1 }] }],
  ['redis://127.0.0.1', { sentinels: [{ host: '127.0.0.1', port: 1 }] }],
  ['rediss://127.0.0.1', { caFile: '/nonexistent/ca.pem' }],
])('%s %j is unusable, and the message keeps the password to itself', (url, more) => {
  expect(thrown(() => redisTarget({ url, ...more }))).toMatchObject({ reason: 'REDIS_UNUSABLE' });
  const secret = thrown(() => redisTarget({ url: url.replace('://', '://:hunter2@'), ...more })) as Error;
  expect(secret.message).not.toContain('hunter2');
});
