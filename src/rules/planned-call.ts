// A tool call that the rules want made, and how it is told from others. Pure.
import type { JsonValue } from '@bufbuild/protobuf';

export interface PlannedCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, JsonValue>>;
}

/** The same for two calls of one tool with the same arguments, in whatever order they stand. */
export const callKey = ({ tool, args }: PlannedCall): string =>
  `${tool} ${JSON.stringify(Object.entries(args).sort(([a], [b]) => Number(a > b) - Number(a < b)))}`;
