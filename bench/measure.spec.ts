import { alternate, median, quantile, type Context } from './measure.js';

const context = { n: 1, log: () => undefined } as unknown as Context;
const side = (values: number[], rows: number) => (round: number) =>
  Promise.resolve({ value: values[round - 1] as number, counts: { rows } });

describe('measure', () => {
  it('takes quantiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile([7], 0.99)).toBe(7);
    expect(median([3, 1, 2])).toBe(2);
  });

  it('answers the median of each side', async () => {
    const sides = await alternate(context, 'x', side([1, 9, 2], 5), side([10, 30, 20], 5));
    expect(sides).toEqual({ ours: 2, reference: 20 });
  });

  it('fails when the two sides did not do the same work', async () => {
    await expect(alternate(context, 'x', side([1, 1, 1], 4), side([1, 1, 1], 5))).rejects.toThrow(
      'the two sides differ',
    );
  });
});
