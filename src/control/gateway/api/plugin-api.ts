// Plugins of the public API.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { PluginService } from '../../../../gen/bowline/control/v1/plugin_service_pb.ts';
import { Effect } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { pageOf } from '../../../contract/paging.ts';
import type { Plugins, StoredPlugin } from '../../identity/plugins.ts';
import { principalName } from '../../identity/principal.ts';
import type { Requests } from '../../store/requests.ts';
import { ownerOf } from '../call-principal.ts';
import { once } from './once.ts';

/** Of one page. A tenant has no more. */
const MOST = 100;

export function pluginApi(plugins: Plugins, requests: Requests): ServiceImpl<typeof PluginService> {
  return {
    async createPlugin(request, context) {
      const owner = ownerOf(context);
      const { descriptorSet, effect, idempotent, trusted } = request;
      const wanted = {
        tenant: owner.tenant,
        descriptorSet,
        effect: effect === Effect.UNSPECIFIED ? Effect.NETWORK : effect,
        idempotent,
        trusted,
      };
      const answer = await once(requests, owner, PluginService.method.createPlugin, request, {
        within: async (trx) => ({ plugin: view(await plugins.add(wanted, principalName(owner), trx)) }),
      });
      await plugins.refresh();
      return answer;
    },
    async listPlugins(request, context) {
      const { tenant } = ownerOf(context);
      await plugins.refresh();
      const page = pageOf(plugins.ofTenant(tenant), (plugin) => plugin.package, request, MOST);
      return { plugins: page.items.map(view), nextPageToken: page.nextPageToken };
    },
    async deletePlugin(request, context) {
      const owner = ownerOf(context);
      const answer = await once(requests, owner, PluginService.method.deletePlugin, request, {
        within: async (trx) => {
          if (await plugins.remove(owner.tenant, request.package, principalName(owner), trx)) return {};
          throw new AppError('NOT_FOUND', { kind: 'plugin' });
        },
      });
      await plugins.refresh();
      return answer;
    },
  };
}

const view = (plugin: StoredPlugin) => ({
  package: plugin.package,
  service: plugin.service.typeName,
  methods: plugin.methods.map(({ desc }) => desc.name),
  effect: plugin.effect,
  idempotent: plugin.idempotent,
  trusted: plugin.trusted,
  descriptorSha256: plugin.digest,
  updateTime: timestampFromMs(plugin.updatedAt),
});
