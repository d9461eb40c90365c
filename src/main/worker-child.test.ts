import { expect, test } from 'vitest';
import { SERVABLE } from '../worker/program/capability-names.ts';
import { workerSettings, workerSettingsOf } from '../worker/program/config.ts';
import { edgeEnvironment, workerEnvironment } from './child-environment.ts';
import { handedOf } from './worker-child.ts';

const HOME = '/nowhere/home';

/** What the worker makes of what it is handed. */
function settled(env: Record<string, string>, set: readonly string[]) {
  const settings = workerSettingsOf(HOME, env, { set }, { names: ['BOWLINE_PORT'], set: true }).config;
  const handed = handedOf({ home: HOME, settings, set, env, drainMs: 15_000.5 });
  return workerSettingsOf(HOME, handed.env, { set: handed.set }, { names: ['BOWLINE_PORT'], set: true }).config;
}

test('the worker has the settings of its `up`, by flag before environment, and of its own what is its place there', () => {
  const env = { BOWLINE_WORKER_SLOTS: '2', BOWLINE_WEB_BRAVE_KEY: 'key', BOWLINE_PORT: '1', OPENAI_API_KEY: 'k' };
  const made = settled(env, ['BOWLINE_PORT=2', 'BOWLINE_WORKER_SLOTS=3', 'BOWLINE_LOG_TO=stderr']);
  expect(made).toMatchObject({
    slots: 3,
    serve: SERVABLE,
    name: 'local',
    logTo: 'file',
    drainMs: 15_000,
    keyFile: `${HOME}/control/worker.key`,
  });
  expect(made.webBraveKey?.reveal()).toBe('key');
});

test('what the owner chose to serve and to be called stays', () => {
  expect(settled({ BOWLINE_WORKER_SERVE: 'llm,web', BOWLINE_WORKER_NAME: 'mine' }, [])).toMatchObject({
    serve: ['llm', 'web'],
    name: 'mine',
  });
});

test('keys of models reach the worker as its environment, whatever they are called', () => {
  const handed = handedOf({ home: HOME, settings: workerSettings(), set: [], env: { MY_KEY: 'k' }, drainMs: 1 });
  expect(handed.env).toEqual({ MY_KEY: 'k' });
});

test('the environment of a child is a list of names: a proxy for the worker alone, a key for none', () => {
  const env = { PATH: '/bin', LC_ALL: 'C', HTTPS_PROXY: 'http://p', OPENAI_API_KEY: 'k', BOWLINE_DATABASE_URL: 'u' };
  expect(edgeEnvironment(env)).toEqual({ PATH: '/bin', LC_ALL: 'C' });
  expect(workerEnvironment(env)).toEqual({ PATH: '/bin', LC_ALL: 'C', HTTPS_PROXY: 'http://p' });
  expect(workerEnvironment({ NODE_OPTIONS: '--inspect', LD_PRELOAD: 'x', PATH_X: 'y' })).toEqual({});
});
