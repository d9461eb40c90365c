import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PingSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { answerFrame, type CommonAnswer } from './answer-frame.ts';
import { FrameCounter } from './frames.ts';

test('a ping gets its pong, what is not known here is named by its number, and nothing else is answered', () => {
  const said: CommonAnswer[] = [];
  const out = { offer: (answer: CommonAnswer) => said.push(answer) > 0 };
  const header = new FrameCounter().next();
  answerFrame(header, { case: 'ping', value: create(PingSchema, { nonce: 7n }) }, out);
  answerFrame(header, { case: undefined }, out);
  answerFrame(header, { case: 'pong' }, out);
  answerFrame(header, { case: 'unimplemented' }, out);
  expect(said).toMatchObject([
    { case: 'pong', value: { nonce: 7n } },
    { case: 'unimplemented', value: { seq: 1n } },
  ]);
});
