// What docs/approvals.md shows of real terminals: the commands, what is typed into them, and what must stand on the screen. `make tour`
// takes it; a test holds the page against this list.
import { type Capture, SIZES } from './tour-captures.ts';

export interface ApprovalCapture extends Capture {
  /** The ask whose call must wait before it is taken. */
  readonly needsOne?: string;
  /** The ask whose run stands in place of ID. */
  readonly needsRun?: string;
}

export const MARKS = { begin: '<!-- captures: make tour -->', end: '<!-- end of captures -->' } as const;

const ASK = 'Move the launch to 21 May and note that the harbour is booked';

/** What the model of these pictures wants to write, and says in the end. */
export const WRITES = [
  {
    path: 'notes/plan.md',
    text: '# Plan\n\nThe launch is on 21 May.\nThe budget is 52000 EUR.\n',
    mode: 'WRITE_MODE_REPLACE',
  },
  { path: 'notes/港口.md', text: '港口已预订。\nThe harbour is booked.\n', mode: 'WRITE_MODE_CREATE' },
] as const;
export const SAID = 'The launch is on 21 May now. I left the other note: you said no.';

/** What is asked about a file that nobody shared, and the answer. */
export const QUESTION = 'When is the launch?';
export const READ = { path: 'notes/plan.md' };
export const ANSWER = 'The launch is on 14 May.';

export const APPROVAL_CAPTURES: readonly ApprovalCapture[] = [
  {
    name: 'chat',
    title: 'In a conversation',
    about: 'Two calls of one step. The key for the first is `y`, for the second `n`.',
    command: './bowline chat',
    typed: [
      [/> ?$/m, `${ASK}\r`],
      [/allow 1 of 2[^\n]*\[y/, 'y'],
      [/allow 2 of 2[^\n]*\[y/, 'n'],
      [/you said no\.[\s\S]*\n> ?$/m, '/quit\r'],
    ],
    shows: /allow 1 of 2[\s\S]*allowed by box[\s\S]*denied by box[\s\S]*you said no/,
  },
  {
    name: 'egress',
    title: 'What left the box meanwhile',
    about: 'What you were shown did not leave: neither the diff, nor the path on your disk, nor your answer’s digest.',
    command: './bowline egress ls',
    shows: /plan\.md|\(the ask\)/,
  },
  {
    name: 'ls',
    title: 'What waits',
    about: 'Asked with `--no-wait`; the run waits, and so does the list.',
    command: './bowline approvals ls',
    needsOne: ASK,
    shows: /change notes\/plan\.md/,
  },
  {
    name: 'show',
    title: 'One of them',
    about: '',
    command: './bowline approvals show ID',
    needsOne: ASK,
    shows: /-The launch is on 14 May\.\s*\n\s*\+The launch is on 21 May\./,
  },
  {
    name: 'share',
    title: 'A share in the moment',
    about: 'The file was not shared. The key is `y`.',
    command: `./bowline ask "${QUESTION}"`,
    typed: [[/share notes\/plan\.md[^\n]*\[y/, 'y']],
    shows: /allowed by box[\s\S]*14 May/,
  },
  {
    name: 'egress-show',
    title: 'What left for that ask',
    about: '',
    command: './bowline egress show ID',
    needsRun: QUESTION,
    shows: /plan\.md/,
  },
  {
    name: 'egress-month',
    title: 'What left in each month',
    about: '',
    command: './bowline egress month',
    shows: /scripted/,
  },
];

/** The part of a page between the marks, with them. */
export function pagePart(captures: readonly Capture[], texts: ReadonlyMap<string, string>): string {
  const parts = captures.flatMap(({ name, title, about }) =>
    SIZES.map(({ columns }, at) => {
      const words = about && at === 0 ? `${about}\n\n` : '';
      return `### ${title}, ${columns} columns\n\n${words}\`\`\`text\n${texts.get(`${name}-${columns}`) ?? ''}\n\`\`\``;
    }),
  );
  return `${MARKS.begin}\n\n${parts.join('\n\n')}\n\n${MARKS.end}`;
}
