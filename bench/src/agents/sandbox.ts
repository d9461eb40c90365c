// The sandbox's handler beside the least that isolates a Node: bubblewrap and Node started by hand, with the same output read to its end.
import { spawn } from 'node:child_process';
import { create } from '@bufbuild/protobuf';
import { Language, RunRequestSchema, type RunResponse } from '../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { openSandbox } from '../../../src/worker/handlers/sandbox/open-sandbox.ts';
import type { HandlerContext } from '../../../src/worker/kit/handler.ts';
import { loneContext } from '../../../src/worker/kit/lone-context.ts';
import { workerSettings } from '../../../src/worker/program/config.ts';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies } from '../harness/load.ts';

/** What both run. */
const CODE = 'console.log(1 + 1)';
const SAID = '2\n';

/** As the manual of bubblewrap begins: the system read-only, nothing shared, nobody's rights. */
const BARE = [
  ...['--unshare-all', '--unshare-user', '--uid', '65534', '--gid', '65534', '--cap-drop', 'ALL', '--clearenv'],
  ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
  ...['--ro-bind', process.execPath, '/node', '--tmpfs', '/tmp', '--proc', '/proc', '--dev', '/dev'],
  ...['/node', '--input-type=module', '-e', CODE],
];
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

type Run = (request: object, context: HandlerContext) => AsyncIterable<RunResponse>;
const { handler } = await openSandbox({
  home: '/',
  env: {},
  settings: workerSettings(),
  clock: systemClock,
  log: silentLogger,
});
const run = handler.methods.Run as unknown as Run;
const request = create(RunRequestSchema, { language: Language.JAVASCRIPT, code: CODE });

async function ours(): Promise<void> {
  let said = '';
  for await (const { event } of run(request, loneContext())) {
    if (event.case === 'output') said += Buffer.from(event.value.data).toString();
  }
  if (said !== SAID) throw new Error(`the program said ${said}`);
}

function bare(): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const child = spawn('/usr/bin/bwrap', BARE, { ...nobody, env: {}, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
    });
    child.once('error', reject);
    child.once('close', () => (said === SAID ? resolve() : reject(new Error(`the program said ${said}`))));
  });
}

serveAgent({
  ours: (args: LatencyArgs) => latencies(ours, args),
  bare: (args: LatencyArgs) => latencies(bare, args),
});
