// The words in which a provider says why: one line, bounded, without what may be a key. They may quote the conversation, so they go
// only where that goes: into the failure of the job. Pure.

import { inertLine } from '../../../base/inert.ts';
import { isRecord } from '../../../base/is-record.ts';

/** Letters of a reason that are read, and that are told. */
const READ = 4096;
const TOLD = 300;

/** The message in the body or the error of a provider, however it nests it; empty where it gives none. `key` is left out of it. */
export function ownReason(body: unknown, key?: string): string {
  const message = messageOf(body, 4).slice(0, READ);
  const open = key !== undefined && key.length >= 4 ? message.replaceAll(key, '***') : message;
  const line = inertLine(open.toWellFormed()).split(/\s/).filter(Boolean).map(masked).join(' ');
  return line.length > TOLD ? `${line.slice(0, TOLD).toWellFormed()}…` : line;
}

function messageOf(value: unknown, depth: number): string {
  if (typeof value === 'string') return value;
  if (depth === 0) return '';
  if (Array.isArray(value)) return messageOf(value[0], depth - 1);
  if (!isRecord(value)) return '';
  for (const field of ['error', 'message', 'detail', 'msg', 'error_description', 'title']) {
    const found = messageOf(value[field], depth - 1);
    if (found !== '') return found;
  }
  return '';
}

/** What looks like a key or a token: long, of letters and digits without a meaning; or with a known beginning. */
function masked(word: string): string {
  const bare = /[A-Za-z0-9_+/=-]{8,}/.exec(word)?.[0] ?? '';
  const known = /^(?:sk|pk|rk|gsk|xai|hf|AIza|ghp|bw[a-z])[-_]?/.test(bare) && bare.length >= 12;
  const random = bare.length >= 24 && /\d/.test(bare) && /[A-Za-z]/.test(bare);
  return known || random ? word.replace(bare, '***') : word;
}
