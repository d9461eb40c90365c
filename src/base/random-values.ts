// The one function of Web Crypto that packages of the edge use. Its bundle takes it from here: the first use of the platform's object
// loads all of Web Crypto.
import { randomFillSync } from 'node:crypto';

/** As `globalThis.crypto`, as far as it goes. */
const randomValues = {
  getRandomValues: <T extends NodeJS.ArrayBufferView>(array: T): T => randomFillSync(array),
};

export { randomValues as crypto };
