// The names of everything that is measured, in one place, so that dashboards, alert rules and code cannot part. Names of OpenTelemetry are
// those of its semantic conventions and, for models, of the GenAI conventions 0.1.0; all others begin with `bowline.`.

export interface MetricName {
  readonly name: string;
  /** counter: only grows. histogram: how often how much. gauge and total are read when somebody asks; a total only grows. */
  readonly kind: 'counter' | 'histogram' | 'gauge' | 'total';
  /** As UCUM writes it. */
  readonly unit: string;
  readonly what: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly bounds?: readonly number[];
}

/** Seconds, from one turn of the loop to the longest run. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
/** Of the GenAI conventions for `gen_ai.client.token.usage`. */
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304];

export const METRICS = {
  serving: {
    name: 'bowline.service.serving',
    kind: 'gauge',
    unit: '1',
    what: 'Whether a part of this replica is well: 1, or 0.',
    labels: ['service'],
  },
  sessions: {
    name: 'bowline.sessions',
    kind: 'gauge',
    unit: '{session}',
    what: 'Edges and workers that are connected to this replica.',
    labels: ['peer'],
  },
  slots: {
    name: 'bowline.worker.slots',
    kind: 'gauge',
    unit: '{slot}',
    what: 'Slots of the workers that are connected to this replica.',
    labels: ['state'],
  },
  circuits: {
    name: 'bowline.circuits.open',
    kind: 'gauge',
    unit: '{circuit}',
    what: 'Workers and providers that this replica leaves alone, or tries with one job, because their attempts fail.',
    labels: [],
  },
  waiting: {
    name: 'bowline.jobs.waiting',
    kind: 'gauge',
    unit: '{job}',
    what: 'Jobs for workers that nobody has taken, in the whole database.',
    labels: ['capability'],
  },
  oldest: {
    name: 'bowline.jobs.oldest.age',
    kind: 'gauge',
    unit: 's',
    what: 'How long the oldest of them has waited.',
    labels: ['capability'],
  },
  poolWanted: {
    name: 'bowline.pool.wanted',
    kind: 'gauge',
    unit: '{worker}',
    what: 'Workers that a declared pool is to have for the jobs that wait or run, in the whole database.',
    labels: ['pool'],
  },
  poolWorkers: {
    name: 'bowline.pool.workers',
    kind: 'gauge',
    unit: '{worker}',
    what: 'Workers of a declared pool that are connected to this replica.',
    labels: ['pool'],
  },
  rateRefusals: {
    name: 'bowline.rate.refusals',
    kind: 'total',
    unit: '{call}',
    what: 'Calls that a rate limit has refused on this replica since it started.',
    labels: ['rate'],
  },
  tableBytes: {
    name: 'bowline.table.size',
    kind: 'gauge',
    unit: 'By',
    what: 'What a table of the database takes with its indexes.',
    labels: ['table'],
  },
  tableRows: {
    name: 'bowline.table.rows',
    kind: 'gauge',
    unit: '{row}',
    what: 'About how many rows a table of the database has.',
    labels: ['table'],
  },
  held: {
    name: 'bowline.approvals.waiting',
    kind: 'gauge',
    unit: '{approval}',
    what: 'Calls that wait for the yes of an owner, in the whole database.',
    labels: [],
  },
  runsBegun: {
    name: 'bowline.runs.begun',
    kind: 'counter',
    unit: '{run}',
    what: 'Runs that were accepted.',
    labels: ['kind'],
  },
  runsEnded: {
    name: 'bowline.runs.ended',
    kind: 'counter',
    unit: '{run}',
    what: 'Runs that ended, by how and why.',
    labels: ['kind', 'state', 'reason'],
  },
  runSeconds: {
    name: 'bowline.run.duration',
    kind: 'histogram',
    unit: 's',
    what: 'From the acceptance of a run to its end.',
    labels: ['kind', 'state'],
    bounds: SECONDS,
  },
  jobsEnded: {
    name: 'bowline.jobs.ended',
    kind: 'counter',
    unit: '{job}',
    what: 'Jobs that ended, by method, how and why.',
    labels: ['method', 'state', 'reason'],
  },
  attemptsFailed: {
    name: 'bowline.attempts.failed',
    kind: 'counter',
    unit: '{attempt}',
    what: 'Attempts after which another one followed: they failed, or their holder was lost.',
    labels: ['method', 'reason'],
  },
  jobSeconds: {
    name: 'bowline.job.duration',
    kind: 'histogram',
    unit: 's',
    what: 'From the queueing of a job to its end, without the time in which it waited for its owner.',
    labels: ['method'],
    bounds: SECONDS,
  },
  approvals: {
    name: 'bowline.approvals',
    kind: 'counter',
    unit: '{approval}',
    what: 'Calls that began to wait for the yes of an owner, and those that were released.',
    labels: ['event'],
  },
  tokens: {
    name: 'gen_ai.client.token.usage',
    kind: 'histogram',
    unit: '{token}',
    what: 'Tokens of one call of a model.',
    labels: ['gen_ai.provider.name', 'gen_ai.request.model', 'gen_ai.token.type'],
    bounds: TOKENS,
  },
  cost: {
    name: 'bowline.model.cost',
    kind: 'counter',
    unit: '{micro}',
    what: 'Money for models, in millionths of the currency of the price table.',
    labels: ['gen_ai.provider.name', 'gen_ai.request.model'],
  },
  edgeCalls: {
    name: 'bowline.edge.calls',
    kind: 'counter',
    unit: '{call}',
    what: 'Tool calls that edges answered, of those that tell.',
    labels: ['state'],
  },
  edgeAsks: {
    name: 'bowline.edge.asks',
    kind: 'counter',
    unit: '{ask}',
    what: 'Asks that ended at edges, of those that tell.',
    labels: [],
  },
  edgeLines: {
    name: 'bowline.edge.log.lines',
    kind: 'counter',
    unit: '{line}',
    what: 'Warnings and errors in the logs of edges, of those that tell, by reason.',
    labels: ['level', 'reason'],
  },
  edgeMemory: {
    name: 'bowline.edge.memory',
    kind: 'histogram',
    unit: 'By',
    what: 'Resident memory of edges, each time that one tells.',
    labels: [],
    bounds: [48, 64, 80, 96, 128, 192, 256, 512].map((megabytes) => megabytes * 2 ** 20),
  },
  turnOver: {
    name: 'bowline.loop.turns.over',
    kind: 'total',
    unit: '{turn}',
    what: 'Turns of the event loop over 50 ms since the start.',
    labels: [],
  },
  turnLongest: {
    name: 'bowline.loop.turn.longest',
    kind: 'gauge',
    unit: 's',
    what: 'The longest turn of the event loop since the start.',
    labels: [],
  },
  memory: {
    name: 'process.memory.usage',
    kind: 'gauge',
    unit: 'By',
    what: 'Resident memory.',
    labels: [],
  },
  cpu: {
    name: 'process.cpu.time',
    kind: 'total',
    unit: 's',
    what: 'Time of the processor since the start.',
    labels: ['cpu.mode'],
  },
} as const satisfies Record<string, MetricName>;

export type MetricKey = keyof typeof METRICS;

/** Names of spans; what follows them is the name of a model, tool or method. */
export const SPANS = {
  ask: 'invoke_agent bowline',
  call: 'call',
  chat: 'chat',
  embeddings: 'embeddings',
  tool: 'execute_tool',
  attempt: 'attempt',
  work: 'work',
  page: 'fetch_page',
  search: 'search_web',
  program: 'run_program',
  edgeAsk: 'edge ask',
  edgeCall: 'edge tool_call',
} as const;

/** Values of `gen_ai.operation.name`. */
export const OPERATIONS = {
  agent: 'invoke_agent',
  chat: 'chat',
  embeddings: 'embeddings',
  tool: 'execute_tool',
} as const;

/** Attributes of spans. */
export const ATTRS = {
  rpcMethod: 'rpc.method',
  operation: 'gen_ai.operation.name',
  agent: 'gen_ai.agent.name',
  tool: 'gen_ai.tool.name',
  provider: 'gen_ai.provider.name',
  model: 'gen_ai.request.model',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  finish: 'gen_ai.response.finish_reasons',
  errorType: 'error.type',
  run: 'bowline.run',
  job: 'bowline.job',
  tenant: 'bowline.tenant',
  device: 'bowline.device',
  kind: 'bowline.kind',
  state: 'bowline.state',
  target: 'bowline.target',
  epoch: 'bowline.epoch',
  attempts: 'bowline.attempts',
  cost: 'bowline.cost.micros',
} as const;

/** Things that happened within a span. */
export const MARKS = {
  received: 'received by the device',
  held: 'waits for the owner',
  released: 'the owner said yes',
} as const;

/** `service.name` of each program. */
export const SERVICES = { control: 'bowline-control', worker: 'bowline-worker', edge: 'bowline-edge' } as const;

/** One number with its labels. */
export interface MetricValue {
  readonly metric: MetricKey;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}
