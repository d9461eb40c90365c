// Where the entry of a thread or process of its own lies: beside the module that starts it, in the sources and in `dist/`.

/**
 * @param module `import.meta.url` of who starts it.
 * @param name of the entry without its ending, e.g. `passage-worker`
 * @param ending in `dist/`
 */
export const besideEntry = (module: string, name: string, ending: '.mjs' | '.cjs' = '.mjs'): URL =>
  new URL(`./${name}${module.endsWith('.ts') ? '.ts' : ending}`, module);
