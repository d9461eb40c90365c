// Opens the capability `sandbox`: isolation that was tried here, and the interpreters that are there.

import type { SettingValues } from '../../../base/settings/setting.ts';
import { openIsolation } from '../../isolation/open-isolation.ts';
import type { CapabilityParts, ServedCapability } from '../../kit/capability.ts';
import { findRuntimes } from './languages.ts';
import { sandboxHandler } from './sandbox-handler.ts';
import { SANDBOX_DEFAULTS, type SandboxSettings } from './sandbox-settings.ts';
import type { SANDBOX_ROWS } from './setting-rows.ts';

type SandboxRows = SettingValues<typeof SANDBOX_ROWS>;

/** Throws SANDBOX_UNAVAILABLE where programs cannot be isolated; they never run otherwise. */
export async function openSandbox({
  clock,
  log,
  settings: all,
}: CapabilityParts<SandboxRows>): Promise<ServedCapability> {
  const settings = sandboxSettings(all);
  const { bubblewrap, cgroup } = settings;
  const [isolation, runtimes] = await Promise.all([
    openIsolation({ clock, log, bubblewrap, cgroup }),
    findRuntimes(process.execPath),
  ]);
  return { handler: sandboxHandler({ isolation, runtimes, settings: Object.freeze({ ...settings }), clock }) };
}

const sandboxSettings = (all: SandboxRows): SandboxSettings => ({
  ...SANDBOX_DEFAULTS,
  wallMs: all.sandboxMs,
  cpuMs: all.sandboxCpuMs,
  memoryBytes: all.sandboxMemoryBytes,
  processes: all.sandboxProcesses,
  outputBytes: all.sandboxOutputBytes,
  diskBytes: all.sandboxDiskBytes,
  bubblewrap: all.sandboxBubblewrap,
  cgroup: all.sandboxCgroup,
});
