// Which commands read whole folders by themselves. Where denied files cannot be hidden from them, such a command must not get a folder that
// has some. A list can only miss, so it is used only for folders that the owner chose; a folder from a caller counts always. Pure.

/** Programs that go into folders without being told to. */
const ALWAYS = new Set([
  ...['ag', 'ack', 'dust', 'fd', 'fdfind', 'find', 'git', 'plocate', 'rclone', 'rg', 'rgrep', 'rsync', 'tree', 'ugrep'],
  ...['7z', '7za', 'bsdtar', 'cpio', 'pax', 'restic', 'borg', 'tar', 'zip', 'make', 'npm', 'cargo', 'docker'],
]);

/** Programs that do so when an option says it. */
const BY_OPTION = new Set([
  'chmod',
  'chown',
  'cp',
  'diff',
  'egrep',
  'fgrep',
  'grep',
  'ls',
  'mv',
  'rm',
  'scp',
  'setfacl',
  'zgrep',
]);
const OPTION = /^-[a-zA-Z]*[rRa]|^--(recursive|dereference-recursive|archive|directories)/;

/** @param argv the program's name first, without its folder */
export function isRecursive([program = '', ...words]: readonly string[]): boolean {
  return ALWAYS.has(program) || (BY_OPTION.has(program) && words.some((word) => OPTION.test(word)));
}
