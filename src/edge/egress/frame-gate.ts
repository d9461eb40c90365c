// Judges whole frames: the second half of the gate, for everything that is not a tool's response.
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { Ask } from '../../../gen/bowline/record/v1/record_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import { isReason } from '../../base/errors.ts';
import { bytesOf, emptyOf, fieldValue, setValue } from './field-access.ts';
import { type FieldPlan, fits, planOf } from './field-plan.ts';
import { Ledger } from './ledger.ts';

/** What of a frame's content was let out elsewhere. */
export interface Released {
  /** Whether the gate made these bytes, or was told to let them out. */
  payload(bytes: Uint8Array): boolean;
  /** Whether this ask is in the journal. */
  ask(ask: Ask): boolean;
}

/** A copy with only what may leave. Of a failure only the reason and numbers do; its text is told by the table. */
export function gateFrame(desc: DescMessage, message: Message, released: Released): Message {
  const passed = emptyOf(desc);
  for (const plan of planOf(desc)) {
    const value = fieldValue(message, plan.field);
    if (value === undefined) continue;
    const allowed = judge(desc, plan, message, value, released);
    if (allowed !== undefined) setValue(passed, plan.field, allowed);
  }
  return passed;
}

function judge(desc: DescMessage, plan: FieldPlan, message: Message, value: unknown, released: Released): unknown {
  switch (plan.action) {
    case 'walk': {
      const inner = plan.field.message as DescMessage;
      if (Array.isArray(value)) return value.map((item) => gateFrame(inner, item, released));
      return gateFrame(inner, value as Message, released);
    }
    case 'text':
      if (REASONS.has(`${desc.typeName}.${plan.field.name}`)) return isReason(String(value)) ? value : 'INTERNAL';
      return fits(value, plan.maxLen) ? value : undefined;
    case 'pass':
    case 'name':
      return value;
    case 'content':
      return content(desc, plan, message, value, released);
    default:
      return undefined;
  }
}

/** Codes of the table of errors. */
const REASONS: ReadonlySet<string> = new Set([
  'bowline.common.v1.Failure.reason',
  'bowline.telemetry.v1.EdgeSpan.reason',
  'bowline.telemetry.v1.EdgeLogLine.reason',
]);

function content(
  desc: DescMessage,
  { field }: FieldPlan,
  message: Message,
  value: unknown,
  released: Released,
): unknown {
  switch (`${desc.typeName}.${field.name}`) {
    case 'bowline.record.v1.Ask.text':
      return released.ask(message as Ask) ? value : undefined;
    case 'bowline.edge.v1.ToolProgress.response':
    case 'bowline.edge.v1.SealedNote.body':
      return value instanceof Uint8Array && released.payload(value) ? value : undefined;
    case 'bowline.record.v1.ToolDone.responses':
      return Array.isArray(value) ? value.filter((bytes: Uint8Array) => released.payload(bytes)) : undefined;
    default:
      return undefined;
  }
}

/** One ledger line per field with a NAME. */
export function frameNames(desc: DescMessage, message: Message, at: number): Egress[] {
  const ledger = new Ledger();
  collect(desc, message, '', at, ledger);
  return ledger.lines;
}

function collect(desc: DescMessage, message: Message, path: string, at: number, ledger: Ledger): void {
  for (const plan of planOf(desc)) {
    const value = fieldValue(message, plan.field);
    if (value === undefined) continue;
    const field = path === '' ? plan.field.name : `${path}.${plan.field.name}`;
    if (plan.action === 'walk') {
      const inner = plan.field.message as DescMessage;
      for (const item of Array.isArray(value) ? value : [value]) collect(inner, item as Message, field, at, ledger);
    } else if (plan.action === 'name') {
      const bytes = bytesOf(plan.field, value);
      const leaving = { run: '', job: '', at, recipients: ['control'] };
      ledger.add(leaving, { path: '', field, sensitivity: Sensitivity.NAME, bytes, grant: '' });
    }
  }
}
