import { expect, test } from 'vitest';
import { HtmlTree } from './html-tree.ts';
import { lettersIn } from './letters.ts';
import type { TreeElement, TreeNode } from './tree-node.ts';

/** A text, or an element: its name, then what is in it. */
type Sketch = string | readonly Sketch[];

function make(tree: HtmlTree, sketch: Sketch): TreeNode {
  if (typeof sketch === 'string') return tree.createTextNode(sketch);
  const [name, ...children] = sketch;
  const element = tree.createElement(name as string);
  for (const child of children) element.appendChild(make(tree, child));
  return element;
}

function put(...children: readonly Sketch[]): HtmlTree {
  const tree = new HtmlTree();
  for (const child of children) tree.body.appendChild(make(tree, child));
  return tree;
}

const named = (tree: HtmlTree, name: string): TreeElement => tree.getElementsByTagName(name)[0]!;
const names = (elements: readonly TreeNode[]): string[] => elements.map(({ nodeName }) => nodeName);

/** Every way to look at the children of an element tells the same. */
function expectLinked(element: TreeElement): void {
  const forward = element.childNodes;
  const backward: TreeNode[] = [];
  for (let node = element.lastChild; node; node = node.previousSibling) backward.unshift(node);
  expect(backward).toEqual(forward);
  for (const node of forward) expect(node.parentNode).toBe(element);
}

test('the text of each element follows every change in it', () => {
  const tree = put(['div', 'a', ['p', 'b', ['i', 'c']], 'd'], ['ul', 'e']);
  const [div, p, i, ul] = ['div', 'p', 'i', 'ul'].map((name) => named(tree, name)) as [
    TreeElement,
    TreeElement,
    TreeElement,
    TreeElement,
  ];
  const texts = () => [tree, div, p, i, ul].map(({ textContent }) => textContent);
  expect(texts()).toEqual(['abcde', 'abcd', 'bc', 'c', 'e']);
  i.appendChild(tree.createTextNode('+'));
  expect(texts()).toEqual(['abc+de', 'abc+d', 'bc+', 'c+', 'e']);
  (p.firstChild as { data: string }).data = 'B';
  expect(texts()).toEqual(['aBc+de', 'aBc+d', 'Bc+', 'c+', 'e']);
  ul.appendChild(p);
  expect(texts()).toEqual(['adeBc+', 'ad', 'Bc+', 'c+', 'eBc+']);
  i.remove();
  expect(texts()).toEqual(['adeB', 'ad', 'B', 'c+', 'eB']);
  tree.body.replaceChild(i, div);
  expect(texts()).toEqual(['c+eB', 'ad', 'B', 'c+', 'eB']);
  ul.insertBefore(i, p);
  expect(texts()).toEqual(['ec+B', 'ad', 'B', 'c+', 'ec+B']);
  for (const element of [tree.body, div, p, i, ul]) expectLinked(element);
});

test('a text that is too long to be kept at every depth is right all the same, and so after a change', () => {
  const tree = new HtmlTree();
  let at = tree.body;
  for (let depth = 0; depth < 60; depth++) at = at.appendChild(tree.createElement('div'));
  const text = at.appendChild(tree.createTextNode('x'.repeat(1 << 20)));
  expect(tree.textContent.length).toBe(1 << 20);
  text.data = 'y';
  expect(tree.textContent).toBe('y');
  expect(at.textContent).toBe('y');
});

test('elements are found by name, in the order of the page, within an element and not beside it', () => {
  const tree = put(['div', ['p', ['b', 'x']], 'y', ['ul', ['li', ['p', 'z']]]], ['p', 'after']);
  const div = named(tree, 'div');
  expect(names(div.getElementsByTagName('p'))).toEqual(['P', 'P']);
  expect(names(div.getElementsByTagName('DIV'))).toEqual([]);
  expect(names(tree.querySelectorAll('li,p,b'))).toEqual(['P', 'B', 'LI', 'P', 'P']);
  expect(names(div.children)).toEqual(['P', 'UL']);
  expect([div.firstElementChild, div.lastElementChild]).toEqual([named(tree, 'p'), named(tree, 'ul')]);
  expect(named(tree, 'ul').previousElementSibling).toBe(named(tree, 'p'));
});

test('what Readability keeps of a page is given back as it was, as often as it asks', () => {
  const tree = put(['div', 'a', ['p', 'b']]);
  named(tree, 'div').setAttribute('class', 'x');
  const kept = tree.body.innerHTML;
  for (let round = 0; round < 2; round++) {
    named(tree, 'p').remove();
    named(tree, 'div').removeAttribute('class');
    tree.body.innerHTML = kept;
    expect(tree.body.textContent).toBe('ab');
    expect(named(tree, 'div').className).toBe('x');
    expectLinked(tree.body);
  }
});

test('attributes are as they were set last, classes one space apart, and styles as far as they hide', () => {
  const element = named(put(['div']), 'div');
  element.className = ' a  b a\n';
  expect(element.getAttribute('class')).toBe('a b');
  element.id = 'one';
  element.id = 'two';
  expect(element.attributes.map(({ name, value }) => `${name}=${value}`)).toEqual(['class=a b', 'id=two']);
  expect(element.style).toEqual({ display: '', visibility: '' });
  element.setAttribute('style', 'color: red; display : block; display:none ;visibility:hidden');
  expect(element.style).toEqual({ display: 'none', visibility: 'hidden' });
});

test('letters are all that is no space', () => {
  for (let code = 0; code < 0x10000; code++) {
    const letter = String.fromCharCode(code);
    if (lettersIn(letter) !== letter.replace(/\s/g, '').length) expect.fail(`U+${code.toString(16)}`);
  }
  expect(lettersIn(' a\u00a0b\u3000')).toBe(2);
});
