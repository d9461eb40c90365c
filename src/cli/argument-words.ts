// What a person typed that breaks a rule of the contract, by the name that it has on the command line.

/** Fields of requests, by the name of the field, or of the request and the field where one name means several things. */
const NAMES: Readonly<Record<string, string>> = {
  collection: 'the collection',
  collections: 'the collections (--in)',
  query: 'the words to search for',
  text: 'the text of the ask',
  conversation: 'the conversation (-c)',
  shares: '--share',
  pattern: '--share',
  patterns: 'the paths',
  excludes: '--exclude',
  recipients: 'the recipients',
  timeout: '--timeout',
  ttl: '--ttl',
  model: '--model',
  device: '--device',
  name: 'the name',
  pool: '--pool',
  packages: 'the packages',
  package: 'the package',
  run: 'the run',
  documents: 'the documents',
  ids: 'the documents',
  descriptor_set: 'the descriptor set',
  'GetRunRequest.id': 'the run',
  'WatchRunRequest.id': 'the run',
  'CancelRunRequest.id': 'the run',
  'RetryRunRequest.id': 'the run',
  'EndRunRequest.id': 'the run',
  'GetJobRequest.id': 'the job',
  'RetryJobRequest.id': 'the job',
  'DropJobRequest.id': 'the job',
  reason: '--reason',
  'ExplainRunRequest.id': 'the run',
  'GetApprovalRequest.id': 'the approval',
  'AnsweredApproval.id': 'the approval',
  approvals: 'the approvals',
  'GetConversationRequest.id': 'the conversation',
  'DeleteConversationRequest.id': 'the conversation',
  'GetDeviceRequest.id': 'the device',
  'AdoptDeviceRequest.id': 'the device',
  'SuspendDeviceRequest.id': 'the device',
  'ResumeDeviceRequest.id': 'the device',
  'DeleteDeviceRequest.id': 'the device',
  'RevokeKeyRequest.id': 'the key',
  'RevokeGrantRequest.id': 'the grant',
};

/** The rule of the contract for the name of a collection. */
const COLLECTION = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const isCollectionName = (name: string): boolean => COLLECTION.test(name);

export const COLLECTION_RULE =
  'may hold only small letters, digits, dot, dash and underscore, begins with a letter or digit, and has at most 64';

/** `bowline.x.v1.DeleteRequest.collection: does not match …` as `the collection may hold only …`; other words as they are. */
export function argumentWords(message: string): string {
  const broken = /^bowline\.[a-z0-9.]{1,80}\.v\d+\.(\w{1,80})(?::\s\w{1,80})?\.([\w.]{1,160}): (.*)$/s.exec(message);
  if (!broken) return message;
  const [, request = '', path = '', rule = ''] = broken;
  const field = path.split('.').at(-1) ?? '';
  const name = NAMES[`${request}.${field}`] ?? NAMES[field];
  if (name === undefined) return `${field.replaceAll('_', ' ')}: ${ruleWords(rule)}`;
  if (field === 'collection' && rule.startsWith('does not match')) return `${name} ${COLLECTION_RULE}`;
  return `${name}: ${ruleWords(rule)}`;
}

/** Rules as protovalidate words them. */
const ruleWords = (rule: string): string =>
  rule
    .replace(/^does not match regex pattern.*$/s, 'is not written as it must be')
    .replace(/^(?:value length )?must be at least 1 character(?:s|\(s\))?$/, 'is missing')
    .replace(/^value (?:length )?must /, 'must ');
