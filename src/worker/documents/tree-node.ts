// The nodes of a tree of HTML, as linked lists: what Readability and turndown ask of a browser's tree, and nothing else. They ask for
// the text of an element far more often than they change it, so it is kept until something in it changes.

export type TreeNode = TreeElement | TreeText;

/** What keeps all texts that are kept of one tree within bounds: elements lie in each other, so they could become its depth in size. */
export interface TextRoom {
  /** Characters that may still be kept. */
  left: number;
}

const MAX_KEPT_TEXT = 16 << 20;

export const makeTextRoom = (): TextRoom => ({ left: MAX_KEPT_TEXT });

/** Of the nodes of a browser's tree. */
const ELEMENT = 1;
const TEXT = 3;

export class TreeText {
  readonly nodeType = TEXT;
  readonly nodeName = '#text';
  parentNode: TreeParent | null = null;
  previousSibling: TreeNode | null = null;
  nextSibling: TreeNode | null = null;
  #data: string;

  constructor(data: string) {
    this.#data = data;
  }

  get data(): string {
    return this.#data;
  }

  set data(data: string) {
    if (data === this.#data) return;
    this.#data = data;
    this.parentNode?.forgetText();
  }

  get childNodes(): readonly TreeNode[] {
    return NO_NODES;
  }

  get nodeValue(): string {
    return this.#data;
  }

  get textContent(): string {
    return this.#data;
  }

  remove(): void {
    this.parentNode?.removeChild(this);
  }

  cloneNode(): TreeText {
    return new TreeText(this.#data);
  }
}

const NO_NODES: readonly TreeNode[] = [];

/** An element or a document. */
export abstract class TreeParent {
  abstract readonly nodeType: number;
  abstract readonly nodeName: string;
  parentNode: TreeParent | null = null;
  firstChild: TreeNode | null = null;
  lastChild: TreeNode | null = null;
  readonly #room: TextRoom;
  /** Where it is known, that of each element within is known too. */
  #text: string | undefined;

  constructor(room: TextRoom) {
    this.#room = room;
  }

  protected get room(): TextRoom {
    return this.#room;
  }

  get textContent(): string {
    if (this.#text !== undefined) return this.#text;
    let text = '';
    for (let node = this.firstChild; node; node = node.nextSibling) text += node.textContent;
    if (text.length <= this.#room.left) {
      this.#room.left -= text.length;
      this.#text = text;
    }
    return text;
  }

  forgetText(): void {
    for (let at: TreeParent | null = this; at && at.#text !== undefined; at = at.parentNode) {
      at.#room.left += at.#text.length;
      at.#text = undefined;
    }
  }

  get childNodes(): TreeNode[] {
    const nodes: TreeNode[] = [];
    for (let node = this.firstChild; node; node = node.nextSibling) nodes.push(node);
    return nodes;
  }

  get children(): TreeElement[] {
    const elements: TreeElement[] = [];
    for (let node = this.firstElementChild; node; node = node.nextElementSibling) elements.push(node);
    return elements;
  }

  get firstElementChild(): TreeElement | null {
    return elementFrom(this.firstChild);
  }

  get lastElementChild(): TreeElement | null {
    let node = this.lastChild;
    while (node && node.nodeType !== ELEMENT) node = node.previousSibling;
    return node;
  }

  appendChild<T extends TreeNode>(node: T): T {
    return this.insertBefore(node, null);
  }

  insertBefore<T extends TreeNode>(node: T, next: TreeNode | null): T {
    if (node === next) return node;
    node.remove();
    const previous = next ? next.previousSibling : this.lastChild;
    node.parentNode = this;
    node.previousSibling = previous;
    node.nextSibling = next;
    if (previous) previous.nextSibling = node;
    else this.firstChild = node;
    if (next) next.previousSibling = node;
    else this.lastChild = node;
    this.forgetText();
    return node;
  }

  removeChild<T extends TreeNode>(node: T): T {
    const { previousSibling: previous, nextSibling: next } = node;
    if (previous) previous.nextSibling = next;
    else this.firstChild = next;
    if (next) next.previousSibling = previous;
    else this.lastChild = previous;
    node.parentNode = null;
    node.previousSibling = null;
    node.nextSibling = null;
    this.forgetText();
    return node;
  }

  replaceChild<T extends TreeNode>(node: TreeNode, replaced: T): T {
    const next = replaced.nextSibling;
    this.removeChild(replaced);
    this.insertBefore(node, next);
    return replaced;
  }

  getElementsByTagName(name: string): TreeElement[] {
    const upper = upperName(name);
    return this.#select((element) => element.nodeName === upper);
  }

  /** Names of elements with commas between them: no other selector. */
  querySelectorAll(names: string): TreeElement[] {
    const wanted = wantedNames(names);
    return this.#select((element) => wanted.has(element.nodeName));
  }

  #select(isWanted: (element: TreeElement) => boolean): TreeElement[] {
    const found: TreeElement[] = [];
    let node = this.firstElementChild;
    while (node) {
      if (isWanted(node)) found.push(node);
      let next = node.firstElementChild ?? node.nextElementSibling;
      for (let at: TreeParent = node; !next; next = (at as TreeElement).nextElementSibling) {
        if (!at.parentNode || at.parentNode === this) return found;
        at = at.parentNode;
      }
      node = next;
    }
    return found;
  }
}

/** Nothing of one ever changes. */
export class TreeAttribute {
  readonly name: string;
  readonly value: string;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = name === 'class' ? eachOnce(value) : value;
  }

  cloneNode(): TreeAttribute {
    return this;
  }
}

/** Most elements have none. */
const NO_ATTRIBUTES: readonly TreeAttribute[] = [];

export class TreeElement extends TreeParent {
  readonly nodeType = ELEMENT;
  readonly nodeName: string;
  previousSibling: TreeNode | null = null;
  nextSibling: TreeNode | null = null;
  attributes: readonly TreeAttribute[] = NO_ATTRIBUTES;

  constructor(name: string, room: TextRoom) {
    super(room);
    this.nodeName = upperName(name);
  }

  get tagName(): string {
    return this.nodeName;
  }

  /** All that is asked of it is to make more elements. */
  get ownerDocument(): { createElement(name: string): TreeElement } {
    return { createElement: (name) => new TreeElement(name, this.room) };
  }

  get nextElementSibling(): TreeElement | null {
    return elementFrom(this.nextSibling);
  }

  get previousElementSibling(): TreeElement | null {
    let node = this.previousSibling;
    while (node && node.nodeType !== ELEMENT) node = node.previousSibling;
    return node;
  }

  get id(): string {
    return this.getAttribute('id') ?? '';
  }

  set id(id: string) {
    this.setAttribute('id', id);
  }

  get className(): string {
    return this.getAttribute('class') ?? '';
  }

  set className(names: string) {
    this.setAttribute('class', names);
  }

  get style(): TreeStyle {
    const style = this.getAttribute('style');
    return style === null ? NO_STYLE : styleOf(style);
  }

  hasAttribute(name: string): boolean {
    return this.getAttribute(name) !== null;
  }

  getAttribute(name: string): string | null {
    for (const attribute of this.attributes) if (attribute.name === name) return attribute.value;
    return null;
  }

  setAttribute(name: string, value: string): void {
    this.setAttributeNode(new TreeAttribute(name, value));
  }

  setAttributeNode(attribute: TreeAttribute): void {
    this.attributes = [...this.attributes.filter(({ name }) => name !== attribute.name), attribute];
  }

  removeAttribute(name: string): void {
    if (this.hasAttribute(name)) this.attributes = this.attributes.filter((attribute) => attribute.name !== name);
  }

  remove(): void {
    this.parentNode?.removeChild(this);
  }

  cloneNode(): TreeElement {
    const clone = new TreeElement(this.nodeName, this.room);
    clone.attributes = this.attributes;
    for (let node = this.firstChild; node; node = node.nextSibling) clone.appendChild(node.cloneNode());
    return clone;
  }

  /** What Readability keeps of a page before it changes it, and gives back when it has to begin again: no text, but the tree itself. */
  get innerHTML(): TreeElement {
    return this.cloneNode();
  }

  set innerHTML(kept: TreeElement) {
    while (this.firstChild) this.removeChild(this.firstChild);
    for (const node of kept.cloneNode().childNodes) this.appendChild(node);
  }
}

export interface TreeStyle {
  readonly display: string;
  readonly visibility: string;
}

const NO_STYLE: TreeStyle = { display: '', visibility: '' };

function styleOf(style: string): TreeStyle {
  const said = { display: '', visibility: '' };
  for (const rule of style.split(';')) {
    const at = rule.indexOf(':');
    const name = rule.slice(0, Math.max(0, at)).trim();
    if (name === 'display' || name === 'visibility') said[name] = rule.slice(at + 1).trim() || said[name];
  }
  return said;
}

function elementFrom(from: TreeNode | null): TreeElement | null {
  let node = from;
  while (node && node.nodeType !== ELEMENT) node = node.nextSibling;
  return node;
}

/** Names of classes with one space between them. */
const eachOnce = (names: string): string =>
  /\s/.test(names) ? [...new Set(names.split(/\s+/))].filter((name) => name !== '').join(' ') : names;

const selectors = new Map<string, ReadonlySet<string>>();

/** Those that ask have a few lists of names, which they ask for again and again. */
function wantedNames(names: string): ReadonlySet<string> {
  let wanted = selectors.get(names);
  if (!wanted) {
    wanted = new Set(names.toUpperCase().split(','));
    selectors.set(names, wanted);
  }
  return wanted;
}

/** Names that most elements have, so that most need no new text. */
const KNOWN_NAMES = new Map(
  (
    'html head body title meta link base script div span p a b i u s em strong small sup sub code pre abbr cite time font label ' +
    'h1 h2 h3 h4 h5 h6 ul ol li dl dt dd br hr img picture figure figcaption table caption thead tbody tfoot tr td th col ' +
    'colgroup article section header footer main nav aside center blockquote form fieldset input button object embed iframe'
  )
    .split(' ')
    .map((name) => [name, name.toUpperCase()]),
);

const upperName = (name: string): string => KNOWN_NAMES.get(name) ?? name.toUpperCase();
