// A client of the published port, as any program outside would be: gRPC over TLS with the project's own authority.
import { createClient, Code, ConnectError } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { EmbedService } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { WebService } from '../../gen/bowline/capability/web/v1/web_pb.ts';

const inControl = ({ compose }, file) => compose(['exec', '-T', 'control-a', 'cat', file], { quiet: true });

/** Calls by the owner's key; each resolves with the id of its run. */
export async function callerOf(parts) {
  const ca = await inControl(parts, '/run/trust/ca.pem');
  const key = (await inControl(parts, '/var/lib/bowline/owner.key')).trim();
  const port = (await parts.compose(['port', 'balancer', '7420'], { quiet: true })).trim().split(':').at(-1);
  const transport = createGrpcTransport({
    baseUrl: `https://127.0.0.1:${port}`,
    nodeOptions: { ca },
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${key}`);
        return next(request);
      },
    ],
  });
  const run = async (call) => {
    let id = '';
    await call((headers) => {
      id = headers.get('bowline-run') ?? '';
    });
    return id;
  };
  return {
    fetch: (url) => run((onHeader) => createClient(WebService, transport).fetch({ url, noCache: true }, { onHeader, timeoutMs: 60_000 })),
    embed: (text, key) =>
      run((onHeader) =>
        createClient(EmbedService, transport).embed(
          { texts: [text] },
          { onHeader, timeoutMs: 30_000, headers: { 'bowline-idempotency-key': key } },
        ),
      ),
    close: () => {},
  };
}

const AGAIN = new Set([Code.Unavailable, Code.Aborted, Code.Internal, Code.Unknown, Code.Canceled, Code.DeadlineExceeded]);

/** Calls until it is answered, again with the same key where the connection broke: then it is the same run. */
export async function answered(caller, key) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await caller.embed(`text of ${key}`, key);
    } catch (error) {
      if (attempt >= 40 || !AGAIN.has(ConnectError.from(error).code)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
