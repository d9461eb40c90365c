// Events as the store keeps them.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ConversationEvent,
  ConversationEventSchema,
  type RunEvent,
  RunEventSchema,
} from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { StoredEvent } from '../../store/unit.ts';

/** The type is the name of the event's case, for people who look into the store. */
export const storeRunEvent = (event: RunEvent): StoredEvent => ({
  type: event.event.case ?? '',
  data: toBinary(RunEventSchema, event),
});

export const readRunEvent = ({ data }: StoredEvent): RunEvent => fromBinary(RunEventSchema, data);

export const storeConversationEvent = (event: ConversationEvent): StoredEvent => ({
  type: event.event.case ?? '',
  data: toBinary(ConversationEventSchema, event),
});

export const readConversationEvent = ({ data }: StoredEvent): ConversationEvent =>
  fromBinary(ConversationEventSchema, data);
