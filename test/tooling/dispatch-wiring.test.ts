// Dispatch is wired by main: a part of it takes what it needs and hands itself to nobody. So no constructor makes a function that
// reads `this`, which another part would call before that constructor has ended, and `this` is no argument anywhere.
import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, test } from 'vitest';

function handedUpwards(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node, inConstructor: boolean, inFunction: boolean): void => {
    if (node.kind === ts.SyntaxKind.ThisKeyword) {
      const late = inConstructor && inFunction;
      const handed = !ts.isPropertyAccessExpression(node.parent) && !ts.isReturnStatement(node.parent);
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      if (late || handed) found.push(`${file}:${line + 1}`);
    }
    const begins = ts.isConstructorDeclaration(node);
    const within = (inConstructor || begins) && !ts.isClassLike(node);
    ts.forEachChild(node, (child) =>
      visit(child, within, within && !begins && (inFunction || ts.isFunctionLike(node))),
    );
  };
  visit(source, false, false);
  return found;
}

test('no part of dispatch hands itself to another one', () => {
  const files = globSync('src/control/dispatch/**/*.ts').filter((file) => !file.endsWith('.test.ts'));
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap((file) => handedUpwards(file, readFileSync(file, 'utf8')))).toEqual([]);
});

test('a part that hands itself upwards is found', () => {
  const planted = `class A {
    readonly #b: B;
    constructor(parts: Parts) {
      this.#b = new B({ ...parts, freed: () => this.kick() });
      parts.runs.handOffThrough(this);
    }
    later() {
      return () => this.#b.kick();
    }
    give() {
      return new C(this);
    }
  }`;
  expect(handedUpwards('a.ts', planted)).toEqual(['a.ts:4', 'a.ts:5', 'a.ts:11']);
});
