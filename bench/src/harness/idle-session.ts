// One session of an edge that says Hello and then nothing but heartbeats, on a connection of its own, as boxes have them.
import { create } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { PongSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  EdgeService,
  type Hello,
  HelloSchema,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Channel } from '../../../src/base/channel.ts';
import { newId } from '../../../src/base/ids.ts';
import { FrameCounter } from '../../../src/contract/session/frames.ts';
import { fakeHello } from '../../../test/support/fake-edge.ts';

export interface IdleDevice {
  readonly secret: string;
  readonly journalId: string;
}

export interface IdleSession {
  readonly transport: Transport;
  /** Gives the session up. */
  readonly signal?: AbortSignal;
  readonly superseded?: () => void;
  /** It ended, welcomed or not. */
  readonly ended: () => void;
}

/** A Hello costs a look at all methods, which are the same for all. */
let hello: Hello | undefined;

function helloOf({ journalId }: IdleDevice): Hello {
  hello ??= fakeHello(journalId);
  return create(HelloSchema, { ...hello, bootId: newId(), journal: { ...hello.journal!, journalId } });
}

/** Opens one session; resolves at Welcome. */
export async function openIdle(device: IdleDevice, session: IdleSession): Promise<void> {
  const counter = new FrameCounter();
  const outgoing = new Channel<ConnectRequest['frame']>(16);
  async function* frames(): AsyncGenerator<ConnectRequest> {
    const first = { case: 'hello' as const, value: helloOf(device) };
    yield create(ConnectRequestSchema, { header: counter.next(), frame: first });
    for await (const frame of outgoing) yield create(ConnectRequestSchema, { header: counter.next(), frame });
  }
  const options = {
    headers: { authorization: `Bearer ${device.secret}` },
    ...(session.signal ? { signal: session.signal } : {}),
  };
  return new Promise((resolve, reject) => {
    void (async () => {
      try {
        for await (const { header, frame } of createClient(EdgeService, session.transport).connect(frames(), options)) {
          counter.seen(header);
          if (frame.case === 'welcome') resolve();
          else if (frame.case === 'superseded') session.superseded?.();
          else if (frame.case === 'ping')
            outgoing.offer({ case: 'pong', value: create(PongSchema, { nonce: frame.value.nonce }) });
        }
        throw new Error('the session ended');
      } catch (error) {
        session.ended();
        reject(error);
      }
    })();
  });
}
