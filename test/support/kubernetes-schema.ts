// Judges manifests by the published schemas of Kubernetes and KEDA, as the packages kubernetes-models and
// @kubernetes-models/keda carry them, compiled. Nothing is fetched.
import type { Manifest } from './kustomize.ts';

/** The package that carries a group of kinds. */
const moduleOf = (apiVersion: string): string =>
  apiVersion.startsWith('keda.sh/') ? `@kubernetes-models/keda/${apiVersion}` : `kubernetes-models/${apiVersion}`;

/** What is wrong with a manifest: what its schema refuses, and every field that its schema does not know. */
export async function problemsOf(manifest: Manifest): Promise<string[]> {
  const module: Record<string, unknown> = await import(moduleOf(manifest.apiVersion));
  const model = module[manifest.kind];
  if (typeof model !== 'function') return [`no schema for ${manifest.apiVersion} ${manifest.kind}`];
  const seen = new Map<object, Set<string>>();
  const refused: string[] = [];
  try {
    model.prototype.validate.call(watched(manifest, seen));
  } catch (error) {
    refused.push(error instanceof Error ? error.message : String(error));
  }
  return [...refused, ...unread(manifest, seen, '')];
}

/**
 * The same value, noting which fields are read. Published schemas allow fields that they do not name, and the API server
 * drops them: a misspelt `readOnlyRootFilesystem` would be no error and no protection. A compiled schema looks at every field
 * that it knows, and so an unread field is an unknown one.
 */
function watched(value: object, seen: Map<object, Set<string>>): object {
  return new Proxy(value, {
    get(target, name) {
      if (typeof name === 'string') note(seen, target).add(name);
      const field = Reflect.get(target, name);
      return typeof field === 'object' && field !== null ? watched(field, seen) : field;
    },
    ownKeys(target) {
      for (const name of Object.keys(target)) note(seen, target).add(name);
      return Reflect.ownKeys(target);
    },
  });
}

function note(seen: Map<object, Set<string>>, target: object): Set<string> {
  const names = seen.get(target) ?? new Set();
  seen.set(target, names);
  return names;
}

/** Fields that were not read of objects that were looked into. What is never looked into may hold anything. */
function unread(value: unknown, seen: Map<object, Set<string>>, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const names = seen.get(value);
  return Object.entries(value).flatMap(([name, field]) => {
    const here = `${path}/${name}`;
    if (names && !names.has(name)) return [`${here}: unknown to the schema`];
    return unread(field, seen, here);
  });
}
