// The exported names of source files, read by syntax, and which of them stand for two things. Must not read files: its callers do.
import ts from 'typescript';

/** A file with its text. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** What one file exports, and what it imports from the contracts under the contract's own name. */
interface FileNames {
  readonly path: string;
  readonly values: readonly string[];
  readonly types: readonly string[];
  /** Name and module of each import that is not given another name. */
  readonly imported: readonly { readonly name: string; readonly from: string }[];
}

/** One name and the files where it stands for different things. */
export interface SharedName {
  readonly name: string;
  readonly files: readonly string[];
}

function isExported(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  return ts.getModifiers(statement)?.some((each) => each.kind === ts.SyntaxKind.ExportKeyword) === true;
}

/** The names that a pattern or a plain name declares. */
function namesOf(binding: ts.BindingName): string[] {
  if (ts.isIdentifier(binding)) return [binding.text];
  return binding.elements.flatMap((each) => (ts.isOmittedExpression(each) ? [] : namesOf(each.name)));
}

function importsOf(statement: ts.ImportDeclaration): { name: string; from: string }[] {
  const bindings = statement.importClause?.namedBindings;
  if (bindings === undefined || !ts.isNamedImports(bindings) || !ts.isStringLiteral(statement.moduleSpecifier))
    return [];
  const from = statement.moduleSpecifier.text;
  return bindings.elements
    .filter((each) => each.propertyName === undefined)
    .map((each) => ({ name: each.name.text, from }));
}

const read = new WeakMap<SourceText, FileNames>();

/** Each file is parsed once, however often it is asked for. */
function namesIn(source: SourceText): FileNames {
  const names = read.get(source) ?? parsed(source);
  read.set(source, names);
  return names;
}

/** Declarations alone: `export ... from` gives a thing that has its name already. */
function parsed({ path, text }: SourceText): FileNames {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const [values, types] = [new Set<string>(), new Set<string>()];
  const imported: { name: string; from: string }[] = [];
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) imported.push(...importsOf(statement));
    if (!isExported(statement)) continue;
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) types.add(statement.name.text);
    else if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
      if (statement.name !== undefined) types.add(statement.name.text);
    } else if (ts.isFunctionDeclaration(statement)) {
      if (statement.name !== undefined) values.add(statement.name.text);
    } else if (ts.isVariableStatement(statement)) {
      for (const each of statement.declarationList.declarations)
        for (const name of namesOf(each.name)) values.add(name);
    }
  }
  return { path, values: [...values], types: [...types], imported };
}

function grouped(pairs: Iterable<readonly [name: string, place: string]>): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>();
  for (const [name, place] of pairs) places.set(name, (places.get(name) ?? new Set()).add(place));
  return places;
}

function* exportsOf(files: readonly FileNames[]): Generator<[string, string]> {
  for (const { path, values, types } of files) for (const name of new Set([...values, ...types])) yield [name, path];
}

const shared = (places: ReadonlyMap<string, ReadonlySet<string>>): SharedName[] =>
  [...places].filter(([, files]) => files.size > 1).map(([name, files]) => ({ name, files: [...files].sort() }));

/** Names that two files of the program export, each for a thing of its own. */
export function exportedTwice(sources: readonly SourceText[]): SharedName[] {
  return shared(grouped(exportsOf(sources.map(namesIn))));
}

/** Exported types of the program that have the name of a message, an enum or a service of a contract. */
export function namedLikeContracts(sources: readonly SourceText[], contracts: readonly SourceText[]): SharedName[] {
  const generated = grouped(exportsOf(contracts.map(namesIn)));
  const own = grouped(exportsOf(sources.map(namesIn).map((file) => ({ ...file, values: [] }))));
  return [...own]
    .filter(([name]) => generated.has(name))
    .map(([name, files]) => ({ name, files: [...files, ...generated.get(name)!].sort() }));
}

/** Names of contracts that one file of the program imports from one contract, and another from another, both without an alias. */
export function importedForTwo(sources: readonly SourceText[]): SharedName[] {
  const pairs = sources
    .map(namesIn)
    .flatMap(({ imported }) => imported.map(({ name, from }) => ({ name, contract: /gen\/(.*)$/.exec(from)?.[1] })));
  return shared(
    grouped(pairs.flatMap(({ name, contract }) => (contract === undefined ? [] : [[name, contract] as const]))),
  );
}
