// The scripts with which a shell completes the words of the command line, made from its verbs. Pure.

/** Of a verb, named by its path (`runs ls`; the program itself by nothing). */
export interface VerbWords {
  readonly summary: string;
  readonly verbs: readonly string[];
  readonly options: readonly string[];
}

export type VerbTree = Readonly<Record<string, VerbWords>>;

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, tree: VerbTree): string {
  return { bash, zsh, fish }[shell](tree);
}

/** Whether this or an earlier version wrote it: its first lines say so. */
export const isCompletionScript = (text: string): boolean =>
  /^(?:#compdef bowline\n)?# Completion of bowline for (?:bash|zsh|fish): /.test(text);

const paths = (tree: VerbTree) => Object.entries(tree).filter(([path]) => path !== '');

/** Shell code that walks the words before the last one and leaves in `at` the path of the verb that they name. */
function walk(tree: VerbTree, words: string): string {
  const known = paths(tree)
    .map(([path]) => `'${path}'`)
    .join('|');
  return `  local at= word
  for word in ${words}; do
    case "\${at:+$at }$word" in
      ${known}) at="\${at:+$at }$word" ;;
    esac
  done`;
}

const wordsOf = (words: VerbWords): string => [...words.verbs, ...words.options].join(' ');

function cases(tree: VerbTree, line: (words: string) => string): string {
  return Object.entries(tree)
    .map(([path, words]) => `    '${path}') ${line(wordsOf(words))} ;;`)
    .join('\n');
}

const bash = (tree: VerbTree): string => `# Completion of bowline for bash: eval "$(bowline completion bash)"
_bowline() {
${walk(tree, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  local words=
  case "$at" in
${cases(tree, (words) => `words='${words}'`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _bowline bowline
`;

const zsh = (tree: VerbTree): string => `#compdef bowline
# Completion of bowline for zsh: eval "$(bowline completion zsh)"
_bowline() {
${walk(tree, `"\${(@)words[2,CURRENT-1]}"`)}
  local -a known
  case "$at" in
${cases(tree, (words) => `known=(${words})`)}
  esac
  compadd -a known || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
compdef _bowline bowline
`;

/** Within single quotes. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fish(tree: VerbTree): string {
  const lines = Object.entries(tree).flatMap(([path, { verbs, options }]) => {
    const here = `-n ${quoted(`__bowline_at ${quoted(path)}`)}`;
    return [
      ...verbs.map((verb) => {
        const about = tree[`${path} ${verb}`.trim()]?.summary ?? '';
        return `complete -c bowline ${here} -f -a ${verb} -d ${quoted(about)}`;
      }),
      ...options.map((option) => `complete -c bowline ${here} -l ${option.replace(/^--/, '')}`),
    ];
  });
  const known = paths(tree).map(([path]) => quoted(path));
  return `# Completion of bowline for fish: bowline completion fish | source
function __bowline_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$at $word")
    if contains -- $next ${known.join(' ')}
      set at $next
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}
