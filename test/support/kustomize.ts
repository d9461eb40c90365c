// Builds a kustomization for tests, with those features that docker/k8s uses; any other one is refused. A test compares it with
// `kubectl kustomize` where that is installed. It only reads.
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

// biome-ignore lint/suspicious/noExplicitAny: manifests are whatever their kind says; schemas judge them.
export type Json = any;
export type Manifest = Record<string, Json>;

/** Kubernetes reads YAML 1.1, in which 0440 is a mode. */
const YAML = { version: '1.1' } as const;

/** All manifests of the folder's kustomization. Throws for a feature that it does not know. */
export function kustomize(folder: string): Manifest[] {
  const { resources, patches, namespace, labels, images, generatorOptions, ...rest } = readYaml(
    folder,
    'kustomization.yaml',
  );
  const { configMapGenerator, secretGenerator, apiVersion: _version, kind: _kind, ...unknown } = rest;
  if (Object.keys(unknown).length > 0) throw invalid(folder, `unknown: ${Object.keys(unknown)}`);
  if (generatorOptions && generatorOptions.disableNameSuffixHash !== true) throw invalid(folder, 'names with a hash');
  let all: Manifest[] = (resources ?? []).flatMap((path: string) =>
    statSync(join(folder, path)).isDirectory() ? kustomize(join(folder, path)) : documents(readText(folder, path)),
  );
  for (const spec of configMapGenerator ?? []) all.push(configMap(folder, spec));
  for (const spec of secretGenerator ?? []) all.push(secret(folder, spec));
  for (const { path, patch, target } of patches ?? []) {
    for (const change of documents(patch ?? readText(folder, path))) all = patched(folder, all, change, target);
  }
  for (const each of all) {
    if (namespace && each.kind !== 'Namespace') each.metadata.namespace = namespace;
    for (const { pairs, includeTemplates } of labels ?? []) {
      const places = [each.metadata, ...(includeTemplates && each.spec?.template ? [each.spec.template.metadata] : [])];
      for (const place of places) place.labels = { ...place.labels, ...pairs };
    }
    for (const container of containersOf(each)) container.image = imageOf(container.image, images ?? []);
  }
  return all;
}

/** The containers of a manifest with a pod, those that start first included. */
export function containersOf(manifest: Manifest): Manifest[] {
  const pod = manifest.spec?.template?.spec;
  return pod ? [...(pod.initContainers ?? []), ...pod.containers] : [];
}

/** By which field the items of a list are told apart when a list is merged; other lists are replaced. */
const MERGED_BY: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  volumeMounts: 'mountPath',
  topologySpreadConstraints: 'topologyKey',
};

/** The same manifests in one order, for comparisons. */
export function ordered(all: readonly Manifest[]): Manifest[] {
  const sorted = (value: Json, field = ''): Json => {
    if (Array.isArray(value)) {
      const key = MERGED_BY[field];
      const items = value.map((item) => sorted(item));
      return key ? items.sort((a, b) => String(a[key]).localeCompare(String(b[key]))) : items;
    }
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((name) => [name, sorted(value[name], name)]),
    );
  };
  const name = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`;
  return all.map((each) => sorted(each)).sort((a, b) => name(a).localeCompare(name(b)));
}

function patched(folder: string, all: Manifest[], change: Manifest, target?: Manifest): Manifest[] {
  const { kind, name, labelSelector, ...unknown } = target ?? { kind: change.kind, name: change.metadata.name };
  if (Object.keys(unknown).length > 0) throw invalid(folder, `target with ${Object.keys(unknown)}`);
  const [label, value] = labelSelector?.split('=') ?? [];
  const hit = (each: Manifest) =>
    each.kind === kind &&
    (name === undefined || each.metadata.name === name) &&
    (label === undefined || each.metadata.labels?.[label] === value);
  if (!all.some(hit)) throw invalid(folder, `a patch of ${kind} ${name ?? labelSelector ?? ''} that hits nothing`);
  if (change.$patch === 'delete') return all.filter((each) => !hit(each));
  const { apiVersion: _version, kind: _kind, metadata, ...content } = change;
  const { name: _name, ...meta } = metadata;
  return all.map((each) => (hit(each) ? merge(each, { ...content, metadata: meta }) : each));
}

function merge(into: Json, change: Json, field = ''): Json {
  const key = MERGED_BY[field];
  if (Array.isArray(into) && Array.isArray(change) && key) {
    const kept = into.map((item) => merge(item, change.find((other) => other[key] === item[key]) ?? {}));
    return [...kept, ...change.filter((other) => !into.some((item) => item[key] === other[key]))];
  }
  if (!isMap(into) || !isMap(change)) return change;
  const result: Manifest = { ...into };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete result[name];
    else result[name] = name in into ? merge(into[name], value, name) : value;
  }
  return result;
}

const isMap = (value: Json): value is Manifest => value !== null && typeof value === 'object' && !Array.isArray(value);

function imageOf(image: string, images: readonly Manifest[]): string {
  const [name] = image.split(':');
  const rule = images.find((each) => each.name === name);
  return rule ? `${rule.newName}:${rule.newTag}` : image;
}

function configMap(folder: string, { name, files, ...unknown }: Manifest): Manifest {
  if (Object.keys(unknown).length > 0) throw invalid(folder, `a ConfigMap with ${Object.keys(unknown)}`);
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: Object.fromEntries(filesOf(folder, files)) };
}

function secret(folder: string, { name, type, files, literals, ...unknown }: Manifest): Manifest {
  if (Object.keys(unknown).length > 0) throw invalid(folder, `a Secret with ${Object.keys(unknown)}`);
  const pairs = (literals ?? []).map((text: string) => [
    text.slice(0, text.indexOf('=')),
    text.slice(text.indexOf('=') + 1),
  ]);
  const data = [...pairs, ...filesOf(folder, files ?? [])].map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: type ?? 'Opaque',
    metadata: { name },
    data: Object.fromEntries(data),
  };
}

const filesOf = (folder: string, files: readonly string[]): [string, string][] =>
  files.map((entry) => {
    const [key, path] = entry.includes('=') ? entry.split('=', 2) : [basename(entry), entry];
    return [key ?? '', readText(folder, path ?? '')];
  });

const readText = (folder: string, path: string): string => readFileSync(join(folder, path), 'utf8');
const readYaml = (folder: string, path: string): Manifest => parse(readText(folder, path), YAML);

/** The documents of a text; no two share a part. */
export const documents = (text: string): Manifest[] =>
  parseAllDocuments(text, YAML).map((document) => {
    const [problem] = document.errors ?? [];
    if (problem) throw problem;
    return structuredClone(document.toJS());
  });

const invalid = (folder: string, problem: string) => new Error(`${folder}: ${problem}`);
