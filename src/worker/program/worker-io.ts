// What the verbs of this room may touch of their process; `main` gives the real ones, tests their own.

export interface OutStream {
  write(text: string): unknown;
}

export interface WorkerIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: OutStream;
  readonly stderr: OutStream;
  /** Resolves with a word for it when the program is asked to stop; default: SIGTERM, SIGINT, SIGHUP. */
  readonly stopping?: () => Promise<string>;
}

/** Text from elsewhere on one line of a terminal: nothing that moves the cursor or hides text. */
export const inertLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');

/** Rows in columns, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => inertLine(row[at] ?? '').length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => inertLine(cell).padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
