/** Exit codes of the agent's commands: a setting that cannot be used, a refusal or failure, and a second Ctrl-C. */
export const EXIT = { usage: 2, failure: 1, interrupted: 130 } as const;
