// Makes a tree of HTML that stays small: only tags and attributes that text comes from, bounded in number, depth and length. What reads
// it later (recursively, and some of it in the square of its depth) can then not be led astray by it.
import { Parser } from 'htmlparser2';
import { HtmlTree } from './html-tree.ts';
import { lettersIn } from './letters.ts';
import { TreeAttribute, type TreeElement } from './tree-node.ts';

/** Real pages have 10 to 40. Deeper tags are left out, their text stays. */
const MAX_DEPTH = 100;
/** The specification of HTML, one of the largest pages there are, has about 200,000; articles have a few thousand. */
const MAX_ELEMENTS = 60_000;
/** So deep that it can only be meant badly: the rest is not read (htmlparser2 needs time in the square of it). */
const MAX_OPEN = 5000;
const MAX_ATTRIBUTE = 4096;
const MAX_DATA = 64 << 10;
/** Pieces of text: each entity makes one. */
const MAX_PIECES = 150_000;
/** Characters of the tags, attributes and text that are kept. */
const MAX_OUTPUT = 16 << 20;

/** Left out with all that is in them: nothing of it is shown as text. */
const DROPPED = new Set([
  ...['script', 'style', 'iframe', 'object', 'embed', 'applet', 'template', 'svg', 'canvas'],
  ...['audio', 'video', 'source', 'track', 'select', 'datalist', 'textarea'],
]);
/** Shown only where no scripts or no frames are: left out unless the page has little else. */
const FALLBACKS = new Set(['noscript', 'noframes']);
/**
 * What cannot stand in a drawing, a formula or a list of choices: where one of these begins, its end was forgotten (HTML standard,
 * "the rules for parsing tokens in foreign content"). Whoever waits for the end loses the rest of the page.
 */
const ENDS_FOREIGN = new Set([
  ...['blockquote', 'body', 'center', 'dd', 'div', 'dl', 'dt', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'head', 'hr', 'img'],
  ...['li', 'menu', 'ol', 'p', 'pre', 'table', 'ul', 'article', 'aside', 'footer', 'form', 'header', 'main', 'nav'],
  ...['section', 'fieldset', 'figure'],
]);
const ENDED_BY_BLOCKS = new Set(['svg', 'math', 'select', 'datalist']);
/** Within these a drawing holds HTML. */
const HTML_IN_FOREIGN = new Set(['foreignobject', 'desc', 'annotation-xml']);
/** Not even where their end is missing. */
const NEVER_SHOWN = new Set(['script', 'style', 'template', 'source', 'track', 'embed', 'math']);
const IN_HEAD = new Set(['title', 'meta', 'link', 'base']);
const VOID = new Set(['area', 'base', 'br', 'col', 'hr', 'img', 'input', 'link', 'meta', 'param', 'wbr']);
/** Written once, by `end`. */
const FRAME = new Set(['html', 'head', 'body', 'title', 'frameset', 'frame']);
const ATTRIBUTES = new Set([
  ...[
    'href',
    'rel',
    'id',
    'class',
    'name',
    'property',
    'content',
    'itemprop',
    'itemtype',
    'itemscope',
    'lang',
    'dir',
    'title',
  ],
  ...['alt', 'datetime', 'role', 'style', 'hidden', 'aria-hidden', 'start', 'type', 'http-equiv', 'colspan'],
]);

export interface CleanHtml {
  readonly tree: HtmlTree;
  readonly elements: number;
  /** Whether it was too large to be read to its end. */
  readonly truncated: boolean;
}

/** Letters of a page that has something to say without its fallbacks. */
const ENOUGH = 200;

export function cleanHtml(html: string): CleanHtml {
  const first = make(html, new Set());
  // What nobody ended has swallowed the rest of the page: then it is read as if it were not there.
  const shown = new Set(first.forgotten);
  if (first.letters < ENOUGH) for (const name of FALLBACKS) if (html.includes(`<${name}`)) shown.add(name);
  if (shown.size === 0) return first.clean;
  const again = make(html, shown);
  return again.letters > first.letters ? again.clean : first.clean;
}

interface Made {
  readonly clean: CleanHtml;
  readonly letters: number;
  readonly forgotten: ReadonlySet<string>;
}

/** @param shown tags whose content is kept although it is left out otherwise */
function make(html: string, shown: ReadonlySet<string>): Made {
  const maker = new Maker(shown);
  const parser = new Parser(
    {
      onopentag: (name, attributes) => maker.open(name, attributes),
      onclosetag: (name, implied) => maker.close(name, implied),
      ontext: (text) => maker.text(text),
    },
    { decodeEntities: true, lowerCaseTags: true, lowerCaseAttributeNames: true },
  );
  // In pieces, so that it ends soon after it is full.
  const PIECE = 65_536;
  let at = 0;
  for (; at < html.length && !maker.full; at += PIECE) parser.write(html.slice(at, at + PIECE));
  if (!maker.full) parser.end();
  const { letters, forgotten } = maker;
  return { clean: maker.end(at < html.length || maker.full), letters, forgotten };
}

/** A tag that is open in the source. */
interface Open {
  readonly name: string;
  /** What was made of it and can hold something; undefined where that is nothing. */
  readonly made: TreeElement | undefined;
}

class Maker {
  readonly #shown: ReadonlySet<string>;
  readonly #tree = new HtmlTree();
  /** Where the next node comes. */
  #at = this.#tree.body;
  #language = '';
  #length = 0;
  #pieces = 0;
  #elements = 0;
  readonly #open: Open[] = [];
  #depth = 0;
  /** Where in `#open` what is left out begins; -1: nothing is. */
  #dropped = -1;
  #formula: Formula | Drawing | Source | undefined;
  /** Text of the data or of the title that is being read. */
  #data: string | undefined;
  #title: string | undefined;
  #hasTitle = false;
  /** Characters of text that are no space. */
  letters = 0;

  /** What was left out up to an end that is not there. */
  readonly forgotten = new Set<string>();

  constructor(shown: ReadonlySet<string>) {
    this.#shown = shown;
  }

  get full(): boolean {
    const many = this.#elements >= MAX_ELEMENTS || this.#pieces >= MAX_PIECES;
    return many || this.#length >= MAX_OUTPUT || this.#open.length >= MAX_OPEN;
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#dropped >= 0 && this.#breaksOut(name)) this.#endDropped();
    if (this.#dropped >= 0) {
      this.#formula?.open(name, attributes);
      this.#open.push({ name, made: undefined });
      return;
    }
    const shadow = name === 'template' && ('shadowrootmode' in attributes || 'shadowroot' in attributes);
    const left = !shadow && (DROPPED.has(name) || FALLBACKS.has(name));
    if (name === 'math' || (left && !this.#shown.has(name))) {
      this.#dropped = this.#open.length;
      if (name === 'math') this.#formula = new Formula(attributes.alttext ?? '');
      if (name === 'svg') this.#formula = new Drawing();
      if (name === 'script' && isTex(attributes.type)) this.#formula = new Source();
      if (attributes.type === 'application/ld+json') this.#data = '';
      this.#open.push({ name, made: undefined });
      return;
    }
    if (name === 'html') this.#language ||= (attributes.lang ?? '').slice(0, 64);
    if (name === 'title' && !this.#hasTitle) this.#title ??= '';
    const kept = !FRAME.has(name) && !left;
    const written = kept && this.#depth < MAX_DEPTH && !this.full && /^[a-z][a-z0-9-]{0,40}$/.test(name);
    // A shadow tree stands where its host does; a dialog that is not open is still text of the page.
    const tag = shadow ? 'div' : name === 'dialog' ? 'section' : name;
    const closed = VOID.has(tag);
    const role = name === 'dialog' && !('open' in attributes) ? { ...attributes, role: 'dialog' } : attributes;
    const told = isFormulaFrame(name) ? { ...role, class: undefined } : role;
    const made = written ? this.#add(IN_HEAD.has(tag) ? this.#tree.head : this.#at, tag, told) : undefined;
    this.#open.push({ name, made: closed ? undefined : made });
    if (!made || closed) return;
    this.#depth++;
    this.#at = made;
  }

  #add(to: TreeElement, name: string, attributes: Readonly<Record<string, string | undefined>>): TreeElement {
    const element = to.appendChild(this.#tree.createElement(name));
    this.#elements++;
    this.#length += 2 * name.length;
    const kept: TreeAttribute[] = [];
    for (const name in attributes) {
      const value = attributes[name];
      if (value === undefined || value.length > MAX_ATTRIBUTE || !ATTRIBUTES.has(name)) continue;
      kept.push(new TreeAttribute(name, value));
      this.#length += name.length + value.length;
    }
    if (kept.length > 0) element.attributes = kept;
    return element;
  }

  /** Ends of tags come for each that was opened, in their order. */
  close(name: string, implied: boolean): void {
    const ended = this.#open.pop();
    if (this.#open.length === this.#dropped) {
      if (implied && !NEVER_SHOWN.has(name)) this.forgotten.add(name);
      this.#endDropped();
    } else if (this.#dropped >= 0) this.#formula?.close(name);
    else {
      if (name === 'title') this.#endTitle();
      if (!ended?.made) return;
      this.#depth--;
      this.#at = ended.made.parentNode as TreeElement;
    }
  }

  text(text: string): void {
    if (this.#dropped >= 0) {
      if (this.#data !== undefined && this.#data.length <= MAX_DATA) this.#data += text;
      this.#formula?.text(text);
    } else if (this.#title !== undefined) {
      if (this.#title.length < MAX_ATTRIBUTE) this.#title += text;
    } else if (this.#pieces++ < MAX_PIECES) {
      this.letters += lettersIn(text);
      this.#addText(this.#at, text);
    }
  }

  #breaksOut(name: string): boolean {
    if (!ENDS_FOREIGN.has(name) || !ENDED_BY_BLOCKS.has(this.#open[this.#dropped]!.name)) return false;
    return !this.#open.slice(this.#dropped).some((one) => HTML_IN_FOREIGN.has(one.name));
  }

  #endDropped(): void {
    this.#dropped = -1;
    const formula = this.#formula?.end();
    this.#formula = undefined;
    if (formula) this.text(formula);
    this.#endData();
  }

  end(truncated: boolean): CleanHtml {
    if (this.#language) this.#tree.documentElement.setAttribute('lang', this.#language);
    return { tree: this.#tree, elements: this.#elements, truncated };
  }

  #endData(): void {
    if (this.#data !== undefined && this.#data.length <= MAX_DATA) {
      const script = this.#tree.head.appendChild(this.#tree.createElement('script'));
      script.setAttribute('type', 'application/ld+json');
      this.#addText(script, this.#data);
    }
    this.#data = undefined;
  }

  #endTitle(): void {
    if (this.#title === undefined) return;
    const title = this.#tree.head.appendChild(this.#tree.createElement('title'));
    this.#addText(title, this.#title.slice(0, MAX_ATTRIBUTE));
    this.#title = undefined;
    this.#hasTitle = true;
  }

  /** What stands side by side is one text, whatever was left out between. */
  #addText(to: TreeElement, text: string): void {
    this.#length += text.length;
    const last = to.lastChild;
    if (last?.nodeType === 3) last.data += text;
    else to.appendChild(this.#tree.createTextNode(text));
  }
}

/** A formula of MathML as one line: as TeX where it says so, else as its words, else as its letters. */
class Formula {
  readonly #words: string;
  #tex = '';
  #letters = '';
  #in: 'tex' | 'note' | undefined;

  constructor(words: string) {
    this.#words = words;
  }

  open(name: string, { encoding = '' }: Readonly<Record<string, string>>): void {
    if (name === 'annotation') this.#in = /tex/i.test(encoding) ? 'tex' : 'note';
    else if (name === 'annotation-xml') this.#in = 'note';
  }

  close(name: string): void {
    if (name === 'annotation' || name === 'annotation-xml') this.#in = undefined;
  }

  text(text: string): void {
    if (this.#in === 'tex' && this.#tex.length < MAX_ATTRIBUTE) this.#tex += text;
    if (this.#in === undefined && this.#letters.length < MAX_ATTRIBUTE) this.#letters += text;
  }

  end(): string {
    const [tex, letters] = [this.#tex.trim(), this.#letters.replace(/\s+/g, ' ').trim()];
    return tex ? `$${tex}$` : this.#words.trim() || letters;
  }
}

/** A formula that a script of the page is to draw, as MathJax before its third version has them. */
const isTex = (type = ''): boolean => /^math\/tex(?:$|\s*;)/i.test(type.trim());

class Source {
  #tex = '';

  open(): void {}

  close(): void {}

  text(text: string): void {
    if (this.#tex.length < MAX_ATTRIBUTE) this.#tex += text;
  }

  end(): string {
    const tex = this.#tex.trim();
    return tex && `$${tex}$`;
  }
}

/** What is written in a drawing: the texts of its labels, each a word apart. */
class Drawing {
  #label = 0;
  #text = '';

  open(name: string): void {
    if (LABELS.has(name)) this.#label++;
  }

  close(name: string): void {
    if (!LABELS.has(name)) return;
    this.#label--;
    this.#text += ' ';
  }

  text(text: string): void {
    if (this.#label > 0 && this.#text.length < MAX_ATTRIBUTE) this.#text += text;
  }

  end(): string {
    const labels = this.#text.replace(/\s+/g, ' ').trim();
    return labels && ` ${labels} `;
  }
}

const LABELS = new Set(['text', 'foreignobject']);

/** Written by MathJax around a formula; of its names ("CtxtMenu") a reader of articles thinks that it is a menu. */
const isFormulaFrame = (name: string): boolean => name.startsWith('mjx-');
