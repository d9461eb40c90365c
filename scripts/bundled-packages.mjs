// The packages that are inside the bundles, with their licences, as text: they are not installed with the package.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param inputs the paths that went into bundles, relative to `root` */
export function bundledPackages(root, inputs) {
  const folders = new Set();
  for (const path of inputs) {
    const at = path.lastIndexOf('node_modules/');
    if (at < 0) continue;
    const [scope, name] = path.slice(at + 'node_modules/'.length).split('/');
    folders.add(`${path.slice(0, at)}node_modules/${scope.startsWith('@') ? `${scope}/${name}` : scope}`);
  }
  const texts = [...folders]
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const files = readdirSync(join(root, folder)).filter((file) => /^(?:licen[cs]e|copying|notice)\b/i.test(file));
      const own = files.sort().map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
      return [`${name} ${version} (${license})`, ...own].join('\n\n');
    });
  return `The programs of Bowline contain these packages.\n\n${[...new Set(texts)].sort().join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
