// The option `--max-cost`, of all verbs that ask.
import { Option } from 'commander';
import { parseMoney } from '../base/money-text.ts';

export const maxCostOption = (): Option =>
  new Option(
    '--max-cost <money>',
    'most that the run may cost, like 0.05; nothing is begun that might go beyond it',
  ).argParser(parseMoney);
