// Looks at the project that runs: its containers, its workers, what Bowline says from within. Changes nothing.

export const CONTROL = ['control-a', 'control-b'];

export function must(holds, what) {
  if (!holds) throw new Error(what);
}

export const jsonOf = async (text) => JSON.parse(await text);

/** Container ids of a service. */
export const containers = async ({ compose }, service) =>
  (await compose(['ps', '-q', service], { quiet: true })).trim().split('\n').filter(Boolean);

export const inspect = async ({ docker }, id, format) => (await docker(['inspect', '-f', format, id], { quiet: true })).trim();

export const health = (parts, id) => inspect(parts, id, '{{.State.Health.Status}}');

/** The verbs of Bowline, with the owner's key of a replica. */
export const bowline = (parts, ...words) => parts.compose(['exec', '-T', 'control-a', '/opt/bowline/bowline', ...words]);

/** Workers that are connected and serve this. */
export const workersOf = async (parts, name) =>
  (await jsonOf(bowline(parts, 'workers', 'ls', '--json'))).filter((worker) =>
    (worker.manifest?.capabilities ?? []).some((each) => each.package === `bowline.capability.${name}.v1`),
  );

/** One value of the database. */
export const query = async ({ compose }, sql) =>
  (await compose(['exec', '-T', 'postgres', 'psql', '-U', 'bowline', '-d', 'bowline', '-Atc', sql], { quiet: true })).trim();
