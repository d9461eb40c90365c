// What no configuration allows: the home of Bowline, keys and other secret files. Judged by path alone.

const FOLDERS = new Set([
  '.bowline',
  '.ssh',
  '.gnupg',
  '.aws',
  '.azure',
  '.kube',
  '.docker',
  '.password-store',
  '.pki',
]);

const FILES = new Set([
  '.netrc',
  '_netrc',
  '.pgpass',
  '.my.cnf',
  '.npmrc',
  '.pypirc',
  '.htpasswd',
  '.git-credentials',
  '.vault-token',
  '.bash_history',
  '.zsh_history',
  'owner.key',
  'authorized_keys',
  'credentials.json',
  'secrets.json',
  'secrets.yaml',
  'secrets.yml',
  'shadow',
  'gshadow',
]);

const PATTERNS = [
  /^\.env(\..*)?$/,
  /\.env$/,
  /^id_(rsa|dsa|ecdsa|ed25519)(_sk)?(\..*)?$/,
  /\.(pem|key|p12|pfx|pkcs12|keystore|jks|kdbx?|ppk|gpg|asc|ovpn|keytab)$/,
];

/** Templates that hold no secret, by convention. */
const HARMLESS = /^\.env\.(example|sample|template|dist)$/;

/** Whether one part of a path names a secret. Letter case does not matter, because on some systems it does not. */
export function isSecretName(part: string): boolean {
  const name = part.normalize('NFC').toLowerCase();
  if (FOLDERS.has(name) || FILES.has(name)) return true;
  return !HARMLESS.test(name) && PATTERNS.some((pattern) => pattern.test(name));
}

/**
 * Judges absolute paths.
 * @param folders real paths that are denied whatever their name: the home in use, the socket's folder, the program
 */
export function denials(folders: readonly string[]): (path: string) => boolean {
  const fixed = folders.map((folder) => folder.toLowerCase());
  return (path) => {
    const lower = path.toLowerCase();
    if (fixed.some((folder) => lower === folder || lower.startsWith(`${folder}/`))) return true;
    return path.split('/').some(isSecretName);
  };
}
