// The owner's answer as a person gives it: by a program of the command line, which may be killed at any moment and is then tried again.
import { setTimeout as wait } from 'node:timers/promises';
import type { Stack } from './stack.ts';

export interface ProgramAnswer {
  readonly id: string;
  readonly allow: boolean;
  /** The first program is killed so long after its start, unless it has ended by then. */
  readonly killAfterMs: number | undefined;
  readonly withinMs: number;
  /** Whether nobody waits for the answer any more. */
  readonly isOver?: () => boolean;
}

/**
 * Answers until the answer is taken; `over` where its approval has ended otherwise. A program that was killed may have answered.
 * @throws with the last output when no answer was taken in time
 */
export async function answerByProgram(
  stack: Pick<Stack, 'spawnCli'>,
  { id, allow, killAfterMs, withinMs, isOver }: ProgramAnswer,
): Promise<'taken' | 'over'> {
  const end = performance.now() + withinMs;
  const words = ['approvals', ...(allow ? ['allow', id, '--yes'] : ['deny', id]), '--json'];
  let output = '';
  for (let round = 0; performance.now() < end; round++) {
    const program = stack.spawnCli(words, { input: '' });
    if (round === 0 && killAfterMs !== undefined) {
      await Promise.race([wait(killAfterMs), program.ended]);
      if (program.running) await program.kill();
    }
    const { code } = await program.ended;
    output = program.output;
    if (code === 0) return 'taken';
    if (output.includes('APPROVAL_ENDED') || isOver?.()) return 'over';
    await wait(150);
  }
  throw new Error(`no answer of a program was taken within ${withinMs} ms: ${output}`);
}
