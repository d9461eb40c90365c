// What a verb may touch of its process: folder, environment, streams, Ctrl-C and the exit code. `main` gives the real ones.
import type { OutStream } from '../base/out-stream.ts';

export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The caller's folder, absolute. */
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: OutStream;
  readonly stderr: OutStream;
  /** Where it is told what is waited for, if not on stderr. */
  readonly waitsOn?: OutStream;
  /** It is told how far it is: of a wait only what stands in its way is told. */
  readonly tellsProgress?: boolean;
  /** Calls `listener` at each Ctrl-C until the returned function is called; without a listener Ctrl-C ends the process. */
  onInterrupt(listener: () => void): () => void;
  /** Sets the exit code of the process; the last call counts. */
  exit(code: number): void;
}
