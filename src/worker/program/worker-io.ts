// What the verbs of this room may touch of their process; `main` gives the real ones, tests their own.
import type { OutStream } from '../../base/out-stream.ts';

export interface WorkerIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: OutStream;
  readonly stderr: OutStream;
  /** Resolves with a word for it when the program is asked to stop; default: SIGTERM, SIGINT, SIGHUP. */
  readonly stopping?: () => Promise<string>;
}
