/** Takes an event of the agent: a constant name and typed fields. Keys and private inputs are never among them. */
export type AgentLog = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Events that only a live view has a use for: a log file would be full of them. */
const LIVE_ONLY: ReadonlySet<string> = new Set(['proofProgress']);

/**
 * A log that writes one JSON line per event: `{ atMs, event, ...fields }`; amounts of wei become decimal strings.
 * What only a live view has a use for is left out.
 * @param write - takes a line without its end
 */
export function jsonLog(write: (line: string) => void, nowMs: () => number = Date.now): AgentLog {
  return (event, fields = {}) => {
    if (LIVE_ONLY.has(event)) return;
    const text = JSON.stringify({ atMs: nowMs(), event, ...fields }, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    write(text);
  };
}

/** How many causes of an error are told. */
const CAUSES_MAX = 3;

/** What may be said of an error: its message, and those of its causes. */
export function messageOf(error: unknown): string {
  const messages: string[] = [];
  for (let one = error; one instanceof Error && messages.length <= CAUSES_MAX; one = one.cause)
    messages.push(one.message);
  return messages.length > 0 ? messages.join(': ') : String(error);
}
