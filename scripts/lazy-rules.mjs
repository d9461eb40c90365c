// An esbuild plugin for the programs that check messages with protovalidate. It compiles the CEL expression of a rule when that rule is
// first needed: most rules that our contract uses it checks without CEL, but it compiled all that there are for a type (120 ms a start). And
// it takes our generated copy of the descriptor of validate.proto and its own, which are the same, for one.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

const EAGER = 'compiled: this.compileRule(rule),';
const LAZY =
  'get compiled() { const made = compile(rule); Object.defineProperty(this, "compiled", { value: made }); return made; },';
const BEGIN = 'compileRulesUncached(descMessage) {';

export function lazyRules() {
  return {
    name: 'lazy-rules',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]protovalidate[\\/]dist[\\/]\w+[\\/]cel\.js$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const found = text.split(EAGER).length - 1;
        if (found !== 2 || !text.includes(BEGIN)) throw new Error(`${path} is not what this build knows`);
        const begin = `${BEGIN} const compile = (rule) => this.compileRule(rule);`;
        return { contents: text.replaceAll(EAGER, LAZY).replace(BEGIN, begin), loader: 'js' };
      });
      bundler.onLoad({ filter: /[\\/]gen[\\/]buf[\\/]validate[\\/]validate_pb\.ts$/ }, ({ path }) => ({
        contents: `export * from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';`,
        resolveDir: dirname(path),
        loader: 'js',
      }));
    },
  };
}
