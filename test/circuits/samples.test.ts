import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { samplesOf } from '#cli/circuitSamples.js';
import { contentHashOf } from '#protocol/contentHash.js';

const example = (name: string) => readFileSync(`${circuitFiles().folder}/../../examples/${name}`, 'utf8');

it('the committed samples are jobs of block-64.json (`understudy circuit samples`)', () => {
  expect(example('samples.json')).toBe(samplesOf(JSON.parse(example('block-64.json'))));
});

it('they are several, each with the input of its hash', () => {
  const samples = JSON.parse(example('samples.json')) as { inputHash: string; input: unknown }[];
  expect(samples.length).toBeGreaterThan(4);
  expect(new Set(samples.map(({ inputHash }) => inputHash)).size).toBe(samples.length);
  for (const { inputHash, input } of samples) expect(contentHashOf(input)).toBe(inputHash);
});
