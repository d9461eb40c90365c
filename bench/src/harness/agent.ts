// The child's half of a process of the benchmark: it names what it can do and answers calls over the IPC channel. The
// parent's half is agent-process.ts. It ends with its parent.

/** What a process can do: each takes and gives plain JSON. */
export type Abilities = Readonly<Record<string, (args: never) => Promise<unknown> | unknown>>;

export interface AgentCall {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

export interface AgentAnswer {
  /** 0 says that the process is ready. */
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Answers calls until the parent is gone. Several may run at once. */
export function serveAgent(abilities: Abilities): void {
  const send = (answer: AgentAnswer) => {
    if (process.connected) process.send?.(answer);
  };
  process.on('message', ({ id, name, args }: AgentCall) => {
    const ability = abilities[name];
    Promise.resolve()
      .then(() => {
        if (!ability) throw new Error(`no ability ${name}`);
        return ability(args as never);
      })
      .then(
        (value) => send({ id, value }),
        (error: unknown) =>
          send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.on('disconnect', () => process.exit(0));
  send({ id: 0 });
}
