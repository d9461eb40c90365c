// What `approvals allow --pattern` asks for: until when, how often, and what it would have covered so far.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Approval, type GrantWish, GrantWishSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { PreviewGrantResponse } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { countText, durationUpTo, timeText } from '../units.ts';
import { effectTitle } from './effect-lines.ts';
import { seenSentence, wrapped } from './seen-text.ts';
import { REST } from './view-rows.ts';

export interface GrantOptions {
  pattern?: string;
  until?: string;
  uses?: number;
}

const DAY_MS = 86_400_000;

/** Undefined where no grant is asked for. @throws USAGE */
export function grantWish({ pattern, until, uses }: GrantOptions, now: number): GrantWish | undefined {
  if (pattern === undefined) {
    if (until !== undefined || uses !== undefined)
      throw new AppError('USAGE', { what: '--until and --uses are for a grant: name its --pattern, too' });
    return undefined;
  }
  const expireTime = until === undefined ? {} : { expireTime: timestampFromMs(endOf(until, now)) };
  return create(GrantWishSchema, { pattern, uses: uses ?? 0, ...expireTime });
}

/** `2h`, `3d`, or a date with or without a time. */
function endOf(text: string, now: number): number {
  const days = /^(\d{1,2})d$/.exec(text);
  if (days) return now + Number(days[1]) * DAY_MS;
  if (/^\d+[a-z]+$/.test(text)) return now + durationUpTo(30 * DAY_MS)(text);
  const at = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?$/.test(text) ? Date.parse(dateOf(text)) : Number.NaN;
  if (Number.isNaN(at))
    throw new AppError('USAGE', { what: '--until takes a time like 2h or 3d, or a date like 2027-01-31' });
  return at;
}

/** Of this machine's zone; a date alone is its begin. */
const dateOf = (text: string): string => (text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'));

/** What it would have covered, on the screen on which it is asked for. */
export function tellPreview(io: CliIo, { grant, calls, newest, known }: PreviewGrantResponse): void {
  const err = new Printer(io.stderr, io.env);
  const uses = countText(grant?.uses ?? 0, 'call');
  const lines = [
    `  this grant: ${seenSentence(grant?.pattern ?? '')}, for ${uses}, until ${timeText(grant?.expireTime)}`,
    `  of ${countText(known, 'other call')} that you were asked for it would have covered ${calls}`,
    ...newest.map((each) => `    ${titleOf(each)}`),
  ];
  const { columns = Number.POSITIVE_INFINITY } = io.stderr;
  for (const line of lines) for (const part of wrapped(line, columns, REST)) err.quoted(part);
}

const titleOf = ({ effect, createTime }: Approval): string => `${timeText(createTime)}  ${effectTitle(effect)}`;
