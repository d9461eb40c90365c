// A tool call that the rules want made.
import type { JsonValue } from '@bufbuild/protobuf';

export interface PlannedCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, JsonValue>>;
}
