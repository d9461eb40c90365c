// A run of the control plane as JSON.
import { type Run, RunSchema } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { EgressSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { outcomeJson } from './ask-result.ts';
import { type PlainObject, plain } from './plain.ts';

/**
 * A run as JSON: what the contract has of it, with the fields of `ask --json` on top. Sizes in `egress` are null: only the box
 * knows them.
 */
export function runJson(run: Run, deviceName?: string): PlainObject {
  const { outcome: _, jobs: __, egress: ___, ...head } = plain(RunSchema, run);
  const jobs = run.jobs.length > 0 ? run.jobs : (run.outcome?.jobs ?? []);
  return {
    ...head,
    deviceName: deviceName ?? null,
    ...outcomeJson(run.outcome, jobs),
    egress: run.egress.map((entry) => ({
      ...plain(EgressSchema, entry),
      bytes: entry.bytes > 0n ? Number(entry.bytes) : null,
    })),
  };
}
