// What packages of the edge and the command line use of Web Crypto, which is one function, and the whole where a key of an owner is paired. Their bundles take it from here: the first use of
// the platform's object loads all of Web Crypto. A bundle evaluates this first, so it loads nothing before it is used.

/** As `globalThis.crypto`, as far as it goes. */
const randomValues = {
  getRandomValues: <T extends NodeJS.ArrayBufferView>(array: T): T =>
    process.getBuiltinModule('node:crypto').randomFillSync(array),
  get subtle() {
    return process.getBuiltinModule('node:crypto').webcrypto.subtle;
  },
};

export { randomValues as crypto };
