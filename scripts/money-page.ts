// What docs/money.md shows of real terminals: the commands, and what must stand on the screen. `make tour` takes it; a test holds the page
// against this list.
import type { ApprovalCapture } from './approval-page.ts';

/** What is asked before the pictures are taken, and of which model. */
export const ASKED = [
  { text: 'Which notes are about the launch?', tier: 'small' },
  { text: 'Who wrote the plan?', tier: 'small' },
  { text: '港口的预算是多少？', tier: 'small' },
  { text: 'Prove that the budget holds', tier: 'large' },
] as const;

export const MONEY_CAPTURES: readonly ApprovalCapture[] = [
  {
    name: 'usage-model',
    title: 'What was used, by model',
    about: '',
    command: './bowline usage --by model',
    shows: /OF COST[\s\S]*gpt-5 [\s\S]*█[\s\S]*gpt-5-mini/,
  },
  {
    name: 'usage-conversation',
    title: 'By conversation',
    about: '',
    command: './bowline usage --by conversation',
    shows: /Prove that[\s\S]*港口的预算/,
  },
  {
    name: 'budgets',
    title: 'Budgets',
    about: '',
    command: './bowline budgets ls',
    shows: /drafts[\s\S]*4104 tokens/,
  },
  {
    name: 'refused',
    title: 'A budget without room',
    about: '',
    command: './bowline ask --tier large "Prove it again"',
    shows: /the budget dear/,
  },
  {
    name: 'routes',
    title: 'Where a question would go',
    about: '',
    command: './bowline routes test "Prove it again"',
    shows: /small[\s\S]*large/,
  },
  {
    name: 'explain',
    title: 'Why the refused one has no answer',
    about: '',
    command: './bowline runs explain ID',
    needsRun: 'Prove it again',
    shows: /the budget dear[\s\S]*bowline budgets ls/,
  },
];
