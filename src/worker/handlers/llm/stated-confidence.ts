// How sure a model says that it is, where its provider tells no probabilities: it is asked for a last line, which is taken out of the answer
// while that is streamed.
import { clone, create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  ChatRequestSchema,
  type Confidence,
  ConfidenceOrigin,
  ConfidenceSchema,
  MessageSchema,
  Role,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';

const INSTRUCTION =
  'Behind your answer write one last line `confidence: N`, where N is from 0 to 1 how likely it is that the answer is right. Write that line in these words whatever the language of the answer is, and none when you call a tool.';

/** The request with the question how sure it is, behind its other instructions. */
export function askedHowSure(request: ChatRequest): ChatRequest {
  const asked = clone(ChatRequestSchema, request);
  const leading = asked.messages.findIndex(({ role }) => role !== Role.SYSTEM);
  const value = create(MessageSchema, { role: Role.SYSTEM, parts: [{ part: { case: 'text', value: INSTRUCTION } }] });
  asked.messages.splice(Math.max(leading, 0), 0, value);
  return asked;
}

/** Characters of the line; a longer one is text. */
const MOST = 64;
const LINE =
  /^[\s*_`]{0,8}confidence[*_`]{0,2}\s?[:：][\s*_`]{0,4}(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})(\s?%)?[\s.*_`]{0,8}$/i;

export class StatedConfidence {
  /** The last line that is begun, with the breaks before it, while it may still be the one. */
  #held = '';
  /** The line that is begun is text. */
  #isText = false;

  /** What of the text may be told now. */
  add(piece: string): string {
    let text = this.#held + piece;
    let told = '';
    if (this.#isText) {
      const end = text.indexOf('\n');
      if (end < 0) {
        this.#held = '';
        return text;
      }
      told = text.slice(0, end);
      text = text.slice(end);
      this.#isText = false;
    }
    const said = text.trimEnd();
    const begin = said.slice(0, Math.max(said.lastIndexOf('\n'), 0)).trimEnd().length;
    told += text.slice(0, begin);
    this.#held = text.slice(begin);
    const line = this.#held.trimEnd();
    if (line.trimStart().length <= MOST) return told;
    this.#held = this.#held.slice(line.length);
    this.#isText = true;
    return told + line;
  }

  /** What is left of the text, and how sure the model said that it is. */
  end(): { readonly text: string; readonly confidence: Confidence | undefined } {
    const held = this.#held;
    this.#held = '';
    const [, number, percent] = LINE.exec(held.trim()) ?? [];
    if (number === undefined) return { text: held, confidence: undefined };
    const value = percent || Number(number) > 1 ? Number(number) / 100 : Number(number);
    const origin = ConfidenceOrigin.SELF_REPORTED;
    return { text: '', confidence: create(ConfidenceSchema, { value: Math.min(value, 1), origin }) };
  }
}
