// The verb `completion`: prints what a shell reads to complete the words of the command line.
import { Argument, Command } from 'commander';
import { builtFile } from '../built-file.ts';
import { completionIds } from '../completion-ids.ts';
import { completionScript, ID_KINDS, SHELLS, type Shell, type VerbTree } from '../completion-scripts.ts';
import type { CliIo } from '../io.ts';

export function completionVerb(io: CliIo): Command {
  return new Command('completion')
    .description('Print the script with which a shell completes the words of this program')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  $ eval "$(bowline completion bash)"                     in ~/.bashrc
  $ eval "$(bowline completion zsh)"                      in ~/.zshrc
  $ bowline completion fish > ~/.config/fish/completions/bowline.fish`,
    )
    .action((shell: Shell) => void io.stdout.write(completionScript(shell, verbTree())))
    .addCommand(
      new Command('ids')
        .description('Print the ids that a shell offers')
        .addArgument(new Argument('<kind>', 'of what').choices(ID_KINDS))
        .argument('[begun]', 'what is typed of it', '')
        .action(async (kind: (typeof ID_KINDS)[number], begun: string, _o, command: Command) => {
          for (const id of await completionIds(io, command.optsWithGlobals(), kind, begun)) io.stdout.write(`${id}\n`);
        }),
      { hidden: true },
    );
}

/** The build made it beside the programs. */
function verbTree(): VerbTree {
  return JSON.parse(builtFile('verb-tree.json'));
}
