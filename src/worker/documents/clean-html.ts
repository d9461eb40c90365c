// Writes HTML anew so that what is made of it stays small: only tags and attributes that text comes from, bounded in number, depth and
// length. What reads a tree of it later (recursively, and some of it in the square of its depth) can then not be led astray by it.
import { Parser } from 'htmlparser2';

/** Real pages have 10 to 40. Deeper tags are left out, their text stays. */
const MAX_DEPTH = 100;
/** The specification of HTML, one of the largest pages there are, has about 200,000; articles have a few thousand. */
export const MAX_ELEMENTS = 60_000;
/** So deep that it can only be meant badly: the rest is not read (htmlparser2 needs time in the square of it). */
const MAX_OPEN = 5000;
const MAX_ATTRIBUTE = 4096;
const MAX_DATA = 64 << 10;
/** Pieces of text: each entity makes one. */
const MAX_PIECES = 150_000;
/** Characters of what is written. */
const MAX_OUTPUT = 16 << 20;

/** Left out with all that is in them. */
const DROPPED = new Set([
  ...[
    'script',
    'style',
    'iframe',
    'frame',
    'frameset',
    'object',
    'embed',
    'applet',
    'template',
    'svg',
    'math',
    'canvas',
  ],
  ...['audio', 'video', 'source', 'track', 'map', 'noscript', 'noframes', 'select', 'datalist', 'textarea', 'dialog'],
]);
const IN_HEAD = new Set(['title', 'meta', 'link', 'base']);
const VOID = new Set(['area', 'base', 'br', 'col', 'hr', 'img', 'input', 'link', 'meta', 'param', 'wbr']);
/** Written once, by `end`. */
const FRAME = new Set(['html', 'head', 'body', 'title']);
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
  readonly html: string;
  readonly elements: number;
  /** Whether it was too large to be read to its end. */
  readonly truncated: boolean;
}

export function cleanHtml(html: string): CleanHtml {
  const writer = new Writer();
  const parser = new Parser(
    {
      onopentag: (name, attributes) => writer.open(name, attributes),
      onclosetag: (name) => writer.close(name),
      ontext: (text) => writer.text(text),
    },
    { decodeEntities: true, lowerCaseTags: true, lowerCaseAttributeNames: true },
  );
  // In pieces, so that it ends soon after it is full.
  const PIECE = 65_536;
  let at = 0;
  for (; at < html.length && !writer.full; at += PIECE) parser.write(html.slice(at, at + PIECE));
  if (!writer.full) parser.end();
  return writer.end(at < html.length || writer.full);
}

class Writer {
  readonly #head: string[] = [];
  readonly #body: string[] = [];
  #language = '';
  #length = 0;
  #pieces = 0;
  #elements = 0;
  /** Tags that are open in the source, and whether they were written and need an end. */
  readonly #open: boolean[] = [];
  #depth = 0;
  /** How many tags are open within one that is dropped, itself included. */
  #dropping = 0;
  /** Text of the data or of the title that is being read. */
  #data: string | undefined;
  #title: string | undefined;
  #hasTitle = false;

  get full(): boolean {
    const many = this.#elements >= MAX_ELEMENTS || this.#pieces >= MAX_PIECES;
    return many || this.#length >= MAX_OUTPUT || this.#open.length >= MAX_OPEN;
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#dropping > 0 || DROPPED.has(name)) {
      if (this.#dropping++ === 0 && attributes.type === 'application/ld+json') this.#data = '';
      return;
    }
    if (name === 'html') this.#language ||= (attributes.lang ?? '').slice(0, 64);
    if (name === 'title' && !this.#hasTitle) this.#title ??= '';
    const written = !FRAME.has(name) && this.#depth < MAX_DEPTH && !this.full && /^[a-z][a-z0-9-]{0,40}$/.test(name);
    const closed = VOID.has(name);
    this.#open.push(written && !closed);
    if (!written) return;
    this.#elements++;
    if (!closed) this.#depth++;
    this.#write(IN_HEAD.has(name) ? this.#head : this.#body, `<${name}${attributesText(attributes)}>`);
  }

  /** Ends of tags come for each that was opened, in their order. */
  close(name: string): void {
    if (this.#dropping > 0) {
      if (--this.#dropping === 0) this.#endData();
      return;
    }
    if (name === 'title') this.#endTitle();
    if (!this.#open.pop()) return;
    this.#depth--;
    this.#write(this.#body, `</${name}>`);
  }

  text(text: string): void {
    if (this.#dropping > 0) {
      if (this.#data !== undefined && this.#data.length <= MAX_DATA) this.#data += text;
    } else if (this.#title !== undefined) {
      if (this.#title.length < MAX_ATTRIBUTE) this.#title += text;
    } else if (this.#pieces++ < MAX_PIECES) this.#write(this.#body, escapeText(text));
  }

  end(truncated: boolean): CleanHtml {
    const language = this.#language ? ` lang="${escapeAttribute(this.#language)}"` : '';
    const [head, body] = [this.#head.join(''), this.#body.join('')];
    const html = `<!doctype html><html${language}><head>${head}</head><body>${body}</body></html>`;
    return { html, elements: this.#elements, truncated };
  }

  #endData(): void {
    if (this.#data !== undefined && this.#data.length <= MAX_DATA) {
      // A tag's end within it would end the script.
      const data = this.#data.replaceAll('<', '\\u003c');
      this.#write(this.#head, `<script type="application/ld+json">${data}</script>`);
    }
    this.#data = undefined;
  }

  #endTitle(): void {
    if (this.#title === undefined) return;
    this.#write(this.#head, `<title>${escapeText(this.#title.slice(0, MAX_ATTRIBUTE))}</title>`);
    this.#title = undefined;
    this.#hasTitle = true;
  }

  #write(to: string[], text: string): void {
    this.#length += text.length;
    to.push(text);
  }
}

function attributesText(attributes: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name of ATTRIBUTES) {
    const value = attributes[name];
    if (value !== undefined && value.length <= MAX_ATTRIBUTE) text += ` ${name}="${escapeAttribute(value)}"`;
  }
  return text;
}

const escapeText = (text: string): string =>
  text.replace(/[&<>]/g, (letter) => (letter === '&' ? '&amp;' : letter === '<' ? '&lt;' : '&gt;'));

const escapeAttribute = (text: string): string => escapeText(text).replaceAll('"', '&quot;');
