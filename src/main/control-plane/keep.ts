// How long what is over is kept, as the settings say. Pure.
import type { ControlConfig } from '../../control/config.ts';
import type { Keep } from '../../control/store/upkeep.ts';

export const keepOf = (config: ControlConfig): Keep => ({
  runsMs: config.keepRunsMs,
  conversationsMs: config.keepConversationsMs,
  removedMs: config.keepRemovedMs,
  usageMs: config.keepUsageMs,
  usageSumsMs: config.keepUsageSumsMs,
  auditMs: config.keepAuditMs,
  commandsMs: config.keepCommandsMs,
});
