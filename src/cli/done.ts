// What a verb says that did something: a line for people on stderr, or with `--json` one object.
import type { CliIo } from './io.ts';
import { Printer } from './output.ts';
import type { PlainObject } from './plain.ts';

export function done(io: CliIo, { json }: { readonly json?: boolean }, line: string, object: PlainObject): void {
  if (json) new Printer(io.stdout, io.env).json(object);
  else new Printer(io.stderr, io.env).line(line);
}
