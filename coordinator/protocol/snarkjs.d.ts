/** The parts of snarkjs 0.7.6 that this project calls; the package ships no types. */
declare module 'snarkjs' {
  /** A file path, bytes in memory, or a place in memory that receives them. */
  type ZkFile = string | Uint8Array | { type: 'mem'; data?: Uint8Array };
  interface ProofSystem {
    verify(
      verificationKey: object,
      publicSignals: readonly string[],
      zkProof: object,
      logger?: object,
    ): Promise<boolean>;
    fullProve(
      input: object,
      wasm: ZkFile,
      zkey: ZkFile,
      logger?: object,
      witnessOptions?: object,
      proverOptions?: { singleThread?: boolean },
    ): Promise<{ proof: Record<string, unknown>; publicSignals: string[] }>;
    prove(
      zkey: ZkFile,
      witness: ZkFile,
      logger?: object,
      options?: { singleThread?: boolean },
    ): Promise<{ proof: Record<string, unknown>; publicSignals: string[] }>;
  }
  const groth16: ProofSystem & {
    exportSolidityCallData(zkProof: object, publicSignals: readonly string[]): Promise<string>;
  };
  const plonk: ProofSystem & { setup(r1cs: ZkFile, ptau: ZkFile, zkey: ZkFile, logger?: object): Promise<unknown> };
  const fflonk: ProofSystem & { setup(r1cs: ZkFile, ptau: ZkFile, zkey: ZkFile, logger?: object): Promise<unknown> };
  const wtns: { calculate(input: object, wasm: ZkFile, witness: ZkFile): Promise<void> };
  const zKey: {
    newZKey(r1cs: ZkFile, ptau: ZkFile, zkey: ZkFile, logger?: object): Promise<Uint8Array>;
    contribute(from: ZkFile, to: ZkFile, name: string, entropy: string, logger?: object): Promise<Uint8Array>;
    beacon(from: ZkFile, to: ZkFile, name: string, beacon: string, power: number, logger?: object): Promise<Uint8Array>;
    verifyFromR1cs(r1cs: ZkFile, ptau: ZkFile, zkey: ZkFile, logger?: object): Promise<boolean>;
    exportVerificationKey(zkey: ZkFile, logger?: object): Promise<Record<string, unknown>>;
  };
  const r1cs: { info(file: ZkFile, logger?: object): Promise<{ nConstraints: number; nVars: number }> };
  const powersOfTau: {
    newAccumulator(curve: object, power: number, to: ZkFile, logger?: object): Promise<unknown>;
    contribute(from: ZkFile, to: ZkFile, name: string, entropy: string, logger?: object): Promise<unknown>;
    beacon(from: ZkFile, to: ZkFile, name: string, beacon: string, power: number, logger?: object): Promise<unknown>;
    preparePhase2(from: ZkFile, to: ZkFile, logger?: object): Promise<unknown>;
    verify(file: ZkFile, logger?: object): Promise<boolean>;
  };
}

/** The parts of ffjavascript 0.3.1 that this project calls; the package ships no types. */
declare module 'ffjavascript' {
  /** A curve in WASM. Built with `singleThread` it starts no worker threads and is not kept in globalThis. */
  interface Curve {
    name: string;
    terminate(): Promise<void>;
  }
  function buildBn128(singleThread?: boolean): Promise<Curve>;
  function getCurveFromName(name: string, options?: { singleThread?: boolean }): Promise<Curve>;
}
