import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAgentConfig } from '#agent/config.js';
import { chosenFor } from '#agent/proving/backends/backendChoice.js';
import { fillIn, parseTemplate } from '#agent/proving/backends/commandTemplate.js';
import { normaliseZkProof } from '#agent/proving/backends/nativeZkProof.js';
import { ProvingError } from '#agent/proving/provingError.js';
import { ZK_PROTOCOLS } from '#protocol/zkProof.js';
import { tinySamples } from '../fixtures/tinyCircuit.js';

const values = { zkey: '/a b/k', witness: '/w', zkProof: '/p', publicSignals: '/s', threads: '2' };
const configOf = (backends: string[]) =>
  parseAgentConfig({ coordinator: 'http://127.0.0.1:1', dataDir: '/d', backends });

describe('a command', () => {
  it('that is a program alone is called by the contract', () => {
    const template = parseTemplate('rapidsnark');
    expect([template.program, ...fillIn(template, values)]).toEqual(['rapidsnark', '/a b/k', '/w', '/p', '/s']);
    expect(fillIn(parseTemplate('prover -t {threads}'), values)).toEqual(['-t', '2', '/a b/k', '/w', '/p', '/s']);
  });

  it('keeps quoted blanks, and never splits a path', () => {
    const template = parseTemplate(`'/opt/my prover/run' --key={zkey} "in: {witness}" --out {zkProof} ''`);
    expect(template.program).toBe('/opt/my prover/run');
    expect(fillIn(template, values)).toEqual(['--key=/a b/k', 'in: /w', '--out', '/p', '']);
  });

  it.each([
    ['', /is empty/],
    ['   ', /is empty/],
    ['prover {zkye}', /\{zkye\} is no placeholder/],
    ['prover {zkey} {zkProof}', /not \{witness\}/],
    ['prover {witness}', /not \{zkProof\}/],
    ['prover "{zkey}', /quote is not closed/],
    ['x'.repeat(5_000), /characters/],
  ])('is refused with a reason: %s', (text, reason) => {
    expect(() => parseTemplate(text)).toThrow(reason);
  });

  it('is read word by word, whatever the words are', () => {
    const word = fc.string({ minLength: 1, unit: fc.constantFrom(...'ab-/=.1 ') });
    fc.assert(
      fc.property(word, fc.array(word), (program, args) => {
        const template = parseTemplate([program, ...args].map((one) => `"${one}"`).join(' '));
        expect([template.program, ...template.args.slice(0, args.length)]).toEqual([program, ...args]);
      }),
    );
  });
});

describe('the choice of a backend', () => {
  const circuit = { circuitId: `0x${'ab'.repeat(32)}` as const, name: 'transferRollup' };

  it('goes by id, then by name, then for all', () => {
    const { backends } = configOf(['*=general', 'transferRollup=named', `${circuit.circuitId}=exact`]);
    expect(chosenFor(backends, circuit)?.program).toBe('exact');
    expect(chosenFor(backends.slice(0, 2), circuit)?.program).toBe('named');
    expect(chosenFor(backends.slice(0, 1), circuit)?.program).toBe('general');
    expect(chosenFor(configOf(['*=general', 'transferRollup=snarkjs']).backends, circuit)).toBeNull();
    expect(chosenFor(configOf([]).backends, circuit)).toBeNull();
  });

  it('is refused with the place and what it must be', () => {
    expect(() => configOf(['rapidsnark'])).toThrow(/backends.0: must be <circuit>=<command>/);
    expect(() => configOf(['a=x', 'a=y'])).toThrow(/backends: names a circuit twice/);
    expect(() => configOf(['a=x {wtns} {zkProof}'])).toThrow(/backends.0: \{wtns\} is no placeholder/);
  });
});

describe('what a native prover writes', () => {
  it.each(ZK_PROTOCOLS)('becomes the strict spelling of %s without labels', (protocol) => {
    const { zkProof } = tinySamples(protocol)[0]!;
    const { curve: _curve, protocol: _protocol, ...bare } = zkProof as unknown as Record<string, unknown>;
    expect(normaliseZkProof(protocol, bare)).toEqual(zkProof);
    expect(normaliseZkProof(protocol, { ...bare, curve: 'alt_bn-128', protocol: protocol.toUpperCase() })).toEqual(
      zkProof,
    );
  });

  it('is refused when it is for another curve or protocol', () => {
    const { zkProof } = tinySamples('groth16')[0]!;
    expect(() => normaliseZkProof('groth16', { ...zkProof, curve: 'bls12381' })).toThrow(/curve/);
    expect(() => normaliseZkProof('groth16', { ...zkProof, protocol: 'plonk' })).toThrow(/protocol/);
    expect(() => normaliseZkProof('plonk', zkProof)).toThrow(ProvingError);
  });

  it('is refused with a typed error, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...ZK_PROTOCOLS), (value, protocol) => {
        expect(() => normaliseZkProof(protocol, value)).toThrow(ProvingError);
      }),
    );
  });
});
