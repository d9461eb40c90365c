// Which frames of the control plane end no session, whatever is wrong with them.
import type { ConnectResponse } from '../../../gen/bowline/edge/v1/edge_pb.ts';

/** Frames that concern one job or run, or what is told by the way: what is wrong with them ends no session. */
export const ENDS_NO_SESSION: ReadonlySet<ConnectResponse['frame']['case']> = new Set([
  'askVerdict',
  'toolCall',
  'cancelTool',
  'toolResultCommitted',
  'runUpdate',
  'runText',
  'runEnded',
  'conversationSummary',
  'model',
  'conditions',
  'ownerNote',
] as const);
