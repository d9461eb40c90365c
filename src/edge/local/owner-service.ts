// The owner's API over keys on other machines: pairs one, lists them, removes one.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { OwnerAdded } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { OwnerService } from '../../../gen/bowline/local/v1/owners_pb.ts';
import { Channel } from '../../base/channel.ts';
import { AppError } from '../../base/errors.ts';
import { pageOf } from '../../contract/paging.ts';
import type { OwnerDesk } from '../owners/owner-desk.ts';
import type { PairingNews } from '../owners/pairings.ts';

/** News of a pairing that may wait: refused machines beyond it are in the journal alone. */
const MOST_NEWS = 64;
const MAX_PAGE = 250;

export function ownerService(desk: OwnerDesk, closing: AbortSignal): ServiceImpl<typeof OwnerService> {
  return {
    async *pairOwner(_, { signal }) {
      const news = new Channel<PairingNews>(MOST_NEWS);
      const tell = (each: PairingNews) => void (!news.closed && news.offer(each));
      const { code, expiresAt, end } = desk.pairings.begin(tell);
      const leave = () => news.close();
      const either = AbortSignal.any([signal, closing]);
      either.addEventListener('abort', leave);
      try {
        const expireTime = timestampFromMs(expiresAt);
        yield { event: { case: 'code', value: { code, expireTime, connected: desk.connected } } };
        for await (const each of news) {
          yield { event: eventOf(each) };
          if (each.kind === 'paired' || each.kind === 'ended') return;
        }
        if (closing.aborted) throw new AppError('CLOSED', { what: 'this edge' });
      } finally {
        either.removeEventListener('abort', leave);
        end();
      }
    },
    async confirmOwner({ id, same }) {
      await desk.confirm(id, same);
      return {};
    },
    listOwners(page) {
      const byTime = ({ createTime, id }: OwnerAdded) => `${String(createTime?.seconds ?? 0n).padStart(12, '0')} ${id}`;
      const { items, nextPageToken } = pageOf(desk.list(), byTime, page, MAX_PAGE);
      return { owners: items.map(shown), nextPageToken };
    },
    async removeOwner({ id }) {
      return { owner: shown(await desk.remove(id)) };
    },
  };
}

const shown = ({ id, name, createTime }: OwnerAdded) => ({ id, name, ...(createTime && { createTime }) });

function eventOf(news: PairingNews) {
  switch (news.kind) {
    case 'joined':
      return { case: 'joined', value: { id: news.id, name: news.name, words: news.words } } as const;
    case 'refused':
      return { case: 'refused', value: news.why.message } as const;
    case 'paired':
      return { case: 'paired', value: shown(news.owner) } as const;
    case 'ended':
      return { case: 'ended', value: news.why.message } as const;
  }
}
