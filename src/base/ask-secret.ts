// Reads a key from a person or a pipe. It is never echoed, and never comes from the command line.
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { AppError } from './errors.ts';
import type { OutStream } from './out-stream.ts';
import { Secret } from './secret.ts';

/** Most characters of a key. */
const MAX_KEY = 4096;

interface Asking {
  readonly stdin: NodeJS.ReadableStream;
  readonly stderr: OutStream;
}

/** Asks on the terminal, without echo; undefined for an empty answer. Throws CANCELED on Ctrl-C or Ctrl-D. */
export async function askSecret(io: Asking, label: string): Promise<Secret | undefined> {
  return secretOf(await askHidden(io, label));
}

/** One line from the terminal, without echo. Throws CANCELED on Ctrl-C or Ctrl-D. */
export async function askHidden(io: Asking, label: string): Promise<string> {
  io.stderr.write(`${label}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: io.stdin, output: silent, terminal: true, historySize: 0 });
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.once('line', resolve);
      terminal.once('SIGINT', () => reject(new AppError('CANCELED')));
      terminal.once('close', () => reject(new AppError('CANCELED')));
    });
  } finally {
    terminal.close();
    io.stderr.write('\n');
  }
}

/** The whole of standard input as a key. Throws USAGE when it is empty or far too long. */
export async function readSecret(input: NodeJS.ReadableStream): Promise<Secret> {
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.length > MAX_KEY) throw new AppError('USAGE', { what: 'standard input is no key: it is far too long' });
  }
  const secret = secretOf(text);
  if (!secret) throw new AppError('USAGE', { what: 'standard input was empty; it should have been the key' });
  return secret;
}

function secretOf(text: string): Secret | undefined {
  const key = text.trim();
  if (/\s/.test(key) || key.length > MAX_KEY) throw new AppError('USAGE', { what: 'a key is one word' });
  return key === '' ? undefined : new Secret(key);
}
