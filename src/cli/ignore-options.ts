// The options of every verb that shares files: what of a folder is left out.
import { Option } from 'commander';

export const excludeOption = (): Option =>
  new Option('--exclude <pattern>', 'leave out files or folders/ of this pattern, as in .gitignore (repeatable)')
    .argParser((value: string, all: string[]) => [...all, value])
    .default([], 'nothing');

export const gitignoreOption = (): Option =>
  new Option('--gitignore', 'leave out what .gitignore files leave out, too; .bowlineignore always counts');
