// What `init` would change, from what was chosen and what is there. Pure: nothing is read or written here.
import { isSeq, parseDocument } from 'yaml';
import type { ModelEntry } from '../../worker/models/read-models.ts';

/** A model that can be chosen; `rules` has no entry. */
export interface Choice {
  readonly name: string;
  readonly about: string;
  readonly entry: ModelEntry | undefined;
}

/** The text of a valid config.yaml with these folders readable, too; comments and order stay. Undefined where nothing is missing. */
export function allowIn(text: string, folders: readonly string[]): string | undefined {
  const document = parseDocument(text);
  const known = document.getIn(['allow', 'read']);
  const there = new Set(isSeq(known) ? (known.toJSON() as unknown[]).map(String) : []);
  const missing = folders.filter((folder) => !there.has(folder));
  if (missing.length === 0) return undefined;
  if (!isSeq(known)) document.setIn(['allow', 'read'], document.createNode([]));
  for (const folder of missing) document.addIn(['allow', 'read'], folder);
  return document.toString({ lineWidth: 0 });
}

/** Lines of `after` that are not in `before`, as they are shown. */
export function newLines(before: string, after: string): string[] {
  const old = new Set(before.split('\n'));
  return after.split('\n').filter((line) => line !== '' && !old.has(line));
}

/** The unit that keeps `up` running for this user. */
export function unitText(launcher: string, home: string, path: string): string {
  return `[Unit]
Description=Bowline, an assistant over the files of this machine
After=network-online.target

[Service]
ExecStart=${programWords(launcher)} up --home ${argument(home)}
Environment=${unitWord(`PATH=${path}`)}
Restart=on-failure
RestartSec=10
TimeoutStopSec=90

[Install]
WantedBy=default.target
`;
}

/** systemd starts no program whose path has quotes, backslashes or control characters; `env` does. In the path itself `$` means nothing. */
function programWords(launcher: string): string {
  return /["'\\\p{Cc}]/u.test(launcher) ? `/usr/bin/env -- ${argument(launcher)}` : unitWord(launcher);
}

/** An argument of a program: there `$` begins the name of a variable. */
const argument = (word: string): string => unitWord(word).replaceAll('$', '$$$$');

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '%': '%%', '\n': '\\n', '\t': '\\t' };

/** A word as systemd reads it back, on one line: no quote, backslash, `%` or control character in it means anything. */
const unitWord = (word: string): string =>
  `"${word.replace(/[\\"%\p{Cc}]/gu, (sign) => ESCAPES[sign] ?? `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
