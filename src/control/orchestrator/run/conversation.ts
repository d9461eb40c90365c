// Who has the turn in a conversation: one run at a time, the others in line. Pure; folded from the conversation's stream.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type ConversationEvent, ConversationEventSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';

/** Runs remembered for history; older ones are only counted. */
const MAX_PAST = 64;

export interface ConversationState {
  readonly version: number;
  readonly id: string;
  readonly tenant: string;
  /** Device that began it. */
  readonly device: string;
  readonly title: string;
  /** Run that has the turn; empty if none. */
  readonly active: string;
  /** Runs in line, first first. */
  readonly waiting: readonly string[];
  /** Runs that had the turn before, oldest first; at most the last 64. */
  readonly past: readonly string[];
  /** Runs in all. */
  readonly turns: number;
  readonly createdAt: number;
}

/** The state after one more event. Throws EVENT_UNKNOWN or HISTORY_INVALID. */
export function evolveConversation(was: ConversationState | undefined, event: ConversationEvent): ConversationState {
  const { event: body } = event;
  if (body.case === undefined) throw new AppError('EVENT_UNKNOWN', { stream: was?.id ?? 'a conversation' });
  if (body.case === 'enqueued') {
    const { run, tenant, conversation, device, title } = body.value;
    if (!was) {
      const createdAt = event.eventTime ? timestampMs(event.eventTime) : 0;
      return {
        version: 1,
        id: conversation,
        tenant,
        device,
        title,
        active: '',
        waiting: [run],
        past: [],
        turns: 1,
        createdAt,
      };
    }
    return { ...was, version: was.version + 1, waiting: [...was.waiting, run], turns: was.turns + 1 };
  }
  if (!was)
    throw new AppError('HISTORY_INVALID', { stream: 'a conversation', version: 1, problem: 'it has no beginning' });
  const { run } = body.value;
  const next = { ...was, version: was.version + 1, waiting: was.waiting.filter((each) => each !== run) };
  if (body.case === 'turnTaken') {
    if (was.active !== '' || !was.waiting.includes(run)) {
      throw new AppError('HISTORY_INVALID', {
        stream: was.id,
        version: next.version,
        problem: `${run} cannot take the turn`,
      });
    }
    return { ...next, active: run };
  }
  if (was.active !== run) return next;
  return { ...next, active: '', past: [...was.past, run].slice(-MAX_PAST) };
}

export interface Enqueue {
  readonly run: string;
  readonly tenant: string;
  readonly conversation: string;
  readonly device: string;
  readonly title: string;
}

/** A run joins the line, and has the turn at once where nobody else has it. */
export function enqueue(was: ConversationState | undefined, entry: Enqueue, at: number): ConversationEvent[] {
  const free = !was || (was.active === '' && was.waiting.length === 0);
  return [
    conversationEvent(at, { case: 'enqueued', value: { ...entry, $typeName: 'bowline.event.v1.RunEnqueued' } }),
    ...(free ? [taken(entry.run, at)] : []),
  ];
}

/** A run leaves, and the first in line gets the turn if it is free then. Nothing happens for a run that is not in it. */
export function leave(was: ConversationState, run: string, at: number): ConversationEvent[] {
  if (was.active !== run && !was.waiting.includes(run)) return [];
  const events = [
    conversationEvent(at, { case: 'turnEnded', value: { run, $typeName: 'bowline.event.v1.TurnEnded' } }),
  ];
  const next = was.waiting.find((each) => each !== run);
  if (next && (was.active === run || was.active === '')) events.push(taken(next, at));
  return events;
}

/** The run that got the turn by these events. */
export function turnTakenBy(events: readonly ConversationEvent[]): string | undefined {
  for (const { event } of events) if (event.case === 'turnTaken') return event.value.run;
  return undefined;
}

const taken = (run: string, at: number): ConversationEvent =>
  conversationEvent(at, { case: 'turnTaken', value: { run, $typeName: 'bowline.event.v1.TurnTaken' } });

const conversationEvent = (at: number, event: ConversationEvent['event']): ConversationEvent =>
  create(ConversationEventSchema, { eventTime: timestampFromMs(at), event });

/** The first words of an ask, on one line. */
export function titleOf(text: string): string {
  const line = text.replace(/\s+/gu, ' ').trim();
  const points = [...line.slice(0, 400)];
  return points.length <= 80 && line.length <= 400 ? line : `${points.slice(0, 79).join('')}…`;
}

/** Raised with each change of ConversationState. */
export const CONVERSATION_FORMAT = 1;

/** A state as it was written by this format; undefined for anything else. */
export function conversationOf(
  tenant: string,
  id: string,
  version: number,
  kept: object,
): ConversationState | undefined {
  const { device, title, active, waiting, past, turns, createdAt } = kept as Partial<ConversationState>;
  const texts = [device, title, active].every((each) => typeof each === 'string');
  const numbers = [turns, createdAt].every(Number.isSafeInteger);
  const lists = [waiting, past].every((list) => Array.isArray(list) && list.every((each) => typeof each === 'string'));
  if (!texts || !numbers || !lists) return undefined;
  return { version, id, tenant, device, title, active, waiting, past, turns, createdAt } as ConversationState;
}
