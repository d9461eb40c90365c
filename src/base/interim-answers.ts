// Interim answers (1xx) of an HTTP server. Node bounds the headers of each alone, so a server could send them without end, and each one costs
// far more than its bytes.
import type { ClientRequest, IncomingMessage } from 'node:http';

/** Of all headers of an answer together, with those of the answers before it. */
export const HEADER_BYTES = 16 << 10;

/** Ends a request whose server answers with more of them than one answer's headers may have. */
export function boundInterimAnswers(request: ClientRequest): void {
  let left = HEADER_BYTES;
  request.on('information', ({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>) => {
    left -= STATUS_LINE + rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
    if (left < 0)
      request.destroy(Object.assign(new Error('too many interim answers'), { code: 'HPE_HEADER_OVERFLOW' }));
  });
}

/** `HTTP/1.1 100 ` and two line ends, the least of each. */
const STATUS_LINE = 17;
