// Every method of the public API that changes something takes a request id, so that whoever lost an answer may ask again.
import { type DescMethod, ScalarType } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Level } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { contractFiles } from './descriptors.ts';

const files = await contractFiles();
const methods = files
  .filter(({ proto }) => proto.package === 'bowline.control.v1')
  .flatMap(({ services }) => services.flatMap((service) => service.methods));

const reads = ({ idempotency }: DescMethod) => idempotency === Level.NO_SIDE_EFFECTS;

/** The field by which a repeat is known, if it is there in its usual form. */
function requestId({ input }: DescMethod): boolean {
  const field = input.fields.find(({ name }) => name === 'request_id');
  return field?.fieldKind === 'scalar' && field.scalar === ScalarType.STRING;
}

test('every method of the public API that changes something has a request id, and no other', () => {
  expect(methods.length).toBeGreaterThan(25);
  const wrong = methods.filter((method) => reads(method) === requestId(method));
  expect(wrong.map(({ parent, name }) => `${parent.name}/${name}`)).toEqual([]);
});
