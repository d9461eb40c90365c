// Finds what well-known issuers mark as secret in a content: headers of private keys, forms of tokens. Looked for before any content is
// shared. Every pattern begins with fixed letters and has a bound, so that it takes linear time on any text, and little where nothing is
// found: what stands before its letters is looked at behind them. Pure.

/** What was found, in words for the owner. */
export type SecretKind = string;

const TOKENS: readonly (readonly [SecretKind, RegExp])[] = [
  ['a private key', /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/],
  [
    'a private key',
    /PuTTY-User-Key-File-[0-9]|AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20}|SSH PRIVATE KEY FILE FORMAT|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----/,
  ],
  ['a private key', /"private_key"\s{0,8}:\s{0,8}"|client-key-data:\s{0,8}[A-Za-z0-9+/=]{16}/],
  ['a private key', /(?:PrivateKey|PresharedKey)\s{0,8}=\s{0,8}[A-Za-z0-9+/]{43}=/],
  ['an AWS key', /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])/],
  ['an AWS key', /aws_?(?:secret_?access_?key|session_?token)["']?\s{0,8}[:=]\s{0,8}["']?[A-Za-z0-9/+=]{30}/i],
  ['a GitHub token', /(?<![A-Za-z0-9_])(?:gh[oprsu]_[A-Za-z0-9]{30}|github_pat_[A-Za-z0-9_]{30})/],
  ['a GitLab token', /(?<![A-Za-z0-9_])gl(?:pat|oas|dt|rt|ptt|ft|imt|agent|soat|cbt|ffct|wt)-[A-Za-z0-9_=-]{16}/],
  [
    'a Slack token',
    /(?<![A-Za-z0-9])(?:xox[abceoprs]-[A-Za-z0-9-]{10}|xapp-[0-9]-[A-Za-z0-9-]{10})|hooks\.slack\.com\/services\/T[A-Z0-9]{6}/,
  ],
  ['a Stripe key', /(?<![A-Za-z0-9])(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16}|(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{20}/],
  [
    'a Google key',
    /(?<![A-Za-z0-9])(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20}|GOCSPX-[A-Za-z0-9_-]{20}|1\/\/0[A-Za-z0-9_-]{30})/,
  ],
  [
    'an API key of a model provider',
    /(?<![A-Za-z0-9])sk-(?:(?:ant|proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{20}|[A-Za-z0-9]{20})|(?<![A-Za-z0-9])(?:gsk|r8|xai|pplx|tgp_v1|fw|nvapi|csk|hf|api_org)[_-][A-Za-z0-9]{20}/,
  ],
  [
    'a token of a package registry',
    /(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{30}|pypi-A[A-Za-z0-9_-]{20}|rubygems_[a-f0-9]{20}|cio[A-Za-z0-9]{29}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{20}|oy2[a-z0-9]{43})/,
  ],
  ['a token of a package registry', /(?:^|[\n:])_(?:authToken|auth|password)\s{0,8}=\s{0,8}["']?[A-Za-z0-9+/=_-]{8}/],
  [
    'a token of a host',
    /(?<![A-Za-z0-9])(?:do[oprt]_v1_[a-f0-9]{30}|hv[bsr]\.[A-Za-z0-9_-]{20}|FlyV1 fm|fo1_[A-Za-z0-9_-]{30}|dapi[a-f0-9]{32}|HRKU-[A-Za-z0-9_-]{30}|nfp_[A-Za-z0-9]{30}|tskey-[a-z]{3,12}-[A-Za-z0-9]{8}|PMAK-[a-f0-9]{20}|pul-[a-f0-9]{40})|\.atlasv1\.(?<=(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.)/,
  ],
  [
    'a token of a service',
    /(?<![A-Za-z0-9])(?:SG\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{16}|key-[a-f0-9]{32}|SK[a-f0-9]{32}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{30}|sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20}|EAA[A-Za-z0-9]{40}|ATATT3[A-Za-z0-9_=-]{20}|lin_(?:api|oauth)_[A-Za-z0-9]{20}|secret_[A-Za-z0-9]{40}|ntn_[A-Za-z0-9]{30}|figd_[A-Za-z0-9_-]{20}|glsa_[A-Za-z0-9]{20}|glc_[A-Za-z0-9+/=]{20}|dt0[a-z][0-9]{2}\.[A-Z0-9]{20}|NRAK-[A-Z0-9]{20}|sntr[a-z]{1,2}_[A-Za-z0-9+/=_-]{20}|phx_[A-Za-z0-9]{20}|pat[A-Za-z0-9]{14}\.[a-f0-9]{30}|xkeysib-[a-f0-9]{30}|re_[A-Za-z0-9]{8}_[A-Za-z0-9]{16})/,
  ],
  [
    'a token of a messenger',
    /:AA[A-Za-z0-9_-]{33}(?<=(?<![0-9A-Za-z])[0-9]{8,10}:AA[A-Za-z0-9_-]{33})|\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}(?<=(?<![A-Za-z0-9])[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27})|discord(?:app)?\.com\/api\/webhooks\/[0-9]{10}/,
  ],
  ['a signed token', /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{10}/],
  [
    'a key of Azure',
    /(?:AccountKey|SharedAccessKey|AccessKey)=[A-Za-z0-9+/]{30}|8Q~[A-Za-z0-9_~.-]{31}(?<=(?<![A-Za-z0-9])[A-Za-z0-9_~.]{3}8Q~[A-Za-z0-9_~.-]{31})|[?&]sig=[A-Za-z0-9%]{40}/,
  ],
  ['a key of Bowline', /(?<![A-Za-z0-9])bw[a-z]_[A-Za-z0-9_-]{20}/],
  ['a password', /(?:^|\n)\s{0,8}machine\s{1,8}[^\s]{1,255}\s{1,8}login\s{1,8}[^\s]{1,255}\s{1,8}password\s{1,8}[^\s]/],
  ['a password hash', /(?<![A-Za-z0-9])(?:\$(?:1|2[abxy]|5|6|7|y|argon2id?)\$[A-Za-z0-9./,$=]{20})/],
];

/** Letters that may lie on both sides of the border of two pieces: the longest form that is looked for. */
const OVERLAP = 1024;

/** Looks for secrets in a content that comes in pieces. */
export class SecretFinder {
  #tail = '';
  found: SecretKind | undefined;

  add(piece: Uint8Array): void {
    if (this.found) return;
    // Every form is ASCII, so the bytes are looked at as they are; UTF-16 loses its zeros.
    const text =
      this.#tail + Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1').replaceAll('\0', '');
    this.found = secretIn(text);
    this.#tail = text.slice(-OVERLAP);
  }
}

/** The text of a document is Markdown, in which `_` may be `\_`. */
const ESCAPED = /\\(?=[\\`*_{}[\]()#+.!~=>|-])/g;

function secretIn(text: string): SecretKind | undefined {
  const kindOf = (said: string) => TOKENS.find(([, form]) => form.test(said))?.[0];
  return kindOf(text) ?? (text.includes('\\') ? kindOf(text.replace(ESCAPED, '')) : undefined);
}
