// What the owner is shown of approvals: lists, one of them whole, and a stream of what changes.
import { create } from '@bufbuild/protobuf';
import { type Approval, ApprovalSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { ListApprovalsRequest, ListApprovalsResponse } from '../../../gen/bowline/local/v1/local_pb.ts';
import { ListApprovalsResponseSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { pageOf } from '../../contract/paging.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';

const MAX_PAGE = 250;

export class ApprovalList {
  readonly #journal: Pick<EdgeJournal, 'approvals' | 'entry'>;

  constructor(journal: Pick<EdgeJournal, 'approvals' | 'entry'>) {
    this.#journal = journal;
  }

  /** Of those that are over without what they would have done: `get` has it. */
  list(request: ListApprovalsRequest): ListApprovalsResponse {
    const { approvals: book } = this.#journal;
    const known = request.all ? book.all() : book.pending().map(({ approval }) => approval);
    const wanted = known.filter(({ run }) => request.run === '' || run === request.run);
    const { items, nextPageToken } = pageOf(wanted, placeOf, request, MAX_PAGE);
    return create(ListApprovalsResponseSchema, { approvals: items, nextPageToken });
  }

  /** One of them, whole. @param id or the beginning of it that no other one has @throws NOT_FOUND, INVALID_ARGUMENT */
  async get(id: string): Promise<Approval> {
    const { approvals: book } = this.#journal;
    const found = book.all().filter((one) => one.id.startsWith(id));
    const [first] = found;
    if (!first) throw new AppError('NOT_FOUND', { kind: 'approval' });
    if (found.length > 1)
      throw new AppError('INVALID_ARGUMENT', { what: 'more than one approval begins with this id' });
    const ended = book.ended(first.id);
    return ended ? this.#whole(ended.approval, ended.storedIn) : first;
  }

  /** Those that wait, then each one that begins, is answered or ends. Who is slow gets the newest state of each. */
  async *watch(signal: AbortSignal): AsyncGenerator<Approval, void, undefined> {
    const { approvals: book } = this.#journal;
    const news = new Map(book.pending().map(({ approval }) => [approval.id, approval]));
    let wake = () => {};
    const stop = book.onChange((approval) => {
      news.delete(approval.id);
      news.set(approval.id, approval);
      wake();
    });
    const leave = () => wake();
    signal.addEventListener('abort', leave);
    try {
      while (!signal.aborted) {
        const next = news.values().next().value;
        if (next) {
          news.delete(next.id);
          yield next;
        } else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      stop();
      signal.removeEventListener('abort', leave);
    }
  }

  /** The effect of one that is over is in the record that asked for it, as long as the journal has that. */
  async #whole(approval: Approval, storedIn: number): Promise<Approval> {
    const record = (await this.#journal.entry(storedIn))?.record;
    const asked =
      record?.case === 'approvalRequested'
        ? record.value.approval
        : record?.case === 'checkpoint'
          ? record.value.approvals.find(({ request }) => request?.approval?.id === approval.id)?.request?.approval
          : undefined;
    return asked?.effect ? create(ApprovalSchema, { ...approval, effect: asked.effect }) : approval;
  }
}

/** In the order in which they were asked. */
const placeOf = ({ createTime, id }: Approval): string =>
  `${String(createTime?.seconds ?? 0n).padStart(12, '0')}.${String(createTime?.nanos ?? 0).padStart(9, '0')} ${id}`;
