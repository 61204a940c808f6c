import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { AGENT_SETTINGS, type AgentConfig } from '../config.js';
import { type AgentLog, messageOf } from '../log.js';

/** How often the settings file is looked at, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/** The settings of a running agent: those that may change without a restart are read here whenever they are needed. */
export class LiveSettings {
  #current: AgentConfig;

  constructor(config: AgentConfig) {
    this.#current = config;
  }

  /** The settings that count now. */
  get current(): AgentConfig {
    return this.#current;
  }

  /**
   * Takes over what may change without a restart, and leaves the rest as it is.
   * @returns the keys that changed, and those that need a restart to count
   */
  take(next: AgentConfig): { changed: string[]; needRestart: string[] } {
    const differing = AGENT_SETTINGS.filter(({ field }) => textOf(next, field) !== textOf(this.#current, field));
    const live = differing.filter(({ isLive }) => isLive);
    const taken = Object.fromEntries(live.map(({ field }) => [field, next[field as keyof AgentConfig]]));
    this.#current = { ...this.#current, ...taken };
    return {
      changed: live.map(({ key }) => key),
      needRestart: differing.filter(({ isLive }) => !isLive).map(({ key }) => key),
    };
  }
}

const textOf = (config: AgentConfig, field: string) =>
  JSON.stringify(config[field as keyof AgentConfig], (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  );

/** Where the settings of a running agent can be read again. */
export interface WatchedSettings {
  path: string;
  /** Reads file and flags again. Throws ConfigError. */
  read(): AgentConfig;
}

/**
 * Follows a settings file until aborted. A file that is edited into something wrong changes nothing: the log says what is
 * wrong, and the old settings count until it is put right. The file is looked at by name, because editors replace it.
 */
export function watchSettings(
  { path, read }: WatchedSettings,
  { live, log, signal, everyMs = LOOK_EVERY_MS }: WatchOptions,
): void {
  const look = (now: Stats) => {
    // Gone for the moment in which an editor puts another file in its place.
    if (now.mtimeMs === 0) return;
    try {
      const { changed, needRestart } = live.take(read());
      if (changed.length > 0) log('settingsChanged', { settings: changed });
      if (needRestart.length > 0) log('settingsNeedRestart', { settings: needRestart });
    } catch (error) {
      log('settingsRefused', { reason: messageOf(error) });
    }
  };
  watchFile(path, { interval: everyMs, persistent: false }, look);
  signal.addEventListener('abort', () => unwatchFile(path, look), { once: true });
}

interface WatchOptions {
  live: LiveSettings;
  log: AgentLog;
  signal: AbortSignal;
  /** How often the file is looked at, in milliseconds. */
  everyMs?: number;
}
