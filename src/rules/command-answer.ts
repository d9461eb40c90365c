// The answer to a request to run a command: what ran, how it ended, what it printed.

import type { Aim } from './aim.ts';
import type { AnswerDraft } from './answer-draft.ts';
import type { Evidence } from './evidence.ts';
import { phrasesIn } from './phrases.ts';
import type { Transcript } from './transcript.ts';

/** Characters of output that are shown, the end first. */
const MOST_OUTPUT = 4000;

export function commandAnswer(draft: AnswerDraft, aim: Aim, transcript: Transcript, evidence: Evidence): void {
  const phrases = phrasesIn(aim.language);
  if (transcript.steps.length === 0 && !transcript.tools.has('shell_run')) {
    draft.lines.push(phrases.noTool('shell_run'));
    return;
  }
  for (const step of evidence.failed) {
    const why = `${step.error!.reason}${step.error!.message ? `: ${step.error!.message}` : ''}`;
    draft.lines.push(phrases.failed(step.tool, `\`${aim.argv.join(' ')}\``, why));
  }
  for (const run of evidence.commands) {
    const command = `\`${run.argv.join(' ')}\``;
    const closed = run.withheld.length > 0;
    const hidden = run.withheld.some((item) => item.field.endsWith('code'));
    const exit = run.exit && !hidden ? phrases.exit(run.exit.code, run.exit.signal) : '✓';
    draft.lines.push(phrases.ran(command, exit));
    const output = [run.stdout, run.stderr]
      .filter((text) => text.trim() !== '')
      .join('\n')
      .trimEnd();
    if (output !== '') draft.lines.push('', '```', tail(output), '```');
    else if (!closed) draft.lines.push(phrases.noOutput);
    if (closed && output === '') {
      const hints = [...new Set(run.withheld.map((item) => item.hint).filter((hint) => hint !== ''))];
      draft.lines.push(phrases.withheldOutput(command), ...hints);
    }
    draft.confidence = 0.9;
  }
}

function tail(output: string): string {
  if (output.length <= MOST_OUTPUT) return output;
  const cut = output.slice(-MOST_OUTPUT);
  return `…\n${cut.slice(cut.indexOf('\n') + 1).toWellFormed()}`;
}
