// Reads the pieces of a streamed answer strictly: each must begin where the one before ended, and only a higher epoch may
// begin anew. Where the whole answer is known, what was read must be its beginning. Pure.
import type { TextChunk } from '../../gen/bowline/run/v1/run_pb.ts';

export class TextCheck {
  /** What was wrong with the pieces, in words. */
  readonly wrong: string[] = [];
  /** How often a text began anew under a higher epoch. */
  resets = 0;
  readonly #texts = new Map<string, { epoch: bigint; text: string; bytes: number }>();

  add({ job, epoch, offset, text }: Pick<TextChunk, 'job' | 'epoch' | 'offset' | 'text'>): void {
    let now = this.#texts.get(job);
    if (now && epoch < now.epoch) this.#complain(job, `epoch ${epoch} came after ${now.epoch}`);
    if (!now || epoch > now.epoch) {
      if (now) this.resets++;
      now = { epoch, text: '', bytes: 0 };
      this.#texts.set(job, now);
    }
    if (Number(offset) !== now.bytes) {
      this.#complain(
        job,
        `at byte ${now.bytes} of epoch ${epoch} came ${offset}: ${JSON.stringify(text.slice(0, 40))}`,
      );
    }
    if (text.includes('\uFFFD')) this.#complain(job, 'a letter was cut');
    now.text += text;
    now.bytes += Buffer.byteLength(text);
  }

  /** The texts of the jobs, as they stand. */
  get texts(): ReadonlyMap<string, string> {
    return new Map([...this.#texts].map(([job, { text }]) => [job, text]));
  }

  /** The run ended with this answer; the text of the job that spoke last must be its beginning (or go on with white space). */
  end(answer: string): void {
    const [job, text] = [...this.texts].at(-1) ?? [];
    if (job === undefined || text === undefined) return;
    const fits = answer.startsWith(text) || (text.startsWith(answer) && text.slice(answer.length).trim() === '');
    if (!fits) this.#complain(job, `what was read is not how the answer begins: ${firstDifference(text, answer)}`);
  }

  #complain(job: string, what: string): void {
    this.wrong.push(`text of ${job}: ${what}`);
  }
}

function firstDifference(read: string, answer: string): string {
  let at = 0;
  while (at < read.length && read[at] === answer[at]) at++;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40));
  return `at ${at}, ${around(read)} instead of ${around(answer)}`;
}
