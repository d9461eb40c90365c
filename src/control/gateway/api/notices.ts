// What an owner should know of the last days, in words, from the audit trail. Pure.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { AuditRecord } from '../../ledger/audit.ts';

/** Which entries are told, of how many days, and how many at most. */
export const NOTICED = { actions: ['join_token.reused', 'join_token.expired'], days: 7, most: 20 } as const;

const UNCHANGED =
  'It was refused and nothing was changed. If that was not you, somebody has read the line: see `bowline devices ls`';

/** One notice for each entry. */
export function noticesOf(entries: readonly AuditRecord[]) {
  return entries.map((entry) => ({
    createTime: timestampFromMs(entry.at),
    action: entry.action,
    text: textOf(entry).slice(0, 1000),
  }));
}

function textOf({ action, subject, detail }: AuditRecord): string {
  if (action === 'join_token.expired') {
    const name = subject.slice('name:'.length);
    return `a join line${name === '' ? '' : ` for ${name}`} was used when it had expired or was revoked. ${UNCHANGED}, or make a new one with \`bowline devices join-token\``;
  }
  const whose = detail.removed === true ? 'a device that you removed' : `the device ${String(detail.name ?? '')}`;
  return `the join line of ${whose} was used a second time, with other keys. ${UNCHANGED}`;
}
