// What of the asks is due in one session, by state: open asks in order, cancels, positions to follow. It marks what it
// hands out as sent in that session; a new session begins again from the state.
import { clone, create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  CancelRunSchema,
  type ConnectRequest,
  Durability,
  type FollowRun,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type Egress, EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Gate } from '../egress/gate.ts';
import type { Grants } from '../grants/grants.ts';
import { askToSend, type OpenAsks, type UnansweredAsk } from './open-asks.ts';
import type { AskJournal } from './ports.ts';
import type { WatchedRuns } from './watched-runs.ts';

export class AskFeed {
  readonly #journal: AskJournal & { readonly id: string };
  readonly #open: OpenAsks;
  readonly #views: WatchedRuns;
  readonly #gate: Pick<Gate, 'admitAsk'>;
  readonly #grants: Pick<Grants, 'sent'>;

  constructor(
    journal: AskJournal & { readonly id: string },
    open: OpenAsks,
    views: WatchedRuns,
    gate: Pick<Gate, 'admitAsk'>,
    grants: Pick<Grants, 'sent'>,
  ) {
    this.#journal = journal;
    this.#open = open;
    this.#views = views;
    this.#gate = gate;
    this.#grants = grants;
  }

  /** All open runs, with how far their text is known here. A run that is not listed has its answer in the journal. */
  follows(): FollowRun[] {
    return this.#open.all().flatMap(({ record }) => (record.ask ? [this.#views.position(record.ask.run)] : []));
  }

  /** The next frame that is due in a session, or undefined when there is none now. A re-send is in the ledger first. */
  async next(session: number, durability: Durability): Promise<ConnectRequest['frame'] | undefined> {
    for (const open of this.#open.all()) {
      const { ask } = open.record;
      if (!ask || open.ending) continue;
      if (open.sentIn !== session && isDue(open, durability)) {
        if (open.sent) await this.#ledger(open);
        open.sent = true;
        open.sentIn = session;
        const value = askToSend(open, this.#journal.id, this.#journal.now());
        // It is in the journal with its ledger.
        this.#gate.admitAsk(value);
        this.#grants.sent(ask.run);
        return { case: 'ask', value };
      }
      if (open.cancel !== undefined && open.cancelSentIn !== session) {
        open.cancelSentIn = session;
        const value = create(CancelRunSchema, { run: ask.run, sequence: BigInt(open.cancel) });
        return { case: 'cancelRun', value };
      }
    }
    const value = this.#views.pullNeeded();
    return value && { case: 'followRun', value };
  }

  async #ledger({ record }: UnansweredAsk): Promise<void> {
    const createTime = timestampFromMs(this.#journal.now());
    const entries: Egress[] = record.egress.map((line) => {
      const again = clone(EgressSchema, line);
      again.createTime = createTime;
      return again;
    });
    await this.#journal.append([{ case: 'ledger', value: { entries } }], { ending: true });
  }
}

/** Acknowledged asks are presented again when they were lost there, and unless the acknowledgement survives a loss of power. */
function isDue(ask: UnansweredAsk, durability: Durability): boolean {
  return !ask.accepted || ask.lost || durability !== Durability.POWER;
}
