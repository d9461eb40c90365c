// Judges manifests by the published schemas of Kubernetes and KEDA, as the packages kubernetes-models and
// @kubernetes-models/keda carry them, compiled. Nothing is fetched.
import type { Manifest } from './kustomize.ts';

/** A check that Ajv compiled: its errors are of the last call. */
interface Check {
  (data: unknown): boolean;
  errors?: readonly { readonly instancePath: string; readonly message?: string; readonly keyword: string }[] | null;
}

const API = 'kubernetes-models/_schemas/IoK8sApi';
const KEDA = '@kubernetes-models/keda/_schemas/KedaShV1alpha1';

/** Every kind that docker/k8s uses. */
const SCHEMAS: Readonly<Record<string, string>> = {
  'v1/Namespace': `${API}CoreV1Namespace`,
  'v1/ServiceAccount': `${API}CoreV1ServiceAccount`,
  'v1/Service': `${API}CoreV1Service`,
  'v1/Secret': `${API}CoreV1Secret`,
  'v1/ConfigMap': `${API}CoreV1ConfigMap`,
  'apps/v1/Deployment': `${API}AppsV1Deployment`,
  'policy/v1/PodDisruptionBudget': `${API}PolicyV1PodDisruptionBudget`,
  'autoscaling/v2/HorizontalPodAutoscaler': `${API}AutoscalingV2HorizontalPodAutoscaler`,
  'networking.k8s.io/v1/NetworkPolicy': `${API}NetworkingV1NetworkPolicy`,
  'keda.sh/v1alpha1/ScaledObject': `${KEDA}ScaledObject`,
  'keda.sh/v1alpha1/TriggerAuthentication': `${KEDA}TriggerAuthentication`,
};

/** What is wrong with a manifest: what its schema refuses, and every field that its schema does not know. */
export async function problemsOf(manifest: Manifest): Promise<string[]> {
  const module = SCHEMAS[`${manifest.apiVersion}/${manifest.kind}`];
  if (module === undefined) return [`no schema for ${manifest.apiVersion}/${manifest.kind}`];
  const { validate } = (await import(module)) as { validate: Check };
  const seen = new Map<object, Set<string>>();
  const valid = validate(watched(manifest, seen));
  const refused = valid ? [] : (validate.errors ?? []).map((e) => `${e.instancePath}: ${e.message ?? e.keyword}`);
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
