// A line of the ledger as a row of a CSV file. Pure.
import { SensitivitySchema } from '../../gen/bowline/policy/v1/options_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';
import { countsForDay } from '../contract/counts-for-day.ts';
import { csvLine } from './csv.ts';
import { enumText } from './plain.ts';

export const EGRESS_CSV_HEAD = 'time,run,job,path,field,kind,bytes,to,grant,counts';

export function egressCsv(line: Egress): string {
  const { createTime, run, job, path, field, sensitivity, bytes, recipients, grant } = line;
  const at = createTime ? new Date(Number(createTime.seconds) * 1000 + createTime.nanos / 1e6).toISOString() : '';
  const kind = enumText(SensitivitySchema, sensitivity);
  const counts = countsForDay(line) ? 'yes' : 'no';
  return csvLine([at, run, job, path, field, kind, `${bytes}`, recipients.join('; '), grant, counts]);
}
