// What edges tell of their own work, on its way to whoever passes it on: traces, metrics, the log. Without somebody edges are not asked.
import type { EdgeTelemetry } from '../../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import { sparing } from '../../base/sparing-logger.ts';
import type { EdgeTelling } from '../../control/gateway/edge-reader.ts';
import { edgeLines } from '../../control/telemetry/edge-told.ts';
import type { Ground } from './options.ts';

type Taker = (edge: EdgeTelling, told: EdgeTelemetry) => void;

export interface ToldByEdges {
  /** For sessions; undefined: nobody passes on what edges tell. */
  readonly take: Taker | undefined;
  onTold(taker: Taker): void;
}

export function openToldByEdges({ config, clock, log }: Ground): ToldByEdges {
  const takers: Taker[] = [];
  const spared = sparing(log, clock);
  const take: Taker = (edge, told) => {
    for (const taker of takers) taker(edge, told);
    const { tenant, device } = edge;
    for (const line of edgeLines(told))
      spared.warn('an edge told of its log', {
        tenant,
        device,
        edge: line.level,
        reason: line.reason,
        count: line.count,
      });
    if (told.dropped > 0)
      spared.warn('an edge left out some of what it tells', { tenant, device, dropped: told.dropped });
  };
  const isWanted = config.otlpUrl !== undefined || config.metricsPort !== 0;
  return { take: isWanted ? take : undefined, onTold: (taker) => void takers.push(taker) };
}
