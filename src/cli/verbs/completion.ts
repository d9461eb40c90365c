// The verb `completion`: prints what a shell reads to complete the words of the command line.
import { Argument, Command } from 'commander';
import { builtFile } from '../built-file.ts';
import { completionScript, SHELLS, type Shell, type VerbTree } from '../completion-scripts.ts';
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
    .action((shell: Shell) => void io.stdout.write(completionScript(shell, verbTree())));
}

/** The build made it beside the programs. */
function verbTree(): VerbTree {
  return JSON.parse(builtFile('verb-tree.json'));
}
