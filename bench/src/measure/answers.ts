// Whether the built-in rules answer rightly: seventy-five questions about a messy folder, printed one by one with their score, and a search in
// documents with questions that they answer and that they do not.
import { askFolder } from '../../../test/support/answers/ask-folder.ts';
import { scoreLine, scoreText } from '../../../test/support/answers/ask-questions.ts';
import type { Judged } from '../../../test/support/answers/question.ts';
import { scoreDocuments } from '../../../test/support/answers/score-documents.ts';
import { type Bench, type Budget, type Measure, ofRounds, type Row } from '../harness/measure.ts';

const LEAST_RIGHT = 57 / 60;

export const answers: Measure = {
  name: 'answers',
  what: 'seventy-five questions about a messy folder, and a search in documents with and without an answer',
  run: async ({ lab, say }: Bench) => {
    const judged = await askFolder(await lab.stack());
    process.stdout.write(`${scoreText(judged)}\n`);
    const documents = await scoreDocuments();
    for (const line of documents.wrong) process.stdout.write(`  documents: ${line}\n`);
    say(scoreLine(judged));
    const share = (is: (one: Judged) => boolean) => judged.filter(is).length / judged.length;
    return [
      row(
        'questions: right',
        share(({ faults }) => faults.length === 0),
        { atLeast: LEAST_RIGHT },
      ),
      row(
        'questions: absence claimed wrongly',
        share(({ wrongAbsence }) => wrongAbsence),
        { atMost: 0 },
      ),
      row(
        'questions: shared what was not named',
        share(({ leaked }) => leaked.length > 0),
        { atMost: 0 },
      ),
      row('documents: recall', documents.recall, { atLeast: 0.95 }),
      row('documents: the right one is first', documents.precision, { atLeast: 0.85 }),
      row('documents: nothing found where none answers', documents.refusals, { atLeast: 0.9 }),
    ];
  },
};

const row = (what: string, value: number, budget: Budget): Row => ({
  measure: 'answers',
  what,
  ours: ofRounds('Bowline', 'share', [value]),
  peers: [],
  budget: { ...budget, absolute: true },
});
