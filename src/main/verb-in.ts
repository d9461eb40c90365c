// Which verb a command line uses.

/** The first word that is not an option or the value of one; behind `help` the next. */
export function verbIn(argv: readonly string[]): string | undefined {
  const words = argv.filter((word, i) => !word.startsWith('-') && !['--home', '--control'].includes(argv[i - 1] ?? ''));
  return words[0] === 'help' ? words[1] : words[0];
}
