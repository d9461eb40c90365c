// The part of a tree of HTML that is used here, and how one is made. TypeScript's own names for it are those of browsers, which
// nothing else here needs.
import { parseHTML } from 'linkedom';

export interface TreeElement {
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly parentNode: TreeElement | null;
  readonly nextElementSibling: TreeElement | null;
  readonly children: ArrayLike<TreeElement>;
  getAttribute(name: string): string | null;
  querySelector(selector: string): TreeElement | null;
  querySelectorAll(selector: string): Iterable<TreeElement>;
}

export interface Tree extends TreeElement {
  readonly title: string;
  readonly documentElement: TreeElement;
  readonly body: TreeElement;
}

/** Of HTML that is clean already (clean-html.ts). */
export const parseTree = (html: string): Tree => parseHTML(html).document as unknown as Tree;
