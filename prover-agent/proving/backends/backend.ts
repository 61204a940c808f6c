/** How a piece of a backend's work is watched; times are milliseconds. */
export interface BackendWatch {
  /** Parts per million of the backend's own work. */
  onProgress(progressPpm: number): void;
  /** Aborting it ends the work at once. */
  signal: AbortSignal | undefined;
  /** The work is ended when it takes longer. */
  limitMs: number;
}

/** What makes zkProofs out of witnesses. One for each slot of an agent; does one thing at a time. */
export interface ProvingBackend {
  /** Gets ready, so that the first zkProof does not wait. Throws ProvingError. */
  warm(): Promise<void>;
  /**
   * Makes a zkProof.
   * @param witness - the bytes of a `wtns` file, which the backend may take away
   * @returns parsed JSON of whatever spelling; nobody has checked it
   * @throws ProvingError
   */
  prove(witness: Uint8Array, watch: BackendWatch): Promise<unknown>;
  /** Whether a strictly parsed zkProof holds under the verification key. Throws ProvingError. */
  verify(zkProof: object, publicSignals: readonly string[], watch: Omit<BackendWatch, 'onProgress'>): Promise<boolean>;
  /** Ends everything that it has started; work under way ends as cancelled. */
  close(): Promise<void>;
}
