import { expect, test } from 'vitest';
import { pluginContract } from '../../test/support/plugin-contract.ts';
import { readPlugin } from './plugin.ts';
import { mustCompile } from './plugin-rules.ts';

const rule = (expression: string) => `{ id: "span", message: "no", expression: ${JSON.stringify(expression)} }`;
const ofMessage = (expression: string) => `option (buf.validate.message).cel = ${rule(expression)};`;
const FIELDS = 'int64 from = 1; int64 to = 2; repeated string names = 3;';

/** What is said to whoever adds a contract whose method takes `In`; empty when it is taken. */
function verdict(messages: string): string {
  const { service } = readPlugin(
    pluginContract('example.spans.v1', `${messages} message Out {} service S { rpc Do(In) returns (Out); }`),
  );
  try {
    mustCompile(service);
    return '';
  } catch (error) {
    expect(error).toMatchObject({ reason: 'PLUGIN_INVALID' });
    return (error as Error).message;
  }
}

test('an expression that does not compile is named with its place', () => {
  const cases: [string, string[]][] = [
    [
      `message In { ${ofMessage('this.from <')} ${FIELDS} }`,
      ['the rule "span" of example.spans.v1.In', 'end of input'],
    ],
    [`message In { int64 a = 1 [(buf.validate.field).cel = ${rule('this <')}]; }`, ['of example.spans.v1.In.a']],
    [`message In { int64 a = 1 [(buf.validate.field).cel_expression = "this <"]; }`, ['the rule "this <"']],
    [
      `message In { repeated string a = 1 [(buf.validate.field).repeated.items.cel = ${rule('(')}]; }`,
      ['an item of example.spans.v1.In.a'],
    ],
    [
      `message In { map<string, string> a = 1 [(buf.validate.field).map.keys.cel = ${rule('(')}]; }`,
      ['a key of example.spans.v1.In.a'],
    ],
    [`message Deep { ${ofMessage('(')} } message In { repeated Deep deep = 1; }`, ['of example.spans.v1.Deep']],
    [`message In { ${ofMessage('this.start < this.to')} ${FIELDS} }`, ['a rule of example.spans.v1.In', 'start']],
    [`message In { ${ofMessage('longer(this.to)')} ${FIELDS} }`, ['a rule of example.spans.v1.In', 'longer']],
    [
      `message In { string a = 1 [(buf.validate.field).string.pattern = "("]; }`,
      ['a rule of example.spans.v1.In', '`(`'],
    ],
    [`message In { string a = 1 [(buf.validate.field).int64.gt = 3]; }`, ['a rule of example.spans.v1.In', 'int64']],
  ];
  for (const [messages, parts] of cases) {
    const said = verdict(messages);
    for (const part of parts) expect(said, messages).toContain(part);
  }
});

test('what only some messages break is taken: it is judged with each call', () => {
  for (const expression of ['this.from < this.to', 'this.to / this.from > 1', "this.names[0] == 'a'"])
    expect(verdict(`message In { ${ofMessage(expression)} ${FIELDS} }`), expression).toBe('');
  expect(verdict(`message In { In more = 1; string a = 2 [(buf.validate.field).string.min_len = 3]; }`)).toBe('');
});

test('an expression that could take long is refused before it is evaluated, also where a condition hides it', () => {
  const nested = (depth: number): string => (depth === 0 ? 'true' : `[1, 2, 3].all(v${depth}, ${nested(depth - 1)})`);
  const dear = [
    ...['all', 'exists', 'exists_one', 'filter', 'map'].map((name) => `this.names.${name}(n, n == 'a') != null`),
    nested(4),
    `this.from != 7 || ${nested(4)}`,
    `{'a': ${nested(1)}}['a']`,
    `this.names.size() > 0 ? size([${nested(1)}]) > 0 : true`,
  ];
  for (const expression of dear) {
    expect(verdict(`message In { ${ofMessage(expression)} ${FIELDS} }`), expression).toContain('goes through a list');
  }
  const long = `this.from in [${Array.from({ length: 2_000 }, (_, n) => n).join()}]`;
  expect(verdict(`message In { ${ofMessage(long)} ${FIELDS} }`)).toContain('has more than 200 parts');
  const most = `this.from in [${Array.from({ length: 190 }, (_, n) => n).join()}]`;
  expect(verdict(`message In { ${ofMessage(most)} ${FIELDS} }`)).toBe('');
});
