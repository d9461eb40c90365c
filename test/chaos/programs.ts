// How workers and edges of the chaos harness are set up and started, and what they may do.
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { Connection, ConnectionSchema, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { homePaths } from '../../src/base/home.ts';
import { enumText } from '../../src/cli/plain.ts';
import type { SlowModel } from '../support/slow-model.ts';
import type { Stack } from '../support/stack.ts';
import { JOURNAL_BYTES } from './full-journal.ts';
import type { Link } from './link.ts';
import { Part } from './part.ts';
import type { Site } from './site.ts';

export interface WorkerParts {
  readonly link: Link;
  readonly key: string;
  readonly model: SlowModel | undefined;
  readonly slots: number;
  /** Seconds. */
  readonly drainS: number;
}

/** A worker that serves the model of the harness, or the rules without one; `key` is a file with a worker key. */
export function workerPart(name: string, stack: Stack, { link, key, model, slots, drainS }: WorkerParts): Part {
  if (model) stack.write('home/models.yaml', model.config, 0o600);
  const keyFile = join(stack.home, 'worker.key');
  cpSync(key, keyFile);
  const words = ['--serve', 'llm', '--name', name, '--slots', String(slots), '--drain', String(drainS)];
  const url = `http://127.0.0.1:${link.port}`;
  return new Part(name, stack, () => stack.start('worker', [...words, '--control', url, '--key-file', keyFile]));
}

/** An edge that joins at its first start, with the files and commands that the load uses. */
export async function edgePart(name: string, stack: Stack, { link, site }: { link: Link; site: Site }): Promise<Part> {
  for (const [file, text] of [
    ['docs/notes.md', '# Notes\n'],
    ['docs/log.txt', ''],
    ['ran.txt', ''],
    ['asked/none.txt', ''],
  ] as const)
    stack.write(file, text);
  stack.write('home/config.yaml', edgeConfig(stack));
  const { token } = await joinToken(site, name);
  const line = `http://127.0.0.1:${link.port} ${token} ${name}\n`;
  const words = ['--allow', stack.docs];
  return new Part(name, stack, () => {
    const joined = existsSync(homePaths(stack.home).device);
    return joined ? stack.start('edge', words) : stack.start('edge', [...words, '--join'], line);
  });
}

/** Faults may be played already; a token too many does no harm. */
async function joinToken(site: Site, name: string): Promise<{ token: string }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await site.control((transport) => createClient(DeviceService, transport).createJoinToken({ name }));
    } catch (error) {
      if (attempt === 20 || ConnectError.from(error).code !== Code.Unavailable) throw error;
      await wait(100);
    }
  }
}

/** Waits until an edge says that it is connected; throws what it says instead when the time is over. */
export async function connected(site: Site, edge: number, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  let last = 'nothing';
  while (performance.now() < end) {
    const status = await site
      .edge(edge, (transport) => createClient(LocalService, transport).getStatus({}))
      .catch((error: unknown) => ({ connection: String(error), problem: undefined }));
    if (status.connection === Connection.CONNECTED) return;
    const { connection } = status;
    last = `${typeof connection === 'string' ? connection : enumText(ConnectionSchema, connection)} ${status.problem?.message ?? ''}`;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`edge-${edge} is not connected ${withinMs} ms after everything was mended: ${last}`);
}

/** What the programs of an edge run; the last one is cancelled while it sleeps. */
export const runArgv = (stack: Stack): string[] => ['sh', '-c', `sleep 0.2; cat >> ${stack.dir}/ran.txt; sleep 0.3`];
export const napArgv = (stack: Stack): string[] => ['sh', '-c', `cat >> ${stack.dir}/ran.txt; sleep 20; echo over`];

function edgeConfig(stack: Stack): string {
  const execute = [runArgv(stack), napArgv(stack)].map(
    (argv) => `    - argv: ${JSON.stringify(argv)}
      confirm: never
      isolation: none
      stdin: true
      output: share
`,
  );
  return `allow:
  write:
    - path: ${stack.docs}/log.txt
      confirm: never
    - path: ${stack.dir}/asked
      confirm: always
  execute:
${execute.join('')}limits:
  journal_bytes: ${JOURNAL_BYTES}
`;
}

/** The pieces of the model's answer: a length that follows from the question, in its language. */
export function piecesOf(question: string): string[] {
  let sum = 0;
  for (const letter of question) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9_973;
  const chinese = /\p{Script=Han}/u.test(question);
  return Array.from({ length: 6 + (sum % 24) }, (_, n) =>
    chinese ? `第${n + 1}句，绳结越拉越紧🪢。` : `word${n + 1} `,
  );
}
