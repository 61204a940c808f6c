/** Takes an event of the agent: a constant name and typed fields. Keys and private inputs are never among them. */
export type AgentLog = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/**
 * A log that writes one JSON line per event: `{ atMs, event, ...fields }`; amounts of wei become decimal strings.
 * @param write - takes a line without its end
 */
export function jsonLog(write: (line: string) => void, nowMs: () => number = Date.now): AgentLog {
  return (event, fields = {}) => {
    const text = JSON.stringify({ atMs: nowMs(), event, ...fields }, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    write(text);
  };
}

/** What may be said of an error: its message, and that of its cause. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
