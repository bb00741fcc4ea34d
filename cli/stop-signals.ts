/** Ctrl-C, and what else ends a program: once asks for an orderly end, twice for silence. */
export interface StopSignals {
  readonly stop: AbortSignal;
  readonly silence: AbortSignal;
  /** The process reacts to Ctrl-C as usual again. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @param told called at the first one. */
export function stopSignals(told: () => void): StopSignals {
  const stop = new AbortController();
  const silence = new AbortController();
  const raised = (): void => {
    if (stop.signal.aborted) {
      silence.abort();
      return;
    }
    stop.abort();
    told();
  };
  for (const name of SIGNALS) process.on(name, raised);
  return {
    stop: stop.signal,
    silence: silence.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, raised);
    },
  };
}
