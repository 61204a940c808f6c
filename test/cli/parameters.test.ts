import { describe, expect, it } from 'vitest';
import { DEFAULT_PARAMETERS, parametersFlaw } from '#protocol/parameters.js';
import { changedParameters } from '../../coordinator/cli/parameters.js';

describe('changes of parameters', () => {
  it('make a whole new document of the old one', () => {
    const changed = changedParameters(DEFAULT_PARAMETERS, ['lateBps=0', 'latenessPct=100,200', 'priorOnTimePpm=1,2']);
    const lists = { latenessPct: [100, 200], priorOnTimePpm: [1, 2] };
    expect(changed).toEqual({ ...DEFAULT_PARAMETERS, lateBps: 0, ...lists });
  });

  it.each([
    ['lateBps', /of the form key=value/],
    ['lateBp=1', /no parameter lateBp/],
    ['constructor=1', /no parameter constructor/],
    ['lateBps=10001', /lateBps: /],
    ['lateBps=much', /lateBps: /],
    ['lateBps=1,2', /lateBps: /],
    ['latenessPct=1', /latenessPct\.0: /],
  ])('refuse %s', (change, reason) => {
    expect(() => changedParameters(DEFAULT_PARAMETERS, [change])).toThrow(reason);
  });

  it.each([
    ['latenessPct=100,150', /one length/],
    ['latenessPct=100,125,150,200,300,300', /must rise/],
    ['latenessPct=101,125,150,200,300,500', /begin with 100/],
    ['priorOnTimePpm=2,1,3,4,5,6', /must not fall/],
    ['bidWindowMsMin=600001', /bidWindowMsMin/],
    ['provingSamplesMin=21', /provingSamplesMin/],
    ['leaseMs=999', /leaseMs/],
    ['downtimeMsMin=1000', /downtimeMsMin/],
    ['bidRevealMs=2000', /bidRevealMs/],
  ])('that contradict themselves are told apart: %s', (change, reason) => {
    expect(parametersFlaw(changedParameters(DEFAULT_PARAMETERS, [change]))).toMatch(reason);
    expect(parametersFlaw(DEFAULT_PARAMETERS)).toBeNull();
  });
});
