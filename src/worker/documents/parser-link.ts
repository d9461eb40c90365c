// How a process that reads documents is started: in isolation, or, where that was explicitly accepted, as a plain child with Node's
// permission model. It knows nothing of documents.
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { IsolatedLimits, Mount } from '../isolation/isolated-spec.ts';
import type { Isolation } from '../isolation/open-isolation.ts';
import type { ParserSettings } from './parser-settings.ts';

export interface ParserLink {
  readonly input: Writable;
  /** Why it ended, once it has: the name of a limit or a signal, or a few words. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** Starts a process; `see` gets what it prints. */
export type StartParser = (see: (data: Uint8Array) => void) => ParserLink;

type ParserLimits = Pick<ParserSettings, 'memoryBytes' | 'documentMs' | 'documents'>;

/** A life without a document for so long ends by itself, whatever became of its owner. */
const LIFE_MS = 3_600_000;
/** Answers of one life: many documents of the largest text there is. */
const OUTPUT_BYTES = 1 << 30;
const PLACE = '/opt/bowline';

/** Of the bundle; the first is where it begins. */
export const BUNDLE = ['parser-child.mjs', 'read-pdf.mjs', 'read-docx.mjs'] as const;

/**
 * Its own code, and nothing else: a bundle when run from `dist/`; from source what the sources import. The folders are mounted one
 * by one, so that nothing beside them is seen.
 */
function code(): { readonly entry: string; readonly root: string; readonly parts: readonly string[] } {
  const here = import.meta.url;
  if (!here.endsWith('.ts')) {
    const entry = realpathSync(fileURLToPath(new URL(`./${BUNDLE[0]}`, here)));
    return { entry, root: dirname(entry), parts: BUNDLE };
  }
  const root = realpathSync(fileURLToPath(new URL('../../../', here)));
  const parts = ['package.json', 'node_modules', join('src', 'base'), join('src', 'worker', 'documents')];
  return { entry: join(root, 'src', 'worker', 'documents', 'parser-child.ts'), root, parts };
}

function flags(readable: readonly string[], { memoryBytes }: ParserLimits): string[] {
  const megabytes = Math.floor(memoryBytes / 2 / 1048576);
  return [
    '--permission',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    '--disallow-code-generation-from-strings',
    '--no-addons',
    '--no-warnings',
    `--max-old-space-size=${megabytes}`,
    '--max-semi-space-size=16',
  ];
}

export function isolatedParser(isolation: Isolation, limits: ParserLimits): StartParser {
  const { entry, root, parts } = code();
  const mounts: Mount[] = parts.map((part) => ({ from: join(root, part), to: join(PLACE, part) }));
  mounts.push({ from: realpathSync(process.execPath), to: '/opt/node' });
  const argv = ['/opt/node', ...flags([PLACE], limits), entry.replace(root, PLACE)];
  const all: IsolatedLimits = {
    wallMs: LIFE_MS,
    cpuMs: 2 * limits.documentMs * limits.documents,
    memoryBytes: limits.memoryBytes,
    processes: 64,
    outputBytes: OUTPUT_BYTES,
    diskBytes: 1 << 20,
  };
  return (see) => {
    const stop = new AbortController();
    const input = new PassThrough();
    input.on('error', () => {});
    const onOutput = (stream: 'stdout' | 'stderr', data: Uint8Array) => {
      if (stream === 'stdout') see(data);
    };
    const run = isolation.run({ argv, mounts, stdin: input, limits: all, onOutput }, stop.signal);
    const ended = run.then(
      ({ limit, signal, code }) => limit ?? (signal || `code ${code}`),
      (error: unknown) => (error instanceof Error ? error.message : 'it could not be started'),
    );
    return { input, ended, kill: () => stop.abort() };
  };
}

export function plainParser(limits: ParserLimits): StartParser {
  const { entry, root, parts } = code();
  const args = [
    ...flags(
      parts.map((part) => join(root, part)),
      limits,
    ),
    entry,
  ];
  return (see) => {
    const child = spawn(process.execPath, args, { cwd: '/', env: {}, stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.on('error', () => {});
    child.stdout.on('data', see);
    const ended = new Promise<string>((resolve) => {
      child.once('error', () => resolve('it could not be started'));
      child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
    });
    return { input: child.stdin, ended, kill: () => void child.kill('SIGKILL') };
  };
}
