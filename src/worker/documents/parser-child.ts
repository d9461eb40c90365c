// The process that reads documents: one after the other, from its standard input to its standard output, until that ends. It runs without
// network and with no files but its own, and is ended from outside when a document costs too much.
import { encodeFramed, FramedReader } from '../../base/framed-messages.ts';
import { MAX_BYTES } from './document.ts';
import { encodeResult, toInput } from './messages.ts';
import { readDocument } from './read-document.ts';

const reader = new FramedReader(MAX_BYTES + 65_536);
// pdf.js and others may print; nothing but answers may be on standard output.
for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) console[name] = () => {};
// pdf.js leaves some of its own promises to nobody; what was wrong with the document is told by those that are looked at.
process.on('unhandledRejection', () => {});
const write = process.stdout.write.bind(process.stdout);
write(encodeFramed({ ready: true }));
for await (const piece of process.stdin) {
  const messages = reader.add(piece as Buffer);
  if (!messages) process.exit(1);
  for (const message of messages) write(encodeResult(await readDocument(toInput(message))));
}
