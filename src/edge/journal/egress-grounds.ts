// Under what something left, as far as the journal still tells: the files of grants as they were frozen, and the approvals of calls.
import { create } from '@bufbuild/protobuf';
import type { GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import {
  type ExplainEgressRequest,
  type ExplainEgressResponse,
  ExplainEgressResponseSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import type { KnownRecord } from './records.ts';

/** Of a run, or of a grant. */
export type GroundsWish = Pick<ExplainEgressRequest, 'run' | 'grant'>;

/** More files are not told. */
const MOST_FILES = 2_000;

export class EgressGrounds {
  readonly told: ExplainEgressResponse = create(ExplainEgressResponseSchema);
  readonly #wish: GroundsWish;

  constructor(wish: GroundsWish) {
    this.#wish = wish;
  }

  see(record: KnownRecord): void {
    if (record.case === 'grantMinted') this.#grant(record.value);
    else if (record.case === 'ask') for (const grant of record.value.grants) this.#grant(grant);
    else if (record.case === 'checkpoint') for (const grant of record.value.standing) this.#grant(grant);
    else if (record.case === 'intent') this.#intent(record.value);
  }

  #grant({ id, run, files }: GrantMinted): void {
    const wanted = this.#wish.run === '' ? id === this.#wish.grant : run === this.#wish.run;
    const { told } = this;
    if (!wanted || told.files.some(({ grant }) => grant === id)) return;
    for (const { path, sha256, startLine, endLine } of files.slice(0, MOST_FILES - told.files.length))
      told.files.push({ $typeName: 'bowline.local.v1.LeavingFile', grant: id, path, sha256, startLine, endLine });
  }

  #intent({ run, job, approval }: { readonly run: string; readonly job: string; readonly approval: string }): void {
    if (approval === '' || this.#wish.run === '' || run !== this.#wish.run) return;
    this.told.jobs.push({ $typeName: 'bowline.local.v1.AllowedJob', job, approval });
  }
}
