// Every remedy that an error prints, by the reason of the error: the test that does what it says in the situation that prints it, or why
// none here can. test/tooling/remedies.test.ts holds it against the table of errors and the tests.

/** `file: name of the test`; or, after `no:`, the reason why nobody runs it here. */
export type RemedyRun = `${string}.test.ts: ${string}` | `no: ${string}`;

const REMEDIES_TEST = 'test/e2e/remedies.test.ts';
const OWNERS = 'test/e2e/owners.test.ts';
const READY = 'test/e2e/ready.test.ts';
const LIMITS = 'test/e2e/remedies-of-limits.test.ts';
const PLATFORM = 'no: this machine has to be another one for it';
const PROVIDER = 'src/worker/program/models-command.test.ts';

export const REMEDY_RUNS: Readonly<Record<string, RemedyRun>> = {
  // limits and settings
  LIMIT_EXCEEDED:
    'src/edge/grants/share-resolver.test.ts: a limit that some files meet leaves out those, and shares the others',
  RATE_EXCEEDED:
    'src/control/gateway/rate-gate.test.ts: a key that asks too often is told when to come again, in words and for programs; others are unharmed',
  ASK_COST_MET:
    'test/integration/budgets.test.ts: an ask that says what it may cost begins nothing that might go beyond it',
  BUDGET_LOW:
    'test/integration/budgets.test.ts: a run begins only with room for its worst case, ends with the name of the budget else, and pays what it used',
  BUDGET_EXCEEDED:
    'test/integration/budgets.test.ts: a run begins only with room for its worst case, ends with the name of the budget else, and pays what it used',
  FILE_TOO_LARGE:
    'src/edge/grants/share-resolver.test.ts: a limit that some files meet leaves out those, and shares the others',
  QUEUE_FULL: `${LIMITS}: asks beyond their number are taken after one was cancelled, and with the setting that the error names`,
  PATH_NOT_ALLOWED: `${LIMITS}: a path that is not allowed is read with the flag that its error names`,
  JOURNAL_FULL:
    'no: what it says is a number in config.yaml; src/edge/journal/journal.test.ts fills the journal, and a larger one is another number there',
  LEDGER_FULL:
    'src/edge/journal/ledger-archive.test.ts: where the owner chose so, a full archive drops its oldest lines, counts them and says so',
  DAY_CAP_MET:
    'src/edge/egress/day-cap.test.ts: what does not fit the day stays with a reason of its own, the call goes on, and the next day begins anew',
  KEYS_FULL:
    'src/edge/journal/edge-journal.test.ts: a settled READ is forgotten, an effect or a refusal is not until it expired',
  SECRET_CONTENT:
    'src/edge/tools/fs/masked-values.test.ts: a file with a key is shared only where its secrets are meant',
  PERMISSIONS_UNKNOWN:
    'test/edge/config-edit.test.ts: what cannot be used allows nothing and says why, until the next save; edits in a row leave nothing behind',
  SECRET_UNUSABLE:
    'src/edge/tools/shell/secrets.test.ts: without a usable secret nothing runs; a new value counts at once, and the old one stays masked',
  EDGE_BUSY:
    'src/edge/runner/runner.test.ts: calls beyond the places wait, beyond the line are refused for now; a waiting one can be cancelled',
  CLIENTS_FULL:
    'test/edge/local.test.ts: beyond the clients that it serves it says so and how to raise that; who has no key takes no place, and one that leaves makes room',
  WORKER_BUSY: 'no: a replica sends a worker no more than it has slots; the error is for a replica that counts wrongly',
  RESULT_TOO_LARGE:
    'no: the frames of both sides have to grow together; src/edge/config/edge-settings.test.ts reads the one setting, src/control/config.test.ts the other',
  WEB_TOO_LARGE:
    'no: the setting is read in src/worker/program/config.test.ts, and bites in test/worker/web-fetch.test.ts',
  WEB_SEARCH_NOT_CONFIGURED:
    'no: it names a service of somebody else; test/worker/web-crawl.test.ts searches with one that is made for the test',
  RANGE_NEEDS_GRANT:
    'src/edge/runner/runner.test.ts: a shared file is read by line; the ledger has it before the answer is sent',
  SEARCH_BUDGET:
    'test/security/attacker.test.ts: lines outside a shared range stay on the box: not by reading, searching or counting',
  COMMAND_NOT_ALLOWED:
    'src/edge/tools/shell/run.test.ts: a command streams its output and ends with its exit; every piece is in the ledger',
  REQUEST_NOT_ALLOWED:
    'src/edge/tools/lan/lan.test.ts: what a shared entry answers leaves with its line in the ledger, its text in its own encoding',
  COMMAND_VIEW_TOO_LARGE: 'no: its number is in config.yaml; src/edge/allowlist/denied-below.test.ts meets it',
  COMMAND_TIMED_OUT: `${LIMITS}: a command that is stopped for its time goes on to its end with the setting that the error names`,
  GRANTS_FULL: 'no: it takes 64 lasting grants; src/edge/approvals/call-grants.test.ts revokes one',
  APPROVAL_EXPIRED: 'no: its setting is a number of hours; src/edge/config/edge-settings.test.ts reads the settings',
  // keys of the owner on other machines
  PAIRING_USED: `${OWNERS}: two machines show the same words, and the key counts after the yes at the box; the code is good once`,
  PAIRING_OVER:
    'no: it says to begin anew, as every test of a pairing does; src/edge/owners/pairings.test.ts lets the ten minutes pass',
  PAIRING_OPEN: 'no: it says to end a command or to use what it shows; src/edge/owners/pairings.test.ts meets it',
  PAIRING_UNKNOWN: 'no: what it says to look at is what the code was read from',
  PAIRING_CODE_INVALID: 'no: it tells what a code looks like; src/contract/owners/owners.test.ts reads codes',
  OWNERS_FULL: 'no: the remedy is removing one; src/edge/owners/pairings.test.ts meets it',
  OWNER_UNKNOWN: `${OWNERS}: a key that is removed is refused at once, and told so`,
  OWNER_REMOVED: 'no: it says to pair again, which is run for every pairing; test/e2e/owners.test.ts meets it',
  PAIRED_FILE_INVALID: 'no: restoring a backup is no command of ours; pairing again is run for every pairing',
  ANSWER_UNCONFIRMED: 'no: it says where to look later, which is run for every answer',
  // homes, ports and programs
  HOME_LOCKED: `${LIMITS}: a home that is in use is left alone with the flag that its error names`,
  PORT_TAKEN: 'test/e2e/doctor.test.ts: a port that another program has: the remedy starts on another one',
  HOME_FILE_DAMAGED: 'no: each has a remedy of its own, mostly a backup, which the owner has or has not',
  DEVICE_FILE_INVALID: 'no: it asks for a backup of the home; joining as a new device is run for DEVICE_REMOVED',
  HOME_EMPTY:
    'test/e2e/doctor.test.ts: a home of which nothing is there yet: what may be read is told first, then how to start, and then all is well',
  NOT_RUNNING:
    'test/e2e/health.test.ts: each home is well by what it runs: a control plane, a box that joined, a worker; and not when that is not so',
  INSECURE_LISTEN:
    'no: certificates are made and used in test/integration and docker/test; the other way is a tunnel of the owner',
  MEMORY_TOO_SMALL: PLATFORM,
  SANDBOX_UNAVAILABLE: PLATFORM,
  PARSER_UNAVAILABLE:
    'test/edge/documents.test.ts: where nothing isolates, documents are refused with what to do, or read in a plain child where that was accepted',
  // keys
  OWNER_KEY_MISSING: `${LIMITS}: without the owner key the variable that the error names is enough`,
  OWNER_KEY_ENDED:
    'no: only a call that runs while its key ends meets it; the variable that it names is run for OWNER_KEY_MISSING',
  LAST_OWNER_KEY: `${REMEDIES_TEST}: the last owner key goes when another one was made and put in its place`,
  WORKER_KEY_REVOKED: `${LIMITS}: a worker whose key allows too little works with the key that its error makes, and brings the model that was missing`,
  WORKER_CLAIM_REFUSED: `${LIMITS}: a worker whose key allows too little works with the key that its error makes, and brings the model that was missing`,
  CONTROL_UNPROVEN:
    'no: its remedies are written by who calls; what they do with a pin is in src/contract/channel/dial.test.ts',
  CONTROL_PIN_MISSING:
    'no: its remedies are written by who calls; what they do with a pin is in src/contract/channel/dial.test.ts',
  // devices
  DEVICE_SUSPENDED: `${REMEDIES_TEST}: a device that is suspended is back after the command that its edge tells`,
  DEVICE_REMOVED: `${REMEDIES_TEST}: a device that was removed is told so; it joins again as a new one, and what it kept is set aside`,
  DEVICE_UNKNOWN: `${READY}: one that was removed, or is not known, ends with what to do, and is never ready`,
  DEVICE_NAME_TAKEN: `${LIMITS}: a join with a name that is taken, or a home that has not joined, works as its error says`,
  JOIN_TOKEN_INVALID: `${REMEDIES_TEST}: a join line that this home has used is harmless; at another home it is refused, and the device goes on`,
  JOIN_LINE_INVALID: `${LIMITS}: a join with a name that is taken, or a home that has not joined, works as its error says`,
  NOT_JOINED: `${LIMITS}: a join with a name that is taken, or a home that has not joined, works as its error says`,
  ALREADY_JOINED:
    'no: only a join of which the answer never came can meet it; another --home is run for JOIN_TOKEN_INVALID',
  SUPERSEDED: 'no: stopping the other edge is not a command of ours; adopting is run for QUARANTINED',
  QUARANTINED:
    'test/integration/sessions.test.ts: a journal that is behind, or different at the anchor, quarantines its device; a lost Welcome does not',
  JOURNAL_DAMAGED:
    'test/edge/lost-journal.test.ts: a new one begins when the owner says so; the one that is there is kept',
  JOURNAL_MISSING:
    'test/edge/lost-journal.test.ts: a new one begins when the owner says so; the one that is there is kept',
  CLOCK_DOUBTED: 'no: the clock of this machine cannot be set wrong by a test',
  // the control plane
  DATABASE_RESTORED:
    'test/integration/restored-database.test.ts: an edge that knows a later session stops the work until the owner recovers the database; then it goes on',
  DATABASE_WENT_BACK:
    'test/integration/restored-database.test.ts: a database that is replaced by an older state of itself under a running replica stops the work, and it goes on after the recovery',
  REDIS_INSECURE: 'no: there is no Redis on another machine here; the setting is read in src/control/config.test.ts',
  RUN_SET_ASIDE:
    'test/integration/set-aside.test.ts: a run that can be read again goes on where it stood, also one that waited for its turn',
  RUN_NOT_SET_ASIDE:
    'test/integration/set-aside.test.ts: a run that can be read again goes on where it stood, also one that waited for its turn',
  // workers, models and collections
  NO_MODEL: `${LIMITS}: a worker whose key allows too little works with the key that its error makes, and brings the model that was missing`,
  WORKER_NOT_RUNNING:
    'test/e2e/health.test.ts: each home is well by what it runs: a control plane, a box that joined, a worker; and not when that is not so',
  SESSION_FLAPS: 'no: it only says where to look; what the log tells is another each time',
  WORKER_OFFLINE:
    'test/e2e/health.test.ts: each home is well by what it runs: a control plane, a box that joined, a worker; and not when that is not so',
  MODEL_UNKNOWN: `${LIMITS}: a model that nobody has is looked up in the listing that the error names`,
  PROVIDER_KEY_MISSING: `${PROVIDER}: a model that is there is changed by what is said alone: its key, its address, its dimension`,
  PROVIDER_ADDRESS_WRONG: `${PROVIDER}: an address without /v1 is said when it is set, found out by the test, and its remedy works`,
  DIMENSION_WRONG: `${PROVIDER}: a model for vectors is set, made the default, tested, shown and forgotten, beside those that answer`,
  LLAMA_MISSING: 'no: it installs 85 MB from a registry; make test-llama runs with it',
  S3_MISSING: 'no: it installs packages from a registry; make test-s3 runs with them',
  COLLECTION_UNKNOWN:
    'test/e2e/docs.test.ts: what is left out is told by its reason, a document that is not there is an error, and patterns leave out',
  DOCUMENT_UNKNOWN:
    'test/e2e/docs.test.ts: what is left out is told by its reason, a document that is not there is an error, and patterns leave out',
  COLLECTION_ONLY_GRANTED:
    'test/cli/verbs.test.ts: docs are listed, searched with their lines, and removed with the grants for them',
  COLLECTION_OTHER_MODEL: 'test/e2e/docs.test.ts: the advice for a collection of another model works as it is printed',
  COLLECTION_OTHER_RECIPIENTS: 'no: an ask without --share is what every test of collections asks',
  RETRIEVAL_NOT_SERVED: 'no: its remedy is a listing and a worker; NO_MODEL starts one',
};
