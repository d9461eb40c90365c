// Google's gRPC for Python with its compiler of protos: a client and a worker that nobody here wrote.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { aptInstall } from './apt.ts';

export const PYTHON = '/usr/bin/python3';

const run = promisify(execFile);

/** Why Python clients cannot run here; undefined when they can. Installs what is missing where that is possible (Debian, as root). */
export async function pythonLacks(): Promise<string | undefined> {
  const todo = 'apt-get install python3-grpcio python3-grpc-tools';
  try {
    await aptInstall(['python3-grpcio', 'python3-grpc-tools'], installed, todo);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : todo;
  }
}

const installed = (): Promise<true | undefined> =>
  run(PYTHON, ['-c', 'import grpc, grpc_tools.protoc']).then(
    () => true,
    () => undefined,
  );
