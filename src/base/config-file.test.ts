import * as v from 'valibot';
import { expect, test } from 'vitest';
import { parseConfig } from './config-file.ts';
import { AppError } from './errors.ts';

const schema = v.strictObject({
  name: v.optional(v.string()),
  allow: v.optional(
    v.strictObject({
      read: v.optional(v.array(v.string()), []),
      write: v.optional(v.array(v.strictObject({ path: v.string(), confirm: v.picklist(['never', 'always']) })), []),
    }),
    {},
  ),
  limits: v.optional(v.strictObject({ parallel: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 4) }), {}),
});

const failure = (text: string): string => {
  try {
    parseConfig('config.yaml', text, schema);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).reason).toBe('CONFIG_INVALID');
    return (error as AppError).message;
  }
  return 'no error';
};

test('an empty file gives the defaults', () => {
  expect(parseConfig('config.yaml', '', schema).value).toEqual({
    allow: { read: [], write: [] },
    limits: { parallel: 4 },
  });
  expect(parseConfig('config.yaml', '# only a comment\n', schema).value.limits.parallel).toBe(4);
});

test('a typo is told with line, column and the key that was meant', () => {
  expect(failure('name: x\nallow:\n  raed: [a]\n')).toBe('config.yaml:3:3: unknown key `raed`; did you mean `read`?');
  expect(failure('alow: {}\n')).toBe('config.yaml:1:1: unknown key `alow`; did you mean `allow`?');
  expect(failure('allow:\n  write:\n    - path: /a\n      confrim: never\n')).toBe(
    'config.yaml:4:7: unknown key `confrim`; did you mean `confirm`?',
  );
  expect(failure('zebra: 1\n')).toBe('config.yaml:1:1: unknown key `zebra`; known here: name, allow, limits');
});

test('a wrong type, value or missing key names its place', () => {
  expect(failure('limits:\n  parallel: lots\n')).toContain('config.yaml:2:3: `limits.parallel` must be number');
  expect(failure('limits:\n  parallel: 0\n')).toContain('config.yaml:2:3: `limits.parallel`');
  expect(failure('allow:\n  read: /docs\n')).toContain('config.yaml:2:3: `allow.read` must be array');
  expect(failure('allow:\n  write:\n    - path: /a\n')).toBe('config.yaml:3:7: `allow.write.0.confirm` is missing');
  expect(failure('allow:\n  write:\n    - path: /a\n      confirm: nevr\n')).toContain('did you mean `never`?');
});

test('a list where a map belongs is told, also an empty one', () => {
  expect(failure('[]')).toBe('config.yaml:1:1: the file must be a map like `key: value`, not a list');
  expect(failure('allow: []\n')).toContain('config.yaml:1:1: `allow` must be a map');
  expect(failure('allow:\n  - ~/notes\n')).toContain('`allow` must be a map like `key: value`, not a list');
  expect(failure('allow:\n  write:\n    - []\n')).toContain('config.yaml:3:7: `allow.write.0` must be a map');
  expect(failure('allow:\n  read: []\n')).toBe('no error');
});

test('broken YAML is told by line and column', () => {
  expect(failure('name: [a\nallow: b')).toMatch(/^config\.yaml:\d+:\d+: /);
  expect(failure('name: a\nname: b\n')).toMatch(/^config\.yaml:2:1: /);
});

test('complaints made after parsing find their place, too', () => {
  const config = parseConfig('c.yaml', 'allow:\n  read:\n    - /a\n    - /b\n', schema);
  expect(() => config.fail(['allow', 'read', 1], 'does not exist')).toThrow('c.yaml:4:7: does not exist');
});
