// Opens the capability `sandbox`: isolation that was tried here, and the interpreters that are there.
import type { Capability, CapabilityParts } from '../../capability.ts';
import { openIsolation } from '../../isolation/open-isolation.ts';
import { findRuntimes } from './languages.ts';
import { sandboxHandler } from './sandbox-handler.ts';
import { SANDBOX_DEFAULTS, type SandboxSettings } from './sandbox-settings.ts';

/** Throws SANDBOX_UNAVAILABLE where programs cannot be isolated; they never run otherwise. */
export async function openSandbox(
  { clock, log }: CapabilityParts,
  settings: SandboxSettings = SANDBOX_DEFAULTS,
): Promise<Capability> {
  const { bubblewrap, cgroup } = settings;
  const [isolation, runtimes] = await Promise.all([
    openIsolation({ clock, log, bubblewrap, cgroup }),
    findRuntimes(process.execPath),
  ]);
  return { handler: sandboxHandler({ isolation, runtimes, settings: Object.freeze({ ...settings }), clock }) };
}
