// The gate of what stays on this box: answers of tools for a sensitive run, whole and with no line of the ledger. The gate of the stream
// has not made them, so it lets none of them into a frame.
import { type DescMethod, type Message, toBinary } from '@bufbuild/protobuf';
import { isSensitiveId } from '../../base/ids.ts';
import type { Masker } from '../secrets/masker.ts';
import type { AnswerGate, GatedResponse, ResponseContext } from './gate.ts';
import { maskMessage } from './mask-message.ts';

export class BoxGate implements AnswerGate {
  readonly leaves = false;
  readonly #masker: () => Masker | undefined;

  /** @param masker of the secrets that are known now; undefined where there are none */
  constructor(masker: () => Masker | undefined) {
    this.#masker = masker;
  }

  mask(method: DescMethod, message: Message): void {
    const masker = this.#masker();
    if (masker) maskMessage(method.output, message, masker, { bytes: true });
  }

  /** Throws for a run that is not sensitive: it never comes here. */
  response(method: DescMethod, message: Message, { run }: Pick<ResponseContext, 'run'>): GatedResponse {
    if (!isSensitiveId(run)) throw new Error('a run that leaves came to the gate of this box');
    this.mask(method, message);
    return { bytes: toBinary(method.output, message), withheld: [], egress: [] };
  }

  again(): () => void {
    return () => {};
  }
}
