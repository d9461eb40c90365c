// A line of the ledger as a row of a CSV file (RFC 4180). Pure.
import { SensitivitySchema } from '../../gen/bowline/policy/v1/options_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';
import { inertLine } from '../base/inert.ts';
import { countsForDay } from '../contract/counts-for-day.ts';
import { enumText } from './plain.ts';

export const EGRESS_CSV_HEAD = 'time,run,job,path,field,kind,bytes,to,grant,counts';

export function egressCsv(line: Egress): string {
  const { createTime, run, job, path, field, sensitivity, bytes, recipients, grant } = line;
  const at = createTime ? new Date(Number(createTime.seconds) * 1000 + createTime.nanos / 1e6).toISOString() : '';
  const kind = enumText(SensitivitySchema, sensitivity);
  return [at, run, job, path, field, kind, `${bytes}`, recipients.join('; '), grant, countsForDay(line) ? 'yes' : 'no']
    .map(cell)
    .join(',');
}

/** Names are foreign: none may be a formula to a program that opens the file, nor a sign that turns or hides text. */
function cell(text: string): string {
  const safe = inertLine(/^[=+\-@]/.test(text) ? `'${text}` : text);
  return /[",\s]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
