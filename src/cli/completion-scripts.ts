// The scripts with which a shell completes the words of the command line, made from its verbs. Pure.

/** Of a verb, named by its path (`runs ls`; the program itself by nothing). */
export interface VerbWords {
  readonly summary: string;
  readonly verbs: readonly string[];
  readonly options: readonly string[];
  /** Of what its first argument is the id. */
  readonly ids?: IdKind;
  /** Options, long and short, whose value is an id. */
  readonly idOptions?: Readonly<Record<string, IdKind>>;
}

/** What has ids that a shell offers, by the name that the value has in the help. */
export const ID_KINDS = ['run', 'device', 'collection', 'conversation', 'approval'] as const;
type IdKind = (typeof ID_KINDS)[number];

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

/** Shell code that leaves in `kind` of what an id stands here. Of another home than the usual one nothing is known. */
function kinds(tree: VerbTree, { all, before }: { readonly all: string; readonly before: string }): string {
  const options = paths(tree).flatMap(([path, { idOptions = {} }]) =>
    Object.entries(idOptions).map(([option, kind]) => `      '${path} ${option}') kind=${kind} ;;`),
  );
  const verbs = paths(tree).flatMap(([path, { ids }]) => (ids ? [`      '${path}') kind=${ids} ;;`] : []));
  return `  local kind=
  case " ${all} " in
    *' --home'*|*' --control'*) ;;
    *)
      case "$at" in
${verbs.join('\n')}
      esac
      case "$at ${before}" in
${options.join('\n')}
      esac ;;
  esac`;
}

const bash = (tree: VerbTree): string => `# Completion of bowline for bash: eval "$(bowline completion bash)"
_bowline() {
${walk(tree, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  local words=
  case "$at" in
${cases(tree, (words) => `words='${words}'`)}
  esac
${kinds(tree, { all: `\${COMP_WORDS[*]}`, before: `\${COMP_WORDS[COMP_CWORD-1]}` })}
  local here="\${COMP_WORDS[COMP_CWORD]}"
  case "$here" in -*) kind= ;; esac
  [ -z "$kind" ] || words="$words $("\${COMP_WORDS[0]}" completion ids "$kind" "$here" 2>/dev/null)"
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
${kinds(tree, { all: `\${words[*]}`, before: `\${words[CURRENT-1]}` })}
  local here="\${words[CURRENT]}"
  case "$here" in -*) kind= ;; esac
  [ -z "$kind" ] || known+=(\${(f)"$("\${words[1]}" completion ids "$kind" "$here" 2>/dev/null)"})
  compadd -a known || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
compdef _bowline bowline
`;

/** Within single quotes. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fish(tree: VerbTree): string {
  const offer = (kind: string) => quoted(`(__bowline_ids ${kind})`);
  const lines = Object.entries(tree).flatMap(([path, { verbs, options, ids, idOptions = {} }]) => {
    const here = `-n ${quoted(`__bowline_at ${quoted(path)}`)}`;
    return [
      ...verbs.map((verb) => {
        const about = tree[`${path} ${verb}`.trim()]?.summary ?? '';
        return `complete -c bowline ${here} -f -a ${verb} -d ${quoted(about)}`;
      }),
      ...(ids ? [`complete -c bowline ${here} -f -a ${offer(ids)}`] : []),
      ...options.map((option) => {
        const value = idOptions[option] ? ` -x -a ${offer(idOptions[option])}` : '';
        return `complete -c bowline ${here} -l ${option.replace(/^--/, '')}${value}`;
      }),
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
function __bowline_ids
  string match -qr -- '^--(home|control)' (commandline -opc); and return
  bowline completion ids $argv[1] (commandline -ct) 2>/dev/null
end
${lines.join('\n')}
`;
}
