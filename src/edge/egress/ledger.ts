// Collects the lines of the ledger and of what was withheld for one message or result, merged and bounded.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { Ask } from '../../../gen/bowline/record/v1/record_pb.ts';
import {
  type Egress,
  EgressSchema,
  SizeClass,
  type Withheld,
  WithheldReason,
  WithheldSchema,
} from '../../../gen/bowline/run/v1/run_pb.ts';
import type { WithheldWord } from '../../contract/withheld.ts';

/** As many as the contract lets one result carry. */
const MAX_LINES = 1024;

/** For whom and when something leaves. */
export interface Leaving {
  readonly run: string;
  readonly job: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Providers, or `control` where only the control plane sees it. */
  readonly recipients: readonly string[];
}

/** Lines of one path, field, sensitivity and grant become one. Beyond the bound they are merged by field, never lost. */
export class Ledger {
  readonly #lines = new Map<string, Egress>();

  add(
    leaving: Leaving,
    line: { path: string; field: string; sensitivity: Sensitivity; bytes: number; grant: string },
  ): void {
    if (line.bytes === 0) return;
    const path = this.#lines.size < MAX_LINES - 32 ? line.path : '';
    const key = `${line.field}\0${line.sensitivity}\0${line.grant}\0${leaving.recipients.join(',')}\0${path}`;
    const known = this.#lines.get(key);
    if (known) {
      known.bytes += BigInt(line.bytes);
      return;
    }
    this.#lines.set(
      key,
      create(EgressSchema, {
        path,
        field: line.field,
        sensitivity: line.sensitivity,
        bytes: BigInt(line.bytes),
        grant: line.grant,
        run: leaving.run,
        job: leaving.job,
        createTime: timestampFromMs(leaving.at),
        recipients: [...leaving.recipients],
      }),
    );
  }

  get lines(): Egress[] {
    return [...this.#lines.values()];
  }
}

/** What stayed on the box. Text is listed for each name, numbers once per field, because their names would fill a page. */
export class WithheldList {
  readonly #entries = new Map<string, Withheld>();

  add(entry: { field: string; size: SizeClass; why: WithheldWord; name: string; hint: string }, wordy: boolean): void {
    const { why } = entry;
    const key = wordy ? `${entry.field}\0${why}\0${entry.name}` : `${entry.field}\0${why}`;
    const known = this.#entries.get(key);
    if (known) {
      if (known.name !== entry.name) Object.assign(known, { name: '', hint: '', size: SizeClass.UNSPECIFIED });
      return;
    }
    if (this.#entries.size < MAX_LINES)
      this.#entries.set(key, create(WithheldSchema, { ...entry, why: WithheldReason[why] }));
  }

  get entries(): Withheld[] {
    return [...this.#entries.values()];
  }
}

/**
 * The ledger of an ask: the owner's own words, and the names of what is shared with it. Journaled in the ask's record.
 * @param to who gets what is shared, as far as it is known; empty when nothing is
 */
export function askEgress(ask: Ask, at: number, to: readonly string[]): Egress[] {
  const ledger = new Ledger();
  const leaving: Leaving = { run: ask.run, job: '', at, recipients: to.length > 0 ? to : ['control'] };
  const line = (path: string, field: string, sensitivity: Sensitivity, text: string, grant: string) =>
    ledger.add(leaving, { path, field, sensitivity, bytes: Buffer.byteLength(text), grant });
  line('', 'ask.text', Sensitivity.CONTENT, ask.text, 'ask');
  for (const share of ask.shares) {
    for (const file of share.files) line('', 'ask.shares.files.path', Sensitivity.NAME, file.path, '');
    for (const name of share.recipients) line('', 'ask.shares.recipients', Sensitivity.NAME, name, '');
  }
  for (const collection of ask.collections) {
    line('', 'ask.collections.name', Sensitivity.NAME, collection.name, '');
    for (const name of collection.recipients) line('', 'ask.collections.recipients', Sensitivity.NAME, name, '');
  }
  return ledger.lines;
}
