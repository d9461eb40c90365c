// Which collections an ask searches: the options of `ask` and `chat`.
import { Option } from 'commander';

export const inOption = () =>
  new Option('--in <collection>', 'search only this collection of `docs add` (repeatable)')
    .argParser((value: string, all: string[]) => [...all, value])
    .default([], 'all that the model may see');

export const noDocsOption = () => new Option('--no-docs', 'search no collection');
