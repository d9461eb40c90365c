// Join, connect, ask, answer: the whole path of the edge's session side against a scripted control plane.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { follow, startEdge, tempHome } from './support/edge-parts.ts';
import { ScriptedControl } from './support/scripted-control.ts';

let control: ScriptedControl;
let place: ReturnType<typeof tempHome>;

beforeEach(async () => {
  control = await ScriptedControl.start();
  place = tempHome();
});

afterEach(async () => {
  await control.close();
  place.dispose();
});

test('an ask is journaled, sent, answered and seen by its follower', async () => {
  const edge = await startEdge(place.home, control);
  expect(statSync(join(place.home, 'device.json')).mode & 0o777).toBe(0o600);
  const peer = await control.welcome();
  expect(peer.authorization).toBe(`Bearer ${edge.identity.keys.secret}`);
  const { run, conversation } = await edge.ask('What is in the notes?');
  const event = await peer.next('ask');
  expect(event).toMatchObject({ run, conversation, text: 'What is in the notes?', journalId: edge.journal.id });
  const watch = follow(edge, run);
  peer.send({ case: 'askVerdict', value: { sequence: event.sequence, run } });
  const job = `${run}/0/0`;
  peer.send({ case: 'runText', value: { run, chunk: { job, epoch: 1n, offset: 0n, text: 'Some ' } } });
  peer.send({ case: 'runText', value: { run, chunk: { job, epoch: 1n, offset: 5n, text: 'dates.' } } });
  peer.send({ case: 'runEnded', value: { run, outcome: { state: RunState.ANSWERED, answer: 'Some dates.' } } });
  await watch.done;
  expect(watch.text()).toBe('Some dates.');
  expect(watch.outcome()?.outcome).toMatchObject({ state: RunState.ANSWERED, answer: 'Some dates.' });
  expect(watch.outcome()?.egress).toMatchObject([{ field: 'ask.text', bytes: 21n, grant: 'ask' }]);
  expect(edge.ended).toEqual([run]);
  expect(edge.entries.map(({ record }) => record.case)).toEqual(
    expect.arrayContaining(['sessionOpened', 'ask', 'askOutcome', 'runAnswered']),
  );
  await edge.stop();
  await peer.next('goodbye');
});
