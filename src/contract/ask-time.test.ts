import { getOption } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { CreateJoinTokenRequestSchema } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { AskRequestSchema } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { field } from '../../gen/buf/validate/validate_pb.ts';
import { MOST_ASK_MS } from './ask-time.ts';

test('the longest time of an ask, and of a join line, is that of the contract', () => {
  for (const of of [AskRequestSchema.field.timeout, CreateJoinTokenRequestSchema.field.ttl]) {
    const { type } = getOption(of, field);
    const most = type.case === 'duration' && type.value.lessThan.case === 'lte' ? type.value.lessThan.value : undefined;
    expect(most && durationMs(most)).toBe(MOST_ASK_MS);
  }
});
