// The journal as a session sees it: where it stands, and the proof that it still holds what the control plane anchored.
import { create } from '@bufbuild/protobuf';
import { type JournalPosition, JournalPositionSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { SessionJournal } from './ports.ts';

type PositionJournal = Pick<
  EdgeJournal,
  'id' | 'head' | 'anchor' | 'session' | 'hashAt' | 'append' | 'now' | 'signedTime'
>;

/** The anchor is what the last SessionOpened record holds, so it outlives the process. */
export function sessionJournal(journal: PositionJournal): SessionJournal {
  return {
    async position() {
      const { sequence, hash } = journal.head;
      const { anchor } = journal;
      const proof = anchor && (await journal.hashAt(anchor.sequence));
      return create(JournalPositionSchema, {
        journalId: journal.id,
        sequence: BigInt(sequence),
        headSha256: hash,
        anchoredSequence: BigInt(anchor?.sequence ?? 0),
        ...(proof && { anchoredSha256: proof }),
      });
    },
    hashAt: (sequence) => journal.hashAt(sequence),
    lastSession: () => journal.session,
    now: () => journal.now(),
    signedTime: (at) => journal.signedTime(at, true),
    async leaves(lines) {
      if (lines.length > 0)
        await journal.append([{ case: 'ledger', value: { entries: [...lines] } }], { ending: true });
    },
    async opened(sessionEpoch: bigint, anchor: JournalPosition | undefined, resumeToken: Uint8Array) {
      const own = anchor?.journalId === journal.id && anchor.sequence > 0n;
      await journal.append([{ case: 'sessionOpened', value: { sessionEpoch, resumeToken, ...(own && { anchor }) } }]);
    },
  };
}
