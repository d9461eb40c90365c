// The owner's socket of a tools side, with the methods about approvals, grants and undo, and verbs of the command line that talk to it.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import { onTestFinished } from 'vitest';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { RequestFaults } from '../../src/base/stray-errors.ts';
import type { CliIo } from '../../src/cli/io.ts';
import { GrantHistory } from '../../src/edge/approvals/grant-history.ts';
import { approvalMethods } from '../../src/edge/local/approval-methods.ts';
import { grantMethods } from '../../src/edge/local/grant-methods.ts';
import { ownerKey } from '../../src/edge/local/home-owner-key.ts';
import { LocalServer } from '../../src/edge/local/local-server.ts';
import { undoMethods } from '../../src/edge/local/undo-methods.ts';
import type { EdgeRig } from './edge-rig.ts';
import { roomyDay } from './roomy-day.ts';

/** Served until the test ends, when the rig is closed, too. */
export async function ownerSocket(rig: EdgeRig): Promise<void> {
  const paths = homePaths(rig.home);
  mkdirSync(join(paths.socket, '..'), { recursive: true, mode: 0o700 });
  const closing = new AbortController();
  const { desk, approvals, grants, callGrants, journal, undoing } = rig;
  const server = await LocalServer.listen({
    socket: paths.socket,
    ownerKey: ownerKey(paths.ownerKey),
    ownerKeyFile: paths.ownerKey,
    clients: 4,
    routes: (router) =>
      router.service(LocalService, {
        ...approvalMethods({ desk, approvals, day: roomyDay(), closing: closing.signal }),
        ...grantMethods({
          grants,
          callGrants,
          history: new GrantHistory(journal),
          approvals,
          journal,
          grantDocuments: async () => {
            throw new AppError('NOT_FOUND', { kind: 'document' });
          },
        }),
        ...undoMethods({ mask: () => {}, undoing, closing: closing.signal }),
      }),
    log: silentLogger,
    faults: new RequestFaults(silentLogger),
  });
  onTestFinished(async () => {
    closing.abort();
    await server.close(0);
    await rig.close();
  });
}

/** What a verb printed, and its exit code or what it threw. */
export async function runVerb(verb: (io: CliIo) => Command, home: string, ...words: string[]) {
  const said = { out: '', err: '', exit: 0, failed: '' };
  const stream = (name: 'out' | 'err') => ({
    isTTY: false,
    write: (text: string) => {
      said[name] += text;
      return true;
    },
  });
  const io = {
    env: {},
    cwd: home,
    stdin: Readable.from([]),
    stdout: stream('out'),
    stderr: stream('err'),
    onInterrupt: () => () => {},
    exit: (code: number) => {
      said.exit = code;
    },
  };
  const command = verb(io as never);
  const program = new Command('bowline').option('--home <folder>').exitOverride();
  program.addCommand(command);
  await program.parseAsync(['--home', home, command.name(), ...words], { from: 'user' }).catch((error: Error) => {
    said.failed = error.message;
  });
  return said;
}
