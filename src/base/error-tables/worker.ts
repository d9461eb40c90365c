// The errors of workers: models, collections, programs, the web, and documents.
import { EXIT } from '../status-codes.ts';
import { type ErrorRow, row } from './row.ts';

export const WORKER_ERRORS = {
  // worker
  SESSION_LOST: row('unavailable', 'the session with the control plane was lost: {why}'),
  WORKER_BUSY: row(
    'resource_exhausted',
    'this worker has no free slot; try again, start more workers, or raise BOWLINE_WORKER_SLOTS',
    { retryable: true, exit: EXIT.failed },
  ),
  WORKER_DRAINING: row('unavailable', 'this worker is shutting down and takes no new jobs'),
  MODEL_UNKNOWN: row('not_found', 'there is no model {model} here; these are known: {known}. See `bowline models ls`'),
  PROVIDER_UNAVAILABLE: row('unavailable', 'the model provider {provider} did not answer: {problem}'),
  PROVIDER_RATE_LIMITED: row(
    'resource_exhausted',
    'the model provider {provider} takes no more requests for now; try again later',
    {
      retryable: true,
      exit: EXIT.failed,
    },
  ),
  PROVIDER_KEY_MISSING: row(
    'failed_precondition',
    'the model {model} has no usable key: {problem}; set one with `bowline models set {model}`',
  ),
  PROVIDER_ADDRESS_WRONG: row(
    'failed_precondition',
    'the model {model} is not at {url}; its server answers at {better}. Set that with `bowline models set {model} --base-url {better}`',
  ),
  DIMENSION_WRONG: row(
    'failed_precondition',
    'the embedding model {model} answers with vectors of {got} numbers, but {declared} are declared; correct that with `bowline models set {model} --dimension {got}`',
  ),
  PROVIDER_REFUSED: row('failed_precondition', 'the model provider {provider} refused the request: {problem}'),
  LLAMA_MISSING: row(
    'failed_precondition',
    'models.yaml names a GGUF file, but the optional package that runs it is not installed; run `{command}` where Bowline is installed',
  ),
  // retrieval
  RETRIEVAL_UNAVAILABLE: row('failed_precondition', 'documents cannot be kept or searched here: {problem}', {
    exit: EXIT.failed,
  }),
  COLLECTION_UNKNOWN: row('not_found', 'there is no collection named {collection}; see `bowline docs ls`'),
  COLLECTION_ONLY_GRANTED: row(
    'not_found',
    'there is no collection named {collection}, though this box lets it be looked into; add its documents (`bowline docs add PATH --to {collection}`), or take that back with `bowline docs rm {collection}`',
  ),
  COLLECTION_OTHER_MODEL: row(
    'failed_precondition',
    'the collection {collection} holds vectors of the model {has}, but these would be of {wanted}. Use {has}, put the documents into another collection, or make its vectors again: `bowline docs re-embed {collection}`',
  ),
  DOCUMENT_UNKNOWN: row(
    'not_found',
    'the collection {collection} has no document {document}; `bowline docs ls {collection}` shows what it has',
    { exit: EXIT.failed },
  ),
  DOCUMENT_UNREADABLE: row('invalid_argument', 'the document cannot be read: {problem}', { exit: EXIT.failed }),
  CONTEXT_TOO_LONG: row(
    'out_of_range',
    'the conversation is too long for the model {model}; begin a new one, share less, or use a larger model',
    { exit: EXIT.failed },
  ),
  DESCRIPTOR_INHERITED: row(
    'failed_precondition',
    'no program is started, because it would inherit descriptor {number} of this process; start this process without descriptors above 2',
  ),
  SANDBOX_UNAVAILABLE: row('failed_precondition', 'programs cannot be isolated here: {why}; {todo}'),
  SANDBOX_FILE_REFUSED: row('invalid_argument', '{which} is refused: {why}', { exit: EXIT.failed }),
  LANGUAGE_UNKNOWN: row('unimplemented', 'this worker does not run {language}; it runs {known}'),
  // web
  URL_NOT_ALLOWED: row('permission_denied', 'this URL is not read: {problem}', { exit: EXIT.failed }),
  WEB_UNREACHABLE: row('unavailable', 'nothing could be read from the server: {problem}'),
  WEB_ANSWER_INVALID: row('failed_precondition', 'the answer of the server cannot be used: {problem}'),
  WEB_TOO_SLOW: row('failed_precondition', 'the server is too slow: {problem}'),
  WEB_BUSY: row('unavailable', 'the server cannot be asked now: {problem}'),
  WEB_STATUS: row('failed_precondition', 'the server answered with status {status}'),
  WEB_TOO_LARGE: row(
    'failed_precondition',
    'the answer of the server is larger than {limit} bytes; read another page, or raise BOWLINE_WEB_BODY_BYTES of the worker',
  ),
  WEB_NOT_TEXT: row(
    'failed_precondition',
    'this is {mediaType}, which has no text to read; only HTML, text, JSON, XML, PDF, DOCX, ODT, EPUB and e-mail can be read',
  ),
  WEB_ROBOTS: row('permission_denied', 'this page is not read because of the robots.txt of {host}: {problem}', {
    exit: EXIT.failed,
  }),
  WEB_SEARCH_NOT_CONFIGURED: row(
    'failed_precondition',
    'no search service is configured for this worker; set one, for example a SearXNG with BOWLINE_WEB_SEARXNG_URL',
  ),
  WEB_SEARCH_FAILED: row('unavailable', 'the search service {provider} gave no answer: {problem}'),
  // documents
  DOCUMENT_NOT_TEXT: row('failed_precondition', 'it has no text that can be read: it is {what}', {
    bare: 'the file has no text that can be read',
  }),
  DOCUMENT_INVALID: row('failed_precondition', 'the document cannot be read: {problem}', {
    bare: 'the document cannot be read',
  }),
  DOCUMENT_TOO_COSTLY: row('resource_exhausted', 'the document was not read: {problem}', {
    exit: EXIT.failed,
    bare: 'the document was not read: it takes too much time, memory or space',
  }),
  DOCUMENT_READER_ENDED: row(
    'aborted',
    'the document was not read: the process that reads documents ended twice before it had; ask again, and look at edge.log if it ends again',
    { exit: EXIT.failed, bare: 'the document was not read, because the process that reads documents ended' },
  ),
  PARSER_UNAVAILABLE: row(
    'failed_precondition',
    'documents cannot be parsed safely on this machine: {problem}. To accept a weaker child process instead, set {weaker}',
    { bare: 'documents cannot be parsed safely on this device; its owner is told why' },
  ),
} as const satisfies Record<string, ErrorRow>;
