// The one function of Web Crypto that packages of the edge and the command line use. Their bundles take it from here: the first use of
// the platform's object loads all of Web Crypto. A bundle evaluates this first, so it loads nothing before it is used.

/** As `globalThis.crypto`, as far as it goes. */
const randomValues = {
  getRandomValues: <T extends NodeJS.ArrayBufferView>(array: T): T =>
    process.getBuiltinModule('node:crypto').randomFillSync(array),
};

export { randomValues as crypto };
