// Shares that the owner gives when a call asks for them: exactly the files of the question, as they were, for whom it named. Each is
// journaled with its answer and in force when that is synced, and it is again after a restart, for what is left of its bytes and time.
import { create } from '@bufbuild/protobuf';
import { ApprovalScope, type ShareFile } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { type GrantedFile, GrantedFileSchema, type GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { OpenApproval } from '../journal/approval-book.ts';
import { callDigest } from '../journal/call-digest.ts';
import type { Entry, Fold, RecordInit } from '../journal/records.ts';
import type { Grants } from './grants.ts';
import { capOf } from './share-cap.ts';

/** Makes the records of what a yes to approvals shares: once for the call that asked, or for the rest of its run. */
export const shareRecords =
  (grants: Pick<Grants, 'drafted'>) =>
  (asked: readonly (OpenApproval | undefined)[], scope: ApprovalScope): RecordInit[] =>
    asked.flatMap((one): RecordInit[] => {
      const effect = one?.approval.effect?.effect;
      if (effect?.case !== 'share') return [];
      const { approval, key, params } = one!;
      const { id, run, job } = approval;
      const isRun = scope === ApprovalScope.RUN;
      const files = effect.value.files
        .filter(({ whyNothing }) => whyNothing === '')
        .map((file) => grantedFile(file, isRun));
      if (files.length === 0) return [];
      const recipients = [effect.value.recipient];
      const value = grants.drafted({
        run,
        job: isRun ? '' : job,
        callSha256: Buffer.from(isRun ? '' : callDigest({ job, key, params: Buffer.from(params, 'hex') }), 'hex'),
        approval: id,
        files,
        recipients,
        capBytes: capOf(files),
      });
      return [{ case: 'grantMinted', value }];
    });

function grantedFile(file: ShareFile, isRun: boolean): GrantedFile {
  const { path, realPath, device, inode, sha256, startLine, endLine, bytes, runBytes, runIsWhole, masked } = file;
  const frozen = { path, realPath, device, inode, sha256, masked };
  const lines = isRun && runIsWhole ? {} : { startLine, endLine };
  return create(GrantedFileSchema, { ...frozen, ...lines, bytes: isRun ? runBytes : bytes });
}

/** Those that have not ended, folded from the journal with what has left under each. */
export class AskedShares implements Fold {
  readonly #live = new Map<string, { readonly grant: GrantMinted; used: number }>();
  #grants: Pick<Grants, 'revive'> | undefined;

  /**
   * Puts those of earlier starts in force, and from now on each one as it is journaled. The time of one for the run begins with the yes;
   * one for a single call waits for that call. @param waits whether the call that asked has not had its answer. @returns the ids of
   * those that are in force again
   */
  holdIn(grants: Pick<Grants, 'revive'>, waits: (approval: string) => boolean): string[] {
    this.#grants = grants;
    const all = [...this.#live.values()];
    return all.flatMap(({ grant, used }) =>
      grants.revive(grant, { used, waits: isOfCall(grant) && waits(grant.approval) }) ? [grant.id] : [],
    );
  }

  apply({ record }: Entry): void {
    switch (record.case) {
      case 'grantMinted':
        if (record.value.approval === '') return;
        this.#live.set(record.value.id, { grant: record.value, used: 0 });
        this.#grants?.revive(record.value, { used: 0, waits: isOfCall(record.value) });
        return;
      case 'grantEnded':
        this.#live.delete(record.value.id);
        return;
      case 'toolOutcome':
        this.#spent(record.value.egress);
        return;
      case 'ledger':
        this.#spent(record.value.entries);
        return;
      case 'runAnswered':
      case 'cancel':
        for (const [id, { grant }] of this.#live) if (grant.run === record.value.run) this.#live.delete(id);
        return;
      default:
        return;
    }
  }

  #spent(lines: readonly Egress[]): void {
    for (const { grant, bytes } of lines) {
      const live = this.#live.get(grant);
      if (live) live.used += Number(bytes);
    }
  }
}

/** Whether it is for one call, and not for the rest of its run. */
const isOfCall = ({ job }: GrantMinted): boolean => job !== '';
