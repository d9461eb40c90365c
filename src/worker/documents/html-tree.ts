// The tree of a whole page of HTML, with what Readability asks of a document. Made by clean-html.ts.
import { makeTextRoom, TreeElement, TreeParent, TreeText } from './tree-node.ts';

const DOCUMENT = 9;

export class HtmlTree extends TreeParent {
  readonly nodeType = DOCUMENT;
  readonly nodeName = '#document';
  /** Links stay as they are: what they lead to is found out when they are written. */
  readonly baseURI = null;
  readonly documentURI = null;
  readonly documentElement: TreeElement;
  readonly head: TreeElement;
  readonly body: TreeElement;

  constructor() {
    super(makeTextRoom());
    this.documentElement = this.appendChild(this.createElement('html'));
    this.head = this.documentElement.appendChild(this.createElement('head'));
    this.body = this.documentElement.appendChild(this.createElement('body'));
  }

  get title(): string {
    return this.head.getElementsByTagName('title')[0]?.textContent ?? '';
  }

  createElement(name: string): TreeElement {
    return new TreeElement(name, this.room);
  }

  createTextNode(text: string): TreeText {
    return new TreeText(text);
  }
}
