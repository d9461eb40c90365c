// How a run is to end, as the planner or a command says it. Data only.
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { RunState as State } from '../../../../gen/bowline/run/v1/run_pb.ts';

export interface Ending {
  readonly state: State;
  readonly answer?: string;
  readonly failure?: Failure | undefined;
  /** The step whose model turn it is from; default the last one. */
  readonly step?: number | undefined;
}
